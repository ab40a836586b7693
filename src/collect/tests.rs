//! What scrapes see of collectors that take their time.

use super::*;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn a_closure_is_read_at_each_scrape() {
    let registry = Registry::new();
    let mut n = 0;
    let read = move || {
        n += 1;
        n
    };
    registry.counter("a_total", "A.").collect(read).unwrap();
    registry.gauge("b_bytes", "B.").unit("bytes").collect(|| 0.5).unwrap();
    assert!(registry.to_text().contains("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"));
    let text = registry.to_text();
    assert!(text.contains("\na_total 2\n") && text.contains("b_bytes 0.5\n"), "{text}");
    assert!(text.contains("quipu_collector_up{collector=\"a_total\"} 1\n"), "{text}");
}

#[test]
fn what_comes_late_is_shown_once_by_the_next_scrape_that_waits_in_vain() {
    let registry = Registry::new();
    let (send, receive) = mpsc::channel();
    registry.gauge("a", "A.").collect(move || receive.recv().unwrap_or(f64::NAN)).unwrap();
    let scrape = |within| {
        let gathered = block_on(crate::registry::collect(vec![registry.clone()], within), || Some(within)).unwrap();
        let mut snapshot = crate::model::Snapshot::default();
        assert!(!crate::registry::Gather::new(gathered).step(&mut snapshot));
        (snapshot.value("a", &[]), snapshot.value("quipu_collector_up", &[("collector", "a")]))
    };
    let [short, long] = [Duration::from_millis(20), Duration::from_secs(60)];
    assert_eq!(scrape(short), (None, Some(0.0)));
    // Nobody waits for the same call again.
    let start = Instant::now();
    assert_eq!(scrape(short), (None, Some(0.0)));
    assert!(start.elapsed() < short * 10);
    // It ends, which can be seen by the next call: that waits for the second value.
    send.send(1.0).unwrap();
    send.send(2.0).unwrap();
    while scrape(short) != (Some(2.0), Some(1.0)) {}
    send.send(3.0).unwrap();
    assert_eq!(scrape(long), (Some(3.0), Some(1.0)));
    assert_eq!(scrape(short), (Some(3.0), Some(0.0)));
    assert_eq!(scrape(short), (None, Some(0.0)));
    drop(send);
}
