//! What the service says when it has started.

use crate::listen::OFFENDERS;
use crate::options::Options;

pub(crate) fn greeting(options: &Options, jobs: usize) -> String {
    let api = format!("http://{}", options.api);
    let grpc = &options.grpc;
    let metrics = format!("http://{}/metrics", options.metrics);
    let offenders = format!("http://{}{OFFENDERS}", options.metrics);
    let database = options.database.display();
    let traffic = match (options.traffic, options.operations) {
        (Some(rate), None) => format!("{rate} requests per second (none with --traffic off)"),
        (Some(rate), Some(operations)) => format!("{operations} requests, {rate} per second"),
        (None, _) => "off".to_owned(),
    };
    let llm = options.llm.as_deref().unwrap_or("a stand-in (others with --llm URL)");
    format!(
        r#"api       {api}
grpc      http://{grpc}
metrics   {metrics}
database  {database}, {jobs} jobs left by the last run
model     {llm}
traffic   {traffic}

Open http://{}/ in a browser ({offenders} after a scan), or try:
  curl -s {metrics} | grep ^incidents_active
  id=$(curl -s {api}/v1/incidents -H 'content-type: application/json' \
    -d '{{"title": "No GPU is free", "severity": "P1", "source": "llm-sentinel", "category": "availability"}}' \
    | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  curl -sw '\n' {api}/v1/incidents/$id/findings
  curl -sw '\n' -X POST {api}/v1/incidents/$id/resolve
  curl -sw '\n' '{api}/v1/incidents?state=RESOLVED&limit=3'
  grpcurl -plaintext -proto examples/incident_manager/proto/incidents.proto \
    -d '{{"limit": 3}}' {grpc} incidents.v1.Incidents/ListIncidents

Ctrl-C stops the service.
"#,
        options.metrics
    )
}
