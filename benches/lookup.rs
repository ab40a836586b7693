//! What it costs to find a series by its labels and to count in it, for each way of giving labels.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use quipu::{LabelSet, LabelValue, Registry};

mod works {
    pub(crate) mod lookup;
    pub(crate) mod overflow;
    pub(crate) mod random;
    pub(crate) mod time;
}
use works::lookup::{Keys, LABELS, strings};
use works::overflow::{Limit, refused};
use works::time::time;

#[derive(Clone, Copy, LabelValue)]
enum Method {
    Get,
    Post,
    Put,
    Delete,
}

#[derive(Clone, Copy, LabelValue)]
enum Route {
    Incidents,
    Incident,
    Alerts,
    Teams,
    Users,
    Health,
}

#[derive(Clone, Copy, LabelValue)]
enum Outcome {
    Success,
    Redirect,
    ClientError,
    ServerError,
}

const METHODS: [Method; 4] = [Method::Get, Method::Post, Method::Put, Method::Delete];
const ROUTES: [Route; 6] =
    [Route::Incidents, Route::Incident, Route::Alerts, Route::Teams, Route::Users, Route::Health];
const OUTCOMES: [Outcome; 4] = [Outcome::Success, Outcome::Redirect, Outcome::ClientError, Outcome::ServerError];

#[derive(LabelSet)]
struct Open {
    method: Method,
    path: String,
    status: String,
}

#[derive(LabelSet)]
struct Closed {
    method: Method,
    route: Route,
    outcome: Outcome,
}

/// By a type; `set` makes the label set of a key.
fn typed<L: LabelSet>(set: impl Fn(&Keys, [usize; 3]) -> L) -> impl Fn(usize) {
    let keys = Keys::few();
    let family = Registry::new().counter("http_requests_total", "Requests.").label_set::<L>().register();
    let family = family.expect("the first");
    let sets: Vec<L> = keys.all().map(|key| set(&keys, key)).collect();
    sets.iter().for_each(|set| family.with(set).inc());
    move |position| {
        let [method, path, status] = keys.at(position);
        family.with(&sets[(method * ROUTES.len() + path) * OUTCOMES.len() + status]).inc();
    }
}

fn dyn_names() -> impl Fn(usize) {
    let keys = Keys::few();
    let family = Registry::new().counter("http_requests_total", "Requests.").dyn_labels(&LABELS).register();
    let family = family.expect("the first");
    move |position| family.with(&keys.texts(keys.at(position))).expect("as many values as names").inc()
}

fn lookup(criterion: &mut Criterion) {
    fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, operation: impl Fn(usize)) {
        group.bench_function(name, |bencher| bencher.iter_custom(|times| time(times, &operation)));
    }
    let open = |keys: &Keys, [method, path, status]: [usize; 3]| Open {
        method: METHODS[method],
        path: keys.values[1][path].clone(),
        status: keys.values[2][status].clone(),
    };
    let closed = |_: &Keys, [method, route, outcome]: [usize; 3]| Closed {
        method: METHODS[method],
        route: ROUTES[route],
        outcome: OUTCOMES[outcome],
    };
    let mut group = criterion.benchmark_group("lookup");
    bench(&mut group, "3 strings, 96 series", strings(Keys::few()));
    bench(&mut group, "3 strings, refused: too many values", refused(Limit::Values));
    bench(&mut group, "3 strings, refused: too many series", refused(Limit::Series));
    bench(&mut group, "3 strings, 10,000 series", strings(Keys::many()));
    bench(&mut group, "dynamic names, 96 series", dyn_names());
    bench(&mut group, "typed set with strings, 96 series", typed(open));
    bench(&mut group, "closed set, 96 series", typed(closed));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = lookup
}
criterion_main!(benches);
