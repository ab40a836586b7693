//! What the whole catalogue takes of memory while nothing is recorded. A process of its own, as it looks at all of it.

#![cfg(target_os = "linux")]

use quipu_catalog::{Catalog, llm::Prices};

/// Memory of this process that is its own and resident, in bytes: counted page by page, as the number in `status` lags behind.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = pages.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn the_catalogue_at_rest_takes_less_than_500_kb() {
    // What the process takes for any metric, and what the test needs itself, is there before.
    let any = quipu::Registry::new();
    any.counter("a_total", "A.").labels(["a"]).register().unwrap().with(["a"]).inc();
    any.histogram("b", "B.").register().unwrap().observe(1.0);
    any.in_flight_gauge("c", "C.").register().unwrap().inc();
    drop(any.to_text());
    resident();
    let before = resident();
    let registry = quipu::Registry::new();
    let catalog = Catalog::register(&registry, Prices::none()).unwrap();
    let taken = resident() - before;
    let series: f64 =
        registry.snapshot().family("quipu_series").unwrap().series().iter().filter_map(|one| one.value()).sum();
    println!("{taken} bytes for {series} series");
    assert!(taken <= 500 << 10, "{taken} bytes");
    drop(catalog);
}
