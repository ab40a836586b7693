//! What the service says when it has started.

use quipu::engine::Running;

use crate::options::Options;

pub(crate) fn greeting(options: &Options, running: &Running, jobs: usize) -> String {
    let api = format!("http://{}", options.api);
    let grpc = &options.grpc;
    let settings = running.engine().settings();
    let url = |path: &str| Some(format!("http://{}{path}", running.local_addr()?));
    let metrics = url(&settings.endpoint_path);
    let shown = metrics.as_deref().unwrap_or("not served");
    let database = options.database.display();
    let traffic = match (options.traffic, options.operations) {
        (Some(rate), None) => format!("{rate} requests per second (none with --traffic off)"),
        (Some(rate), Some(operations)) => format!("{operations} requests, {rate} per second"),
        (None, _) => "off".to_owned(),
    };
    let llm = options.llm.as_deref().unwrap_or("a stand-in (others with --llm URL)");
    let hint = metrics.as_deref().map_or_else(
        || "Try:\n".to_owned(),
        |metrics| {
            let page = if settings.server.page { url("/") } else { Some(metrics.to_owned()) };
            let offenders = settings.server.offenders_path.as_deref().and_then(url);
            let offenders = offenders.map(|offenders| format!(" ({offenders} after a scan)")).unwrap_or_default();
            format!(
                "Open {} in a browser{offenders}.\n\nTry:\n  curl -s {metrics} | grep ^incidents_active\n",
                page.unwrap_or_default()
            )
        },
    );
    format!(
        r#"api       {api}
grpc      http://{grpc}
metrics   {shown}
database  {database}, {jobs} jobs left by the last run
model     {llm}
traffic   {traffic}

{hint}  id=$(curl -s {api}/v1/incidents -H 'content-type: application/json' \
    -d '{{"title": "No GPU is free", "severity": "P1", "source": "llm-sentinel", "category": "availability"}}' \
    | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  curl -sw '\n' {api}/v1/incidents/$id/findings
  curl -sw '\n' -X POST {api}/v1/incidents/$id/resolve
  curl -sw '\n' '{api}/v1/incidents?state=RESOLVED&limit=3'
  grpcurl -plaintext -proto examples/incident_manager/proto/incidents.proto \
    -d '{{"limit": 3}}' {grpc} incidents.v1.Incidents/ListIncidents

Ctrl-C stops the service.
"#
    )
}
