//! What one call of each path costs, beside the budget it was given.
//!
//! ```console
//! cargo bench --bench budget
//! ```
//!
//! A figure is the minimum of many short rounds: what the call takes when nothing else wants the processor. Fails when a
//! budget promised to users is exceeded; those of the project's own are tight, and a busy or slow machine misses them.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use axum::Router;
use quipu::Registry;
use quipu::grpc::{self, GrpcMetrics};
use quipu::http::{HttpMetrics, RequestBody, ResponseBody, ResponseFuture};
use tower::Layer;

mod works {
    pub(crate) mod call;
    pub(crate) mod exposition;
    pub(crate) mod lookup;
    pub(crate) mod random;
    pub(crate) mod recording;
    pub(crate) mod request;
    pub(crate) mod time;
    pub(crate) mod timed;
}
use works::call::{Hello, call};
use works::exposition::{self, LINES_PER_HISTOGRAM, scrape};
use works::lookup::{Keys, strings};
use works::recording::{counter, float_counter, histogram, histograms, in_flight_gauge};
use works::request::{request, router, runtime, served, uri};
use works::time::time;
use works::timed;

/// How long each path is measured.
const SHARE: Duration = Duration::from_millis(800);

struct Row {
    path: &'static str,
    unit: &'static str,
    budget: f64,
    measured: f64,
}

impl Row {
    fn is_kept(&self) -> bool {
        self.measured <= self.budget
    }
}

/// Nanoseconds of one of the calls that a round makes.
fn minimum(calls: u64, mut round: impl FnMut() -> Duration) -> f64 {
    let start = Instant::now();
    let mut least = round();
    while start.elapsed() < SHARE {
        least = least.min(round());
    }
    least.as_secs_f64() * 1e9 / calls as f64
}

/// A row for an operation that takes nanoseconds.
fn operation(path: &'static str, budget: f64, operation: impl Fn(usize)) -> Row {
    const CALLS: u64 = 50_000;
    Row { path, unit: "ns", budget, measured: minimum(CALLS, || time(CALLS, &operation)) }
}

/// A row for a scrape, by the line.
fn lines(path: &'static str, budget: f64, lines: usize, registry: &Registry) -> Row {
    let mut chunk = Vec::new();
    let round = || {
        let start = Instant::now();
        scrape(registry, &mut chunk);
        start.elapsed()
    };
    Row { path, unit: "ns", budget, measured: minimum(lines as u64, round) }
}

/// Microseconds of a request to each router. They take turns, since what one adds to another is a small difference.
fn microseconds<const N: usize>(routers: [Router; N]) -> [f64; N] {
    const CALLS: u32 = 100;
    let (mut routers, runtime, uri) = (routers.map(served), runtime(), uri());
    let mut least = [Duration::MAX; N];
    let start = Instant::now();
    while start.elapsed() < SHARE * N as u32 {
        for (router, least) in routers.iter_mut().zip(&mut least) {
            let start = Instant::now();
            (0..CALLS).for_each(|_| request(&runtime, router, &uri));
            *least = start.elapsed().min(*least);
        }
    }
    least.map(|least| (least / CALLS).as_secs_f64() * 1e6)
}

/// What a request to a router with the HTTP layer takes, and what the layer adds to it.
fn layered() -> (f64, f64) {
    let metrics = HttpMetrics::new(&Registry::new()).expect("the first");
    let [whole, bare] = microseconds([router().layer(quipu_axum::layer(&metrics)), router()]);
    (whole, whole - bare)
}

/// What the HTTP layer and the gRPC layer add to a unary call of a bare service. The three take turns.
fn added_to_a_call() -> [f64; 2] {
    const CALLS: u32 = 1_000;
    let http = HttpMetrics::new(&Registry::new()).expect("the first").layer(|_| Some("/incidents.v1.Incidents/Get"));
    let grpc = GrpcMetrics::new(&Registry::new()).expect("the first").layer();
    let (mut bare, mut http, mut grpc) = (Hello, http.layer(Hello), grpc.layer(Hello));
    let mut calls: [&mut dyn FnMut(); 3] = [&mut || call(&mut bare), &mut || call(&mut http), &mut || call(&mut grpc)];
    let mut least = [Duration::MAX; 3];
    let start = Instant::now();
    while start.elapsed() < SHARE * 3 {
        for (call, least) in calls.iter_mut().zip(&mut least) {
            let start = Instant::now();
            (0..CALLS).for_each(|_| call());
            *least = start.elapsed().min(*least);
        }
    }
    let [bare, http, grpc] = least.map(|least| least.as_secs_f64() * 1e9 / f64::from(CALLS));
    [http - bare, grpc - bare]
}

fn promised(whole: f64, added: f64, grpc_added: f64) -> Vec<Row> {
    let state = size_of::<ResponseFuture<()>>() + size_of::<RequestBody<()>>() + size_of::<ResponseBody<()>>();
    let grpc_state = size_of::<grpc::ResponseFuture<()>>()
        + size_of::<grpc::RequestBody<()>>()
        + size_of::<grpc::ResponseBody<()>>();
    vec![
        Row { path: "HTTP layer, whole request, axum included", unit: "µs", budget: 500.0, measured: whole },
        Row { path: "HTTP layer, what it adds to one", unit: "µs", budget: 500.0, measured: added },
        Row { path: "state kept per request in flight", unit: "B", budget: 100.0, measured: state as f64 },
        Row { path: "gRPC layer, what it adds to a call", unit: "µs", budget: 300.0, measured: grpc_added / 1e3 },
        Row { path: "state kept per gRPC call under way", unit: "B", budget: 200.0, measured: grpc_state as f64 },
    ]
}

/// Timed functions, beside what a timer cannot do without.
fn timers() -> Vec<Row> {
    let readings = operation("two readings of the clock", f64::INFINITY, timed::readings());
    let budget = 1.5 * readings.measured;
    vec![
        Row { budget: readings.measured, ..readings },
        operation("`#[timed]`, an empty function", budget, timed::function()),
        operation("… with calls, errors and a literal as label", budget, timed::counting_function()),
    ]
}

fn own(added: f64, [http, grpc]: [f64; 2]) -> Vec<Row> {
    const COUNTERS: usize = 100_000;
    const HISTOGRAMS: usize = 5_000;
    let of_counters = exposition::counters(COUNTERS);
    let of_histograms = exposition::histograms(HISTOGRAMS);
    vec![
        operation("counter, increment", 0.6, counter()),
        operation("float counter, add", 1.0, float_counter()),
        operation("in-flight gauge, up and down", 15.0, in_flight_gauge()),
        operation("histogram, observe", 3.5, histogram()),
        operation("1,000 histograms in random order, observe", 4.0, histograms()),
        operation("3 strings among 96 series, find and count", 10.0, strings(Keys::few())),
        operation("3 strings among 10,000 series, find and count", 16.0, strings(Keys::many())),
        lines("scrape of 100,000 counters, per line", 12.0, COUNTERS, &of_counters),
        lines("scrape of 5,000 histograms, per line", 10.0, HISTOGRAMS * LINES_PER_HISTOGRAM, &of_histograms),
        Row { path: "HTTP layer, what it adds to one", unit: "µs", budget: 0.25, measured: added },
        // What it is compared with is its budget.
        Row { path: "gRPC layer, beside twice the HTTP layer's", unit: "ns", budget: 2.0 * http, measured: grpc },
    ]
}

fn print(title: &str, rows: &[Row]) {
    println!("\n{title:<47} {:>9} {:>12} {:>9}", "budget", "one call", "budget is");
    for row in rows {
        let Row { path, unit, budget, measured } = row;
        let verdict = if row.is_kept() { "" } else { "  OVER" };
        // Some are measured themselves.
        let budget = (budget * 100.0).round() / 100.0;
        println!("{path:<47} {budget:>6} {unit:<2} {measured:>9.2} {unit:<2} {:>7.1} ×{verdict}", budget / measured);
    }
}

fn main() -> ExitCode {
    let (whole, added) = layered();
    let of_calls = added_to_a_call();
    let promised = promised(whole, added, of_calls[1]);
    print("promised to users", &promised);
    print("the project's own", &own(added, of_calls));
    print("timed code", &timers());
    if promised.iter().all(Row::is_kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
