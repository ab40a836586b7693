//! S7: recording through what is warm allocates nothing, and a scrape allocates the same whatever it scrapes.

#![allow(unsafe_code, reason = "an allocator that counts")]

mod grpc;
mod http;

use quipu::clock::ManualClock;
use quipu::{LabelSet, LabelValue, Registry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

struct Counting;

/// What the thread has allocated.
#[derive(Clone, Copy, Default)]
struct Tally {
    allocations: usize,
    live: isize,
    most: isize,
}

thread_local!(static TALLY: Cell<Tally> = const { Cell::new(Tally { allocations: 0, live: 0, most: 0 }) });

fn count(allocations: usize, bytes: isize) {
    let mut tally = TALLY.get();
    tally.allocations += allocations;
    tally.live += bytes;
    tally.most = tally.most.max(tally.live);
    TALLY.set(tally);
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size().cast_signed());
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -layout.size().cast_signed());
        // SAFETY: passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size.cast_signed() - layout.size().cast_signed());
        // SAFETY: passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `f` allocates on this thread.
fn tally(f: impl FnOnce()) -> Tally {
    TALLY.set(Tally::default());
    f();
    TALLY.get()
}

/// As often as it takes for a series to get a slot in the lanes.
const OFTEN: usize = 1_200;

/// Fails unless `record` allocates nothing once it has run.
fn assert_free(what: &str, record: impl Fn()) {
    assert_free_times(OFTEN, what, record);
}

fn assert_free_times(times: usize, what: &str, record: impl Fn()) {
    record();
    let Tally { allocations, .. } = tally(|| (0..times).for_each(|_| record()));
    assert_eq!(allocations, 0, "{what}");
}

#[test]
fn the_tally_counts() {
    let tally = tally(|| drop(std::hint::black_box(vec![0u8; 1000])));
    assert_eq!((tally.allocations, tally.live, tally.most), (1, 0, 1000));
}

/// Every kind of handle, and what it refuses.
fn record_through_handles(registry: &Registry, times: usize) {
    let assert_free = |what: &str, record: &dyn Fn()| assert_free_times(times, what, record);
    let counter = registry.counter("a_total", "A.").register().unwrap();
    let amount = registry.float_counter("b_total", "B.").register().unwrap();
    let level = registry.gauge("c", "C.").register().unwrap();
    let under_way = registry.in_flight_gauge("d", "D.").register().unwrap();
    let tabulated = registry.histogram("e", "E.").register().unwrap();
    let bounds = [-1.0, 1.0, 1.0f64.next_up(), 1e300];
    let searched = registry.histogram("f", "F.").bounds(bounds).register().unwrap();
    assert_free("counter", &|| counter.inc_by(3));
    assert_free("float counter", &|| amount.inc_by(0.1));
    assert_free("float counter, refused", &|| amount.inc_by(-0.1));
    assert_free("gauge, set", &|| level.set(0.1));
    assert_free("gauge, added to", &|| level.add(0.1));
    assert_free("gauge, highest value", &|| level.set_max(1e9));
    assert_free("gauge, time", &|| level.set_to_current_time());
    assert_free("in-flight gauge", &|| under_way.dec());
    assert_free("in-flight guard", &|| drop(under_way.guard()));
    assert_free("histogram with a table", &|| tabulated.observe(0.1));
    assert_free("histogram without one", &|| searched.observe(0.1));
    assert_free("histogram, a duration", &|| tabulated.observe_duration(Duration::from_millis(3)));
    assert_free("histogram, refused", &|| tabulated.observe(f64::NAN));
    assert_free("histogram, a value that comes many times", &|| tabulated.observe_n(0.1, 3));
    let sketched = registry.summary("h", "H.").register().unwrap();
    assert_free("summary", &|| sketched.observe(0.1));
    assert_free("summary, refused", &|| sketched.observe(-0.1));
    let (info, state) = (registry.info("i_info", "I."), registry.state_set::<bool>("j", "J."));
    let (info, state) = (info.register().unwrap(), state.register().unwrap());
    let flags = registry.flag_set::<bool>("k", "K.").register().unwrap();
    assert_free("info, state set and flag set", &|| {
        info.set();
        state.set(true);
        flags.set(true, false);
    });
    assert_free("timer", &|| drop(tabulated.start_timer()));
    assert_free("timed call", &|| tabulated.time(|| ()));
    assert_free("timed future", &|| {
        let timed = pin!(tabulated.time_future(ready(())));
        assert!(timed.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
    assert_free("clone", &|| drop((counter.clone(), tabulated.clone())));
    assert_free("value", &|| assert!(counter.value() > 0 && amount.value() > 0.0));
}

#[test]
fn s7_a_summary_allocates_nothing_when_its_window_slides() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let summary = registry.summary("a", "A.").register().unwrap();
    assert_free("summary, in a new step each time", || {
        clock.advance(Duration::from_secs(120));
        summary.observe(0.1);
    });
}

#[test]
fn s7_a_disabled_registry_allocates_as_little() {
    let registry = Registry::disabled();
    record_through_handles(&registry, OFTEN);
    let family = registry.counter("g_total", "G.").labels(["x"]).register().unwrap();
    let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let next = Cell::new(0);
    assert_free("any labels of a disabled family", || {
        family.with([&values[next.get() % values.len()]]).inc();
        next.set(next.get() + 1);
    });
}

#[test]
fn s7_handles_allocate_nothing() {
    let registry = Registry::new();
    record_through_handles(&registry, OFTEN);
    assert!(quipu::lanes::used_bytes() > 0, "a busy series has a slot in the lanes");
}

/// Threads without a lane included.
#[test]
fn s7_no_thread_of_a_crowd_allocates() {
    const THREADS: usize = 300;
    let registry = Registry::new();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                registry.counter("a_total", "A.").register().unwrap().inc();
                // All have found a lane by now, or none.
                barrier.wait();
                record_through_handles(&registry, 20);
            });
        }
    });
}

#[derive(Clone, Copy, LabelValue)]
enum Queue {
    Mail,
    Reports,
}

#[derive(LabelSet)]
struct Closed {
    queue: Queue,
    retry: bool,
}

#[derive(LabelSet)]
struct Open<'a> {
    queue: Queue,
    worker: u64,
    host: &'a str,
}

#[test]
fn s7_look_ups_allocate_nothing() {
    let registry = Registry::new();
    let names = registry.counter("a_total", "A.").labels(["x", "y", "z"]).register().unwrap();
    let six = ["a", "b", "c", "d", "e", "f"];
    let many = registry.counter("b_total", "B.").labels(six).register().unwrap();
    let dynamic = registry.histogram("c", "C.").dyn_labels(&["x", "y"]).register().unwrap();
    let closed = registry.counter("d_total", "D.").label_set::<Closed>().register().unwrap();
    let open = registry.counter("e_total", "E.").label_set::<Open<'_>>().register().unwrap();
    let long = "long".repeat(100);
    (0..100).for_each(|n| names.with(["GET", &n.to_string(), "200"]).inc());
    assert_free("names", || names.with(["GET", "42", "200"]).inc());
    assert_free("empty and long values", || names.with(["", &long, "a value of 17 bytes"]).inc());
    assert_free("a closed set", || closed.with(Closed { queue: Queue::Mail, retry: true }).inc());
    assert_free("an open set", || {
        let labels = Open { queue: Queue::Reports, worker: u64::MAX, host: "db-1" };
        open.with(labels).inc();
    });
    assert_free("names at run time", || dynamic.with(&["a", "b"]).unwrap().observe(1.0));
    assert_free("two at a time", || {
        let (one, other) = (names.with(["GET", "1", "200"]), names.with(["GET", "2", "200"]));
        one.inc();
        other.inc();
    });
    assert_free("values to be escaped", || names.with(["a\\b", "\"", "\n"]).inc());
    assert_free("six labels", || many.with(six).inc());
}

/// Each lookup is of values that no series has.
#[test]
fn s7_look_ups_beyond_a_limit_allocate_nothing() {
    let registry = Registry::builder().max_series(1_000).build().unwrap();
    let values: Vec<String> = (0..1_000).map(|n| format!("tenant-{n}")).collect();
    let long: Vec<String> = values.iter().map(|value| value.repeat(200)).collect();
    let next = Cell::new(0);
    let assert_free = |what: &str, record: &dyn Fn(usize)| {
        (0..values.len()).for_each(record);
        assert_free(what, || {
            next.set(next.get() + 1);
            record(next.get() % values.len());
        });
    };
    let limited = registry.counter("a_total", "A.").labels(["x", "y", "z"]).max_values("y", 10).register().unwrap();
    assert_free("too many values", &|n| limited.with(["GET", &values[n], "200"]).inc());
    let full = registry.histogram("b", "B.").labels(["x", "y"]).max_series(10).register().unwrap();
    assert_free("too many series", &|n| full.with([&values[n], "200"]).observe(1.0));
    assert_free("a value that is too long", &|n| full.with([&long[n], "200"]).observe(1.0));
    let both = registry.in_flight_gauge("c", "C.").dyn_labels(&["x", "y"]).max_series(5).register().unwrap();
    assert_free("all labels", &|n| both.with(&[&values[n], &values[n]]).unwrap().inc());
    let names = ["a", "b", "c", "d", "e", "f"];
    let many = registry.float_counter("d_total", "D.").labels(names).max_series(10).register().unwrap();
    assert_free("six labels", &|n| many.with(["a", "b", &values[n], "d", "e", "f"]).inc());
    let gauge = registry.gauge("e", "E.").labels(["x"]).max_series(10).register().unwrap();
    assert_free("a gauge", &|n| gauge.with([&values[n]]).set(1.0));
    let refused =
        |name| registry.snapshot().value("quipu_overflowed_lookups_total", &[("family", name), ("label", "y")]);
    assert!(refused("a_total").unwrap() >= 1_200.0);
}

/// What a scrape holds at most, beyond its buffer, and how many chunks it makes.
fn scrape(registry: &Registry, chunk: &mut Vec<u8>) -> (isize, usize) {
    let mut chunks = 0;
    let Tally { most, .. } = tally(|| {
        let mut scrape = registry.scrape();
        while scrape.next_chunk(chunk).unwrap() {
            chunks += 1;
        }
    });
    (most, chunks)
}

#[test]
fn s7_a_scrape_needs_no_more_memory_for_more_series() {
    let registry = Registry::builder().unlimited().build().unwrap();
    let counts = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let sizes = registry.histogram("b", "B.").labels(["n"]).register().unwrap();
    let grow = |series: std::ops::Range<usize>| {
        for n in series {
            let n = n.to_string();
            counts.with([&n]).inc();
            if n.ends_with('0') {
                sizes.with([&n]).observe(1.0);
            }
        }
    };
    let mut chunk = Vec::new();
    grow(0..1_000);
    scrape(&registry, &mut chunk);
    let (few, chunks_of_few) = scrape(&registry, &mut chunk);
    grow(1_000..100_000);
    scrape(&registry, &mut chunk);
    let (many, chunks_of_many) = scrape(&registry, &mut chunk);
    assert!(chunks_of_many > 30 * chunks_of_few, "{chunks_of_few} and {chunks_of_many} chunks");
    // They differ by some KiB: by how many histograms happen to have their cells side by side, and are summed in one go.
    assert!(few.max(many) < 16 * 1024, "{few} and {many} bytes");
}
