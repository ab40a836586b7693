//! Recording through every kind of handle, and what a scrape says of it.

use quipu::Registry;

#[test]
fn a_first_look() {
    let registry = Registry::new();
    let c = registry.counter("jobs_total", "Jobs \\ finished\n.").register().unwrap();
    let v = registry.counter("http_requests_total", "Requests.").labels(["method", "status"]).register().unwrap();
    let h = registry.histogram("latency_seconds", "L").buckets([0.1, 0.5, 1.0]).labels(["a"]).register().unwrap();
    let g = registry.gauge("g", "g").register().unwrap();
    c.inc_by(3);
    for i in 0..200 {
        v.with(["GET", &i.to_string()]).inc();
    }
    v.with(["a\"b", "\n\\"]).inc();
    assert!(v.remove(["GET", "7"]));
    h.with(["x"]).observe(0.3);
    h.with(["x"]).observe(0.3);
    h.with(["x"]).observe(f64::NAN);
    h.with(["y"]).observe(30.0);
    g.set(1.5e300);
    let text = registry.to_text();
    println!("{text}");
    assert_eq!(v.len(), 200);
    assert!(text.contains("jobs_total 3\n"));
}
