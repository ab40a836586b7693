//! What the traffic does to the service.

use std::time::Duration;

use serde_json::json;

use crate::service::{Service, database, eventually};

#[test]
fn the_traffic_makes_all_kinds_of_series() {
    let service = Service::start(&database("traffic"), "500");
    for series in [
        r#"http_requests_total{method="POST",path="/v1/incidents",status="201"}"#,
        r#"http_requests_total{method="POST",path="/v1/incidents",status="400"}"#,
        r#"http_requests_total{method="POST",path="/v1/incidents",status="422"}"#,
        r#"http_requests_total{method="POST",path="/v1/incidents/{id}/acknowledge",status="200"}"#,
        r#"http_requests_total{method="POST",path="/v1/incidents/{id}/acknowledge",status="409"}"#,
        r#"http_requests_total{method="POST",path="/v1/incidents/{id}/resolve",status="200"}"#,
        r#"http_requests_total{method="GET",path="/v1/incidents",status="200"}"#,
        r#"http_requests_total{method="GET",path="/v1/incidents",status="400"}"#,
        r#"http_requests_total{method="GET",path="/v1/incidents/{id}",status="200"}"#,
        r#"http_requests_total{method="GET",path="/v1/incidents/{id}",status="404"}"#,
        r#"http_requests_total{method="GET",path="unmatched",status="404"}"#,
        r#"http_requests_total{method="DELETE",path="/v1/incidents",status="405"}"#,
        r#"http_requests_total{method="GET",path="/health",status="200"}"#,
    ] {
        eventually(|| service.value(series) > Some(0.0), true, series);
    }
}

#[test]
fn the_traffic_goes_on_with_its_own_incidents_only() {
    let file = database("left-open");
    let service = Service::start(&file, "off");
    let create = |title: &str| {
        service.create_from(&json!({
            "title": title, "severity": "P4", "source": "other", "category": "cost",
        }))
    };
    let left_open: Vec<i64> = (0..20).map(|_| create("[traffic] Left open")).collect();
    let of_people: Vec<i64> = (0..20).map(|_| create("Left alone")).collect();
    service.stop("TERM", Duration::from_secs(10));

    let service = Service::start(&file, "500");
    let is_new = |id: &i64| service.get(&format!("/v1/incidents/{id}")).json()["state"] == "NEW";
    eventually(|| left_open.iter().filter(|id| !is_new(id)).count() > 2, true, "left open");
    assert!(of_people.iter().all(is_new));
}

#[test]
fn a_run_with_an_end_says_what_was_answered() {
    for scenario in ["incident", "llm-outage"] {
        let arguments = ["--scenario", scenario, "--operations", "150", "--traffic", "300", "--seed", "7"];
        let mut service = Service::start_with(&database(scenario), &arguments);
        let summary = service.summary();
        assert_eq!(summary["failed"], 0, "{summary}");
        let http = summary["http"].as_array().unwrap();
        for answers in http {
            let [method, route, status] = [0, 1, 2].map(|n| answers[n].as_str().unwrap());
            let series = format!(r#"http_requests_total{{method="{method}",path="{route}",status="{status}"}}"#);
            assert_eq!(service.value(&series), answers[3].as_f64(), "{series}");
        }
        for answers in summary["grpc"].as_array().unwrap() {
            let [method, status] = [0, 1].map(|n| answers[n].as_str().unwrap());
            let labels = format!(r#"service="incidents.v1.Incidents",method="{method}",status="{status}""#);
            let series = format!("grpc_requests_total{{{labels}}}");
            eventually(|| service.value(&series), answers[2].as_f64(), &series);
        }
        let sent: i64 = http.iter().map(|answers| answers[3].as_i64().unwrap()).sum();
        assert!((100..=153).contains(&sent), "{sent}");
        service.stop("TERM", Duration::from_secs(9));
    }
}
