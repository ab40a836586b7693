//! Registries to scrape. Their lines are 80 to 90 bytes long.

use quipu::Registry;
use std::hint::black_box;

const LABELS: [&str; 3] = ["method", "path", "status"];

/// Eleven buckets, `+Inf`, the sum and the count.
pub(crate) const LINES_PER_HISTOGRAM: usize = 14;

/// The labels of a series.
pub(crate) fn labels(series: usize, use_labels: impl FnOnce([&str; 3])) {
    let method = ["GET", "POST", "PUT", "PATCH", "DELETE"][series % 5];
    let status = ["200", "201", "204", "301", "400", "401", "404", "409", "500", "503"][series / 5 % 10];
    use_labels([method, &format!("/v1/tenants/{series:06}/keys"), status]);
}

/// What a counter has counted: one to seven digits.
pub(crate) fn count(series: usize) -> u64 {
    10_u64.pow(series as u32 % 7) + series as u64 % 7
}

pub(crate) fn counters(series: usize) -> Registry {
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let family = registry.counter("http_requests_total", "Requests.").labels(LABELS).register().expect("the first");
    (0..series).for_each(|n| labels(n, |labels| family.with(labels).inc_by(count(n))));
    registry
}

/// With one observation in every bucket.
pub(crate) fn histograms(series: usize) -> Registry {
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let family = registry.histogram("http_request_duration_seconds", "Requests.").labels(LABELS).register();
    let family = family.expect("the first");
    for n in 0..series {
        labels(n, |labels| {
            let histogram = family.with(labels);
            histogram.bounds().iter().for_each(|bound| histogram.observe(*bound));
            histogram.observe(20.0);
        });
    }
    registry
}

/// Scrapes everything, one chunk after another into the same buffer.
pub(crate) fn scrape(registry: &Registry, chunk: &mut Vec<u8>) {
    let mut scrape = registry.scrape();
    while scrape.next_chunk(chunk).expect("text is never broken off") {
        black_box(&chunk);
    }
}
