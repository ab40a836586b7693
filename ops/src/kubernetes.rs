//! The same files as a cluster takes them: `kubectl apply --server-side --kustomize ops`, or `deploy/kubernetes`, which refers to it.

use crate::WRITTEN;
use crate::rules::RuleFile;
use crate::settings::Settings;
use std::fmt::Write as _;

/// Rules as resources of the Prometheus operator, one for each file.
pub(crate) fn rules(files: &[RuleFile], settings: &Settings) -> String {
    let name = name(&settings.job);
    let resource = |file: &RuleFile| {
        let groups: Vec<_> = file.groups_to_yaml(settings).lines().map(|line| format!("  {line}\n")).collect();
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {name}-{}\n  labels:\n    \
             app.kubernetes.io/name: {name}\nspec:\n{}",
            file.name,
            groups.concat(),
        )
    };
    format!("{WRITTEN}{}", files.iter().map(resource).collect::<Vec<_>>().join("---\n"))
}

/// Rules and dashboards together. Each dashboard is in a ConfigMap, with the label by which Grafana's sidecar finds it.
pub(crate) fn kustomization<'a>(dashboards: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = format!(
        "{WRITTEN}\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - kubernetes/rules.yml\n\
         generatorOptions:\n  disableNameSuffixHash: true\n  labels:\n    grafana_dashboard: \"1\"\nconfigMapGenerator:\n",
    );
    for dashboard in dashboards {
        let _ = writeln!(text, "  - name: {dashboard}\n    files: [dashboards/{dashboard}.json]");
    }
    text
}

/// A name of Kubernetes' made of any text.
fn name(text: &str) -> String {
    text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}
