//! What the API answers.

use serde_json::{Value, json};

use crate::client::send;
use crate::service::{Service, database};

const VALID: &str = r#"{"title": "Test", "severity": "P1", "source": "llm-shield", "category": "cost"}"#;

#[test]
fn an_incident_goes_its_way() {
    let service = Service::start(&database("way"), "off");
    let created = service.post("/v1/incidents", VALID);
    assert_eq!(created.status, 201);
    let incident = created.json();
    let path = format!("/v1/incidents/{}", incident["id"]);
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert_eq!(service.get(&path).json(), incident);
    let created_at = &incident["created_at"];
    assert!(created_at.as_str().unwrap().ends_with('Z'), "{created_at}");
    let wanted = json!({
        "id": incident["id"], "title": "Test", "severity": "P1", "source": "llm-shield",
        "category": "cost", "state": "NEW", "created_at": created_at, "acknowledged_at": null,
        "started_at": null, "resolved_at": null, "closed_at": null,
    });
    assert_eq!(incident, wanted);

    let acknowledged = service.post(&format!("{path}/acknowledge"), "");
    assert_eq!(acknowledged.status, 200);
    let acknowledged = acknowledged.json();
    assert_eq!(acknowledged["state"], "ACKNOWLEDGED");
    assert!(acknowledged["acknowledged_at"].is_string());

    let started = service.post(&format!("{path}/start"), "");
    assert_eq!(started.json()["state"], "IN_PROGRESS");

    let resolved = service.post(&format!("{path}/resolve"), "");
    assert_eq!(resolved.status, 200);
    assert_eq!(resolved.json()["state"], "RESOLVED");
    assert_eq!(service.get(&path).json(), resolved.json());
    for change in ["acknowledge", "start", "resolve"] {
        let refused = service.post(&format!("{path}/{change}"), "");
        assert_eq!(refused.status, 409);
        let error = format!("incident {} is already RESOLVED", incident["id"]);
        assert_eq!(refused.json(), json!({ "error": error }));
    }
    assert_eq!(service.post(&format!("{path}/close"), "").json()["state"], "CLOSED");
}

#[test]
fn a_listing_is_filtered_and_limited() {
    let service = Service::start(&database("listing"), "off");
    let ids: Vec<i64> = (0..3).map(|_| service.create("P2", "other", "cost")).collect();
    service.post(&format!("/v1/incidents/{}/resolve", ids[1]), "");
    let listed = |query: &str| -> Vec<i64> {
        let Value::Array(incidents) = service.get(&format!("/v1/incidents{query}")).json() else {
            panic!("not a list")
        };
        incidents.iter().map(|incident| incident["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(listed(""), [ids[2], ids[1], ids[0]]);
    assert_eq!(listed("?limit=2"), [ids[2], ids[1]]);
    assert_eq!(listed("?state=NEW"), [ids[2], ids[0]]);
    assert_eq!(listed("?state=NEW&limit=1"), [ids[2]]);
    assert_eq!(listed("?state=ACKNOWLEDGED"), [0; 0]);
}

#[test]
fn mistakes_are_answered_in_json() {
    let service = Service::start(&database("mistakes"), "off");
    let long = VALID.replace("Test", &"x".repeat(201));
    let huge = VALID.replace("Test", &"x".repeat(20_000));
    for (method, path, body, status) in [
        ("GET", "/v1/incidents/7", "", 404),
        ("POST", "/v1/incidents/7/resolve", "", 404),
        ("GET", "/v1/incidents/seven", "", 400),
        ("GET", "/v1/incidents?limit=0", "", 400),
        ("GET", "/v1/incidents?limit=1001", "", 400),
        ("GET", "/v1/incidents?state=OLD", "", 400),
        ("GET", "/v1/incidents?page=2", "", 400),
        ("POST", "/v1/incidents", "{", 400),
        ("POST", "/v1/incidents", "{}", 422),
        ("POST", "/v1/incidents", &VALID.replace("P1", "P9"), 422),
        ("POST", "/v1/incidents", &VALID.replace("Test", " "), 422),
        ("POST", "/v1/incidents", &long, 422),
        ("POST", "/v1/incidents", &huge, 413),
        ("DELETE", "/v1/incidents", "", 405),
        ("GET", "/v2/incidents", "", 404),
    ] {
        let answer = send(service.api, method, path, body);
        assert_eq!(answer.status, status, "{method} {path} {}", answer.body);
        let error = answer.json();
        assert!(error["error"].is_string(), "{method} {path} {error}");
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
    assert_eq!(service.get("/v1/incidents").json(), json!([]));
}

#[test]
fn healthy_while_the_database_answers() {
    let service = Service::start(&database("health"), "off");
    let answer = service.get("/health");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })));
}
