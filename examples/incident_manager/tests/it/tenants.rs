//! A scan: requests that name ever new tenants.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{send, send_as};
use crate::service::{Service, database};

/// The values of the series of a family that have this text among their labels.
fn values<'a>(page: &'a str, family: &'a str, label: &'a str) -> impl Iterator<Item = f64> + 'a {
    let series = page.lines().filter(move |line| line.starts_with(&format!("{family}{{")) && line.contains(label));
    series.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[test]
fn every_request_is_counted_whoever_asks() {
    let service = Service::start(&database("tenants"), "off");
    for n in 0..400 {
        let path = if n % 4 == 0 { "/v1/incidents/0" } else { "/health" };
        send_as(&format!("tenant-{n}"), service.api, "GET", path, "");
    }
    let page = service.scrape();
    for (status, wanted) in [("status=\"200\"", 300.0), ("status=\"404\"", 100.0)] {
        assert_eq!(values(&page, "tenant_requests_total", status).sum::<f64>(), wanted);
    }
    // A hundred tenants by name, one series each, and the others together: one for each status.
    assert_eq!(values(&page, "tenant_requests_total", "").count(), 102);
    let others = "tenant=\"__overflow__\"";
    assert_eq!(values(&page, "tenant_requests_total", others).sum::<f64>(), 300.0);
}

#[test]
fn a_scan_leaves_the_page_small_and_is_named() {
    let service = Service::start_with(&database("scan"), &["--scenario", "scan"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = service.scrape();
        let scanned: f64 = values(&page, "tenant_requests_total", "tenant=\"__overflow__\"").sum();
        if scanned > 1_000.0 {
            assert!(page.lines().count() < 5_000, "{page}");
            let named = "family=\"tenant_requests_total\",label=\"tenant\"";
            assert!(page.lines().any(|line| line.contains(named)), "{page}");
            let offenders = send(service.metrics(), "GET", "/debug/offenders", "");
            assert_eq!(offenders.status, 200);
            assert!(offenders.body.contains("tenant_requests_total"), "{}", offenders.body);
            return;
        }
        assert!(Instant::now() < deadline, "{page}");
        sleep(Duration::from_millis(100));
    }
}
