//! The page for people, with something to see: `cargo run --features page --example page`, then open <http://127.0.0.1:9090/>.
//!
//! It has some traffic, a slow route, clients that make up label values, a collector that fails and a circuit breaker that is open.
//! `page ADDRESS SERIES` serves elsewhere, and so many series of one family.

use std::env::args;
use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::export::Server;
use quipu::guard::CircuitBreaker;
use quipu::{Counter, Family, Histogram, LabelNames, LabelValue, Registry, StateSet, Summary};

/// What a label value may look like that comes from outside.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"\\\n{}";

struct Queue;

impl Collector for Queue {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("queue_depth", "Jobs that wait.");
    }

    fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        Err("cannot connect to 10.0.0.7:6379: <connection refused>".into())
    }
}

#[derive(LabelValue)]
enum Stage {
    Idle,
    Working,
    Draining,
}

struct Traffic {
    requests: Family<Counter, LabelNames<3>>,
    seconds: Family<Histogram, LabelNames<2>>,
    logins: Family<Counter, LabelNames<1>>,
    sizes: Summary,
    waits: Family<Summary, LabelNames<1>>,
    stage: StateSet<Stage>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = args().nth(1).unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let series: usize = args().nth(2).map_or(Ok(9_000), |series| series.parse())?;
    let registry = Registry::builder().max_series(2_000_000).max_bytes(1 << 30).build()?;
    let traffic = register(&registry)?;

    let shards = registry.counter("shard_writes_total", "Writes to a shard.").labels(["shard"]).max_series(2_000_000);
    let shards = shards.register()?;
    (0..series).for_each(|n| shards.with([&format!("shard-{n:06}")]).inc_by(n as u64));
    let hostile = registry.gauge("hostile_values", "A label <b>value</b> that is no markup: &amp; \"quoted\".");
    let hostile = hostile.labels(["value"]).register()?;
    hostile.with([HOSTILE]).set(1.0);
    hostile.with(["tame"]).set(2.0);
    registry.gauge("temperature_celsius", "Temperature of the room.").register()?.set(21.5);
    registry.collect(Queue)?;

    let breaker =
        CircuitBreaker::builder("llm").min_calls(1).cool_down(Duration::from_secs(3_600)).register(&registry)?;
    let _ = breaker.call_blocking(|| Err::<(), _>("down"));
    CircuitBreaker::builder("database").register(&registry)?;

    let server = Server::builder(registry).page().serve(&*address)?;
    println!("http://{}/", server.local_addr());
    let start = Instant::now();
    let busy: Vec<_> = (0..100).map(|n| shards.handle([&format!("shard-{n:06}")])).collect();
    for n in 0_u64.. {
        traffic.serve(n, start.elapsed().as_secs_f64());
        busy[(n % 7) as usize].inc();
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn register(registry: &Registry) -> Result<Traffic, Box<dyn Error>> {
    let requests = registry.counter("http_requests_total", "Requests that were answered.");
    let seconds = registry.histogram("http_request_duration_seconds", "Time to the end of an answer.").unit("seconds");
    let logins = registry.counter("logins_total", "Logins, by a name that clients choose.");
    let sizes = registry.summary("answer_size_bytes", "Size of an answer.").unit("bytes").quantiles([]);
    let waits = registry.summary("queue_wait_seconds", "Time that a job waits.").unit("seconds").quantiles([0.5, 1.0]);
    let stage = registry.state_set("worker_stage", "What the worker is at.");
    Ok(Traffic {
        requests: requests.labels(["method", "path", "status"]).register()?,
        seconds: seconds.labels(["method", "path"]).register()?,
        logins: logins.labels(["tenant"]).max_values("tenant", 20).register()?,
        sizes: sizes.register()?,
        waits: waits.labels(["queue"]).register()?,
        stage: stage.register()?,
    })
}

impl Traffic {
    /// One request: its route, its outcome and its time follow from its number.
    fn serve(&self, n: u64, at: f64) {
        let (method, path, scale) = [
            ("GET", "/v1/incidents/{id}", 0.01),
            ("GET", "/v1/incidents", 0.04),
            ("POST", "/v1/incidents", 0.08),
            ("GET", "/v1/search", 0.3),
        ][(n % 4) as usize];
        let wave = 1.0 + 0.8 * (at / 20.0).sin();
        let spread = 0.3 + ((n * 7_919) % 1_000) as f64 / 400.0;
        self.seconds.with([method, path]).observe(scale * wave * spread);
        let status = if n.is_multiple_of(37) { "500" } else { "200" };
        self.requests.with([method, path, status]).inc();
        self.sizes.observe(2_000.0 * spread);
        self.waits.with([if n.is_multiple_of(2) { "mail" } else { "print" }]).observe(0.02 * wave * spread);
        self.stage.set(match (at / 5.0) as u64 % 3 {
            0 => Stage::Idle,
            1 => Stage::Working,
            _ => Stage::Draining,
        });
        if n.is_multiple_of(3) {
            self.logins.with([&format!("tenant-{}", (n * 104_729) % 400)]).inc();
        }
    }
}
