//! Interleaved measurement: every contender does a short round in turn, many times over.
//!
//! Rounds are short and interleaved so that a busy neighbour on the machine hits every contender
//! alike, and the minimum of many rounds is the time without that neighbour. Who shares a core with
//! a virtual machine may be busy for a second, so the rounds of a work go on for several.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The most threads a work uses.
const THREADS: usize = 2;

type Round = Arc<dyn Fn() + Send + Sync>;

/// One crate in one work.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Does `per_round` operations; run by every thread of the work at the same time.
    round: Round,
    /// Runs untimed after each round.
    settle: Option<Round>,
    per_round: usize,
}

impl Contender {
    /// A contender whose round repeats one operation; `operation` is given its position in the round.
    pub(crate) fn repeating(
        name: &'static str,
        per_round: usize,
        operation: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        Self::whole(name, per_round, move || repeat(per_round, &operation))
    }

    /// A contender whose round is one call that does `per_round` units of work.
    pub(crate) fn whole(name: &'static str, per_round: usize, round: impl Fn() + Send + Sync + 'static) -> Self {
        Self { name, round: Arc::new(round), settle: None, per_round }
    }

    /// Runs `settle` after each round, outside the measured time.
    pub(crate) fn settling(mut self, settle: impl Fn() + Send + Sync + 'static) -> Self {
        self.settle = Some(Arc::new(settle));
        self
    }
}

/// Calls `operation` `times` times so that the compiler can neither hoist nor merge any of it.
fn repeat(times: usize, operation: &impl Fn(usize)) {
    // What the operation captured escapes here, so the empty `black_box` below, a barrier for the
    // compiler that costs no instruction, makes it load handles and tables anew each time.
    let operation = black_box(operation);
    for position in 0..times {
        operation(position);
        black_box(());
    }
}

/// What was measured for one contender: time of one operation in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) minimum: f64,
    pub(crate) median: f64,
}

impl Sample {
    /// Sorts the rounds and takes what is reported of them.
    pub(crate) fn of_rounds(name: &'static str, mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { name, minimum: rounds[0], median: rounds[rounds.len() / 2] }
    }
}

/// Numbers of rounds: at least `rounds` of them, and for at least `time`.
pub(crate) fn numbers(rounds: usize, time: Duration) -> impl Iterator<Item = usize> {
    let start = Instant::now();
    (0..).take_while(move |round| *round < rounds || start.elapsed() < time)
}

/// Threads that live as long as the bench, so that per-thread state of every crate is warm.
pub(crate) struct Pool {
    workers: Vec<Worker>,
}

struct Worker {
    jobs: Sender<Job>,
    spans: Receiver<Span>,
}

struct Job {
    round: Round,
    gate: Arc<Gate>,
}

struct Span {
    start: Instant,
    end: Instant,
}

/// Holds threads, spinning, until all have arrived: a sleeping barrier would wake them far apart.
struct Gate(AtomicUsize);

impl Gate {
    fn pass(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) > 0 {
            spin_loop();
        }
    }
}

impl Pool {
    pub(crate) fn new() -> Self {
        let workers = (0..THREADS).map(|_| Worker::spawn()).collect();
        Self { workers }
    }

    /// Measures each contender on `threads` threads at once, in interleaved rounds: at least `rounds` of
    /// them, and for at least `time`.
    pub(crate) fn measure(
        &self,
        contenders: &[Contender],
        threads: usize,
        rounds: usize,
        time: Duration,
    ) -> Vec<Sample> {
        let mut times = vec![Vec::new(); contenders.len()];
        // To warm up.
        for contender in contenders {
            self.round(contender, threads);
        }
        for _ in numbers(rounds, time) {
            for (contender, times) in contenders.iter().zip(&mut times) {
                let taken = self.round(contender, threads);
                times.push(taken.as_secs_f64() * 1e9 / contender.per_round as f64);
            }
        }
        contenders.iter().zip(times).map(|(contender, times)| Sample::of_rounds(contender.name, times)).collect()
    }

    /// From the first thread's start to the last one's end.
    fn round(&self, contender: &Contender, threads: usize) -> Duration {
        let workers = &self.workers[..threads];
        let gate = Arc::new(Gate(AtomicUsize::new(threads)));
        for worker in workers {
            let job = Job { round: contender.round.clone(), gate: gate.clone() };
            worker.jobs.send(job).expect("a worker ended");
        }
        let spans: Vec<Span> = workers.iter().map(|worker| worker.spans.recv().expect("a worker panicked")).collect();
        if let Some(settle) = &contender.settle {
            settle();
        }
        let start = spans.iter().map(|span| span.start).min();
        let end = spans.iter().map(|span| span.end).max();
        end.zip(start).map(|(end, start)| end - start).expect("no threads")
    }
}

impl Worker {
    fn spawn() -> Self {
        let (jobs, queue) = channel::<Job>();
        let (done, spans) = channel();
        thread::spawn(move || {
            for Job { round, gate } in queue {
                gate.pass();
                let start = Instant::now();
                round();
                let end = Instant::now();
                if done.send(Span { start, end }).is_err() {
                    break;
                }
            }
        });
        Self { jobs, spans }
    }
}
