//! `promtool` runs the tests in ops/tests/rules, by ci/ops. Here stands that none is missing.

use crate::{FAMILIES, settings, yaml};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in quipu_ops::rules::all(&FAMILIES, &settings()).unwrap() {
        let tests = yaml::read(&folder.join(format!("tests/rules/{}.yml", file.name)));
        let cases =
            tests["tests"].as_array().unwrap().iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap());
        for case in cases {
            let name = case["alertname"].as_str().unwrap().to_owned();
            let expected = case["exp_alerts"].as_array().unwrap();
            if expected.is_empty() { &mut silent } else { &mut fires }.insert(name);
            for alert in expected {
                let annotations = &alert["exp_annotations"];
                assert!(annotations["description"].is_string() && annotations["summary"].is_string(), "{case}");
            }
        }
    }
    let files = quipu_ops::rules::all(&FAMILIES, &settings()).unwrap();
    let alerts: BTreeSet<String> =
        files.iter().flat_map(|file| file.alerts()).map(|alert| alert.name.to_owned()).collect();
    assert_eq!(fires, alerts, "alerts that are seen to fire, and all");
    // The watchdog is never silent.
    let can_be_silent: BTreeSet<_> = alerts.into_iter().filter(|name| name != "Watchdog").collect();
    assert_eq!(silent, can_be_silent, "alerts that are seen to be silent, and all that can be");
}
