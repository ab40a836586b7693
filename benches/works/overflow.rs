//! Label values that come once and never again, in a family that is full.

use super::lookup::{Keys, LABELS};
use super::random::Cycle;
use quipu::Registry;

/// Paths that no series has.
const PATHS: usize = 256;

/// A lookup that is refused, of keys as long as those of [`Keys::few`]; the series in its place is one of `few` as well.
pub(crate) fn refused(limit: Limit) -> impl Fn(usize) {
    let keys = Keys::few();
    let registry = Registry::new();
    let builder = registry.counter("http_requests_total", "Requests.").labels(LABELS);
    let family = match limit {
        Limit::Values => builder.max_values("path", keys.values[1].len()),
        Limit::Series => builder.max_series(keys.all().count()),
    };
    let family = family.register().expect("the first");
    keys.all().for_each(|key| family.with(keys.texts(key)).inc());
    // As long as those that have one.
    let paths: Vec<String> = (0..PATHS).map(|path| format!("/v9/tenants/{path:05}/ite")).collect();
    let order = Cycle::new(|random| random.below(paths.len()));
    move |position| {
        let [method, _, status] = keys.at(position);
        let [method, status] = [&*keys.values[0][method], &*keys.values[2][status]];
        family.with([method, &paths[order.at(position)], status]).inc();
    }
}

/// What is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Values,
    Series,
}
