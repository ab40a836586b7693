//! What series cost when many threads record into them: memory, a line of a scrape, and the first recordings.
//!
//! ```console
//! cargo bench --bench threads
//! ```
//!
//! Each row is a process of its own. Fails when one takes more memory than it may.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use quipu::{Counter, Family, Histogram, LabelNames, Registry};

const HISTOGRAMS: usize = 10_000;
const COUNTERS: usize = 100_000;

/// What a process of its own does, with how many threads, and the bytes that a series may take.
const ROWS: [(&str, usize, Option<f64>); 8] = [
    ("histograms", 1, Some(450.0)),
    ("histograms", 4, Some(450.0)),
    ("histograms", 16, Some(450.0)),
    ("histograms", 60, Some(450.0)),
    ("histograms, 1 % hot", 60, Some(700.0)),
    ("counters", 60, Some(145.0)),
    ("first recordings: counter", 1, None),
    ("first recordings: histogram", 1, None),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, work, threads] = &arguments[..]
        && flag == "--child"
    {
        child(work, threads.parse().expect("a number of threads"));
        return ExitCode::SUCCESS;
    }
    println!("{:32} {:>7} {:>12} {:>8}   time", "each touched once by", "threads", "bytes/series", "at most");
    let mut is_kept = true;
    for (work, threads, most) in ROWS {
        let this = std::env::current_exe().expect("the path of this program");
        let output = Command::new(this).args(["--child", work, &threads.to_string()]).output().expect("a child");
        assert!(output.status.success(), "{work}: {}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).expect("text");
        let (bytes, time) = output.trim().split_once(' ').expect("two figures");
        let is_within = most.is_none_or(|most| bytes.parse::<f64>().expect("a number") <= most);
        is_kept &= is_within;
        let most = most.map_or_else(String::new, |most| most.to_string());
        println!("{work:32} {threads:7} {bytes:>12} {most:>8}   {time}{}", if is_within { "" } else { "   EXCEEDED" });
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the bytes of a series, and a time with its unit.
fn child(work: &str, threads: usize) {
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let labels: Vec<String> = (0..COUNTERS).map(|n| format!("/v1/things/{n}")).collect();
    let counters = registry.counter("n_total", "N.").labels(["method", "path", "status"]).register().expect("names");
    let histograms = registry.histogram("t_seconds", "T.").labels(["path"]).register().expect("names");
    let touch = |name: &str| histograms.with([name]).observe(0.02);
    // The threads' stacks and their shares of the allocator are not the series'.
    in_threads(threads, || drop(format!("{}", labels.len())));
    match work {
        "counters" => {
            let touch = |name: &String| counters.with(["GET", name, "200"]).inc();
            let bytes = grown_by(|| in_threads(threads, || labels.iter().for_each(touch)));
            println!("{:.0} {}", bytes / COUNTERS as f64, line(&registry, COUNTERS));
        }
        "histograms" => {
            let labels = &labels[..HISTOGRAMS];
            let bytes = grown_by(|| in_threads(threads, || labels.iter().for_each(|name| touch(name))));
            println!("{:.0} {}", bytes / HISTOGRAMS as f64, line(&registry, 14 * HISTOGRAMS));
        }
        "histograms, 1 % hot" => {
            let labels = &labels[..HISTOGRAMS];
            let bytes = grown_by(|| {
                in_threads(threads, || {
                    labels.iter().for_each(|name| touch(name));
                    labels.iter().step_by(100).for_each(|name| (0..100_000).for_each(|_| touch(name)));
                });
            });
            println!("{:.0} {}", bytes / HISTOGRAMS as f64, line(&registry, 14 * HISTOGRAMS));
        }
        "first recordings: counter" => println!("- {}", first_recordings(&counters, &labels)),
        "first recordings: histogram" => println!("- {}", first_observations(&histograms, &labels[..HISTOGRAMS])),
        other => panic!("unknown work: {other}"),
    }
}

/// Runs something in threads that are all there before the first of them ends.
fn in_threads(threads: usize, record: impl Fn() + Sync) {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                record();
                barrier.wait();
            });
        }
    });
}

fn line(registry: &Registry, lines: usize) -> String {
    let mut chunk = Vec::new();
    let rounds = (0..20).map(|_| {
        let start = Instant::now();
        let mut scrape = registry.scrape();
        while scrape.next_chunk(&mut chunk).expect("a whole scrape") {
            black_box(&chunk);
        }
        start.elapsed()
    });
    let least = rounds.min().expect("there are rounds");
    format!("{:.1} ns a line", least.as_secs_f64() * 1e9 / lines as f64)
}

/// The least of many rounds, in each of which a series gets its first hundred recordings.
fn least(rounds: impl Iterator<Item = Duration>) -> String {
    let least = rounds.min().expect("there are rounds");
    format!("{:.1} ns each", least.as_secs_f64() * 1e9 / 100.0)
}

fn first_recordings(family: &Family<Counter, LabelNames<3>>, labels: &[String]) -> String {
    least(labels.iter().map(|name| {
        let counter = family.handle(["GET", name, "200"]);
        counter.inc();
        let start = Instant::now();
        (0..100).for_each(|_| black_box(&counter).inc());
        start.elapsed()
    }))
}

fn first_observations(family: &Family<Histogram, LabelNames<1>>, labels: &[String]) -> String {
    least(labels.iter().map(|name| {
        let histogram = family.handle([name]);
        histogram.observe(0.02);
        let start = Instant::now();
        (0..100).for_each(|n| black_box(&histogram).observe(f64::from(n) / 10.0));
        start.elapsed()
    }))
}

fn grown_by(work: impl FnOnce()) -> f64 {
    let before = resident();
    work();
    resident() - before
}

/// Resident bytes of the process; 0 where the system does not tell in this way.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|pages| pages.split(' ').nth(1)).and_then(|pages| pages.parse::<f64>().ok());
    pages.map_or(0.0, |pages| pages * 4096.0)
}
