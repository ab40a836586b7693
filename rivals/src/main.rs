//! Measures quipu against other metrics crates on the same work, the crates of one work in one process.
//!
//! ```text
//! cargo run --release -p quipu-rivals                         # everything, about two minutes
//! cargo run --release -p quipu-rivals -- --check              # fails when a target is missed
//! cargo run --release -p quipu-rivals -- --only histogram     # works with this in their name
//! cargo run --release -p quipu-rivals -- --quick              # fewer rounds, and no least time
//! ```
//!
//! Each work has a process of its own, so that what earlier ones left behind (memory in pieces, lanes
//! of threads that ended) is not measured, and `--only` measures the same as a whole run. In it,
//! contenders take turns in short rounds, and of many rounds the minimum and the median are
//! printed, with the ratio of each minimum to quipu's. Targets are judged by minima, but how much a
//! scrape slows a writer by the median of neighbouring pairs. Every contender does the same number of operations
//! on the same values, keys and bounds; the line `(empty loop)` is the same loop around nothing,
//! and no line is reduced by it. Each crate is taken in its fastest documented form for the work,
//! which its file in `rivals/` states. What is measured with two threads is the time from the first
//! one's start to the last one's end, for the operations of one thread.
//!
//! Nothing else may run on the machine: with two threads both processors are busy.

mod child;
mod harness;
mod rival;
mod rivals;
mod table;
mod workload;
mod works;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use harness::{Contender, Pool};
use table::{Table, Targets};
use works::Entry;

/// The least number of rounds of a contender, and of one whose round takes tens of milliseconds.
const ROUNDS: usize = 60;
const LONG_ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 12;
const QUICK_LONG_ROUNDS: usize = 3;

/// How long interleaved rounds go on at least, even if there are enough of them.
const TIME: Duration = Duration::from_secs(5);

/// What the works need: threads, rounds, time, and a list to put targets on.
struct Bench {
    pool: Pool,
    rounds: usize,
    long_rounds: usize,
    time: Duration,
    targets: Targets,
}

impl Bench {
    fn new(quick: bool) -> Self {
        let (rounds, long_rounds, time) = match quick {
            true => (QUICK_ROUNDS, QUICK_LONG_ROUNDS, Duration::ZERO),
            false => (ROUNDS, LONG_ROUNDS, TIME),
        };
        Self { pool: Pool::new(), rounds, long_rounds, time, targets: Targets::default() }
    }

    /// Measures contenders whose rounds are short and prints their table.
    fn measure(&self, work: &str, threads: usize, entries: impl IntoIterator<Item = Entry>) -> Table {
        self.measure_rounds(work, threads, self.rounds, entries)
    }

    /// Measures contenders whose rounds are long and prints their table.
    fn measure_long(&self, work: &str, entries: impl IntoIterator<Item = Entry>) -> Table {
        self.measure_rounds(work, 1, self.long_rounds, entries)
    }

    fn measure_rounds(
        &self,
        work: &str,
        threads: usize,
        rounds: usize,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Table {
        let mut contenders: Vec<Contender> = Vec::new();
        let mut missing = Vec::new();
        for entry in entries {
            match entry {
                Entry::Present(contender) => contenders.push(contender),
                Entry::Missing(name) if name != rival::NOTHING => missing.push(name),
                Entry::Missing(_) => {}
            }
        }
        // Two threads need a moment when two processors are left alone.
        let time = self.time * threads as u32;
        let samples = self.pool.measure(&contenders, threads, rounds, time);
        let table = Table::new(work, "ns", samples, missing);
        table.print();
        table
    }
}

/// The arguments of a run.
#[derive(Default)]
struct Options {
    check: bool,
    quick: bool,
    only: Option<String>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--check" => options.check = true,
                "--quick" => options.quick = true,
                "--only" => {
                    options.only = Some(arguments.next().ok_or("--only needs part of a name")?);
                }
                _ => return Err(format!("{argument}: not --check, --quick or --only <name>")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [child::FLAG, "fill", kind, name] => works::memory::fill(kind, name),
        [child::FLAG, "serve"] => works::scrape::serve(),
        [child::FLAG, "measure", name] => measure(name, false),
        [child::FLAG, "measure", name, "--quick"] => measure(name, true),
        _ => match Options::parse(arguments.into_iter()) {
            Ok(options) => return run(&options),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) -> ExitCode {
    let only = options.only.as_deref().unwrap_or_default();
    let mut works = works::ALL.iter().filter(|(name, _)| name.contains(only)).peekable();
    if works.peek().is_none() {
        eprintln!("no work has {only} in its name; there are:");
        works::ALL.iter().for_each(|(name, _)| eprintln!("  {name}"));
        return ExitCode::FAILURE;
    }
    let mut targets = Targets::default();
    for (name, _) in works {
        let arguments = ["measure", name, "--quick"];
        let arguments = &arguments[..if options.quick { 3 } else { 2 }];
        child::for_each_line(arguments, |line| targets.take_or_print(&line));
    }
    targets.print();
    if options.check && !targets.all_met() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures one work, for the process that started this one.
fn measure(name: &str, quick: bool) {
    let mut bench = Bench::new(quick);
    for (_, work) in works::ALL.iter().filter(|(other, _)| *other == name) {
        work(&mut bench);
    }
    bench.targets.tell();
}
