//! `#[timed]`, `timed_block!` and `instrumented!`.

use crate::alone::alone;
use crate::warnings::Warnings;
use quipu::clock::ManualClock;
use quipu::timed::Tracker;
use quipu::{Counter, Histogram, LabelValue, Registry, instrumented, timed, timed_block};
use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What this file's functions record into, and what they go by. A test has names of its own.
struct World {
    clock: ManualClock,
    registry: Registry,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let clock = ManualClock::new();
    World { registry: Registry::builder().clock(&clock).build().unwrap(), clock }
});

fn world() -> &'static Registry {
    &WORLD.registry
}

/// The count of a histogram. Its sum is of no use: the clock is that of all tests.
fn count(name: &str, labels: &[(&str, &str)]) -> Option<u64> {
    world().snapshot().histogram(name, labels).map(|seconds| seconds.count())
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    world().snapshot().value(name, labels)
}

/// Polls a future that does not wait.
#[track_caller]
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[derive(LabelValue, Debug, Clone, Copy)]
enum Kind {
    Daily,
    Weekly,
}

#[derive(Debug, PartialEq)]
enum Fault {
    Empty,
    Number(std::num::ParseIntError),
}

impl From<std::num::ParseIntError> for Fault {
    fn from(error: std::num::ParseIntError) -> Self {
        Fault::Number(error)
    }
}

impl Fault {
    fn class(&self) -> &'static str {
        match self {
            Fault::Empty => "empty",
            Fault::Number(_) => "number",
        }
    }
}

#[test]
fn a_function_is_timed_by_the_clock_of_its_registry() {
    static OWN: LazyLock<World> = LazyLock::new(|| {
        let clock = ManualClock::new();
        World { registry: Registry::builder().clock(&clock).build().unwrap(), clock }
    });
    #[timed("build_seconds", registry = OWN.registry, help = "Time to build.", bounds = [1.0, 2.0])]
    fn build(seconds: u64) -> u64 {
        OWN.clock.advance(Duration::from_secs(seconds));
        seconds
    }
    assert_eq!([build(1), build(2)], [1, 2]);
    let snapshot = OWN.registry.snapshot();
    let family = snapshot.family("build_seconds").unwrap();
    assert_eq!((family.help(), family.unit()), ("Time to build.", Some("seconds")));
    let seconds = snapshot.histogram("build_seconds", &[]).unwrap();
    assert_eq!((seconds.bucket_counts(), seconds.sum()), (&[1, 1, 0][..], 3.0));
}

#[timed("parse_seconds", calls, errors, registry = world())]
fn parse(text: &str) -> Result<u32, Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    Ok(text.parse()?)
}

#[test]
fn calls_and_errors_are_counted() {
    assert_eq!(parse("7"), Ok(7));
    let counts = || (count("parse_seconds", &[]), value("parse_calls_total", &[]), value("parse_errors_total", &[]));
    // The first error is an increase of a series that is there.
    assert_eq!(counts(), (Some(1), Some(1.0), Some(0.0)));
    assert_eq!(parse(""), Err(Fault::Empty));
    assert!(parse("seven").is_err());
    assert_eq!(counts(), (Some(3), Some(3.0), Some(2.0)));
}

#[timed("sum_duration_seconds", errors(by = Fault::class), labels(kind, tenant = "x"), registry = world())]
async fn sum(kind: Kind, texts: Vec<String>) -> Result<u32, Fault> {
    let mut sum = 0;
    for text in texts {
        if text.is_empty() {
            return Err(Fault::Empty);
        }
        sum += text.parse::<u32>()?;
    }
    Ok(sum)
}

#[test]
fn labels_are_literals_and_arguments_and_errors_have_classes() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(ready(sum(Kind::Daily, texts(&["1", "2"]))), Ok(3));
    assert_eq!(ready(sum(Kind::Weekly, texts(&[""]))), Err(Fault::Empty));
    assert!(ready(sum(Kind::Weekly, texts(&["1", "two"]))).is_err());
    let labels = |kind| [("kind", kind), ("tenant", "x")];
    assert_eq!(count("sum_duration_seconds", &labels("daily")), Some(1));
    assert_eq!(count("sum_duration_seconds", &labels("weekly")), Some(2));
    for class in ["empty", "number"] {
        let labels = [("kind", "weekly"), ("tenant", "x"), ("error_type", class)];
        assert_eq!(value("sum_errors_total", &labels), Some(1.0), "{class}");
    }
    assert_eq!(value("sum_calls_total", &labels("weekly")), None);
}

#[test]
fn labels_and_bounds_are_any_expressions() {
    #[timed(
        "ship_seconds",
        labels(shard = id % 8, is_big = size > 1000, code = code as u8),
        bounds = [0.5] as [f64; 1],
        registry = world()
    )]
    fn ship(id: u64, size: usize, code: u32) {}
    ship(10, 1001, 7);
    assert_eq!(count("ship_seconds", &[("shard", "2"), ("is_big", "true"), ("code", "7")]), Some(1));
}

#[test]
fn known_classes_are_there_before_their_first_error() {
    #[timed("read_file_seconds", errors(by = |_| Kind::Weekly), labels(from = "disk"), registry = world())]
    fn read_file(result: Result<(), u8>) -> Result<(), u8> {
        result
    }
    let errors = |class| value("read_file_errors_total", &[("from", "disk"), ("error_type", class)]);
    assert_eq!(read_file(Ok(())), Ok(()));
    assert_eq!(["daily", "weekly", "panic"].map(errors), [Some(0.0); 3]);
    assert_eq!(read_file(Err(7)), Err(7));
    assert_eq!(["daily", "weekly", "panic"].map(errors), [Some(0.0), Some(1.0), Some(0.0)]);
}

struct Shop<T> {
    name: String,
    goods: Vec<T>,
}

trait Sell {
    async fn sell(&mut self, n: usize) -> Result<usize, String>;

    #[timed(registry = world())]
    fn stock_of_a_shop(&self) -> usize {
        7
    }
}

impl<T: Debug + Clone> Shop<T> {
    #[timed("shop_names_seconds", registry = world())]
    fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = String> + 'a {
        self.goods.iter().map(move |good| format!("{prefix}{good:?}"))
    }

    #[timed("shop_first_seconds", labels(shop = self.name), errors, registry = world())]
    fn first_mut(&mut self) -> Result<&mut T, &'static str> {
        self.goods.first_mut().ok_or("nothing left")
    }

    #[timed("shop_take_seconds", errors(by = |error| *error), registry = world())]
    fn take<'a>(self, most: usize) -> Result<impl Iterator<Item = T> + use<'a, T>, &'static str>
    where
        T: 'a,
    {
        if self.goods.len() < most {
            Err("too_few")?;
        }
        Ok(self.goods.into_iter().take(most))
    }
}

impl<T> Sell for Shop<T> {
    #[timed("shop_sell_seconds", calls = "shop_sales_total", errors = "shop_failed_sales_total", registry = world())]
    async fn sell(&mut self, n: usize) -> Result<usize, String> {
        for _ in 0..n {
            self.goods.pop().ok_or_else(|| self.name.clone())?;
        }
        Ok(self.goods.len())
    }
}

#[test]
fn methods_generics_and_types_without_a_name_are_timed() {
    let mut shop = Shop { name: "corner".to_owned(), goods: vec![1, 2, 3] };
    assert!(shop.names("n").eq(["n1", "n2", "n3"]));
    *shop.first_mut().unwrap() = 7;
    assert_eq!(ready(shop.sell(1)), Ok(2));
    assert_eq!(ready(shop.sell(9)), Err("corner".to_owned()));
    assert!(shop.first_mut().is_err());
    assert_eq!(shop.stock_of_a_shop(), 7);
    assert!(shop.take(1).is_err());
    let shop = Shop { name: "big".to_owned(), goods: vec!["a", "b"] };
    assert_eq!(shop.take(1).unwrap().collect::<Vec<_>>(), ["a"]);

    let names = ["shop_names_seconds", "stock_of_a_shop_seconds", "shop_take_seconds", "shop_sell_seconds"];
    assert_eq!(names.map(|name| count(name, &[])), [Some(1), Some(1), Some(2), Some(2)]);
    assert_eq!(count("shop_first_seconds", &[("shop", "corner")]), Some(2));
    assert_eq!(value("shop_first_errors_total", &[("shop", "corner")]), Some(1.0));
    assert_eq!(value("shop_take_errors_total", &[("error_type", "too_few")]), Some(1.0));
    assert_eq!(["shop_sales_total", "shop_failed_sales_total"].map(|name| value(name, &[])), [Some(2.0), Some(1.0)]);
}

#[test]
fn a_panic_records_and_is_an_error() {
    #[timed("fall_seconds", errors, labels(kind = kind), registry = world())]
    fn fall(kind: &str) -> Result<(), ()> {
        panic!("as a test, {kind}")
    }
    #[timed("trip_seconds", calls, errors(by = |()| "tripped"), registry = world())]
    async fn trip(falls: bool) -> Result<(), ()> {
        assert!(!falls, "as a test");
        Err(())
    }
    assert!(catch_unwind(|| fall("deep")).is_err());
    assert_eq!(count("fall_seconds", &[("kind", "deep")]), Some(1));
    assert_eq!(value("fall_errors_total", &[("kind", "deep")]), Some(1.0));
    assert!(catch_unwind(AssertUnwindSafe(|| ready(trip(true)))).is_err());
    assert_eq!(ready(trip(false)), Err(()));
    for class in ["panic", "tripped"] {
        assert_eq!(value("trip_errors_total", &[("error_type", class)]), Some(1.0));
    }
    assert_eq!(value("trip_calls_total", &[]), Some(2.0));
}

#[test]
fn a_future_that_is_dropped_half_way_records_and_is_no_error() {
    #[timed("wait_seconds", calls, errors, registry = world())]
    async fn wait() -> Result<(), ()> {
        pending().await
    }
    drop(wait());
    // The place was never reached.
    assert_eq!(count("wait_seconds", &[]), None);
    {
        let mut future = pin!(wait());
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(count("wait_seconds", &[]), Some(0));
    }
    let counts = ["wait_calls_total", "wait_errors_total"].map(|name| value(name, &[]));
    assert_eq!((count("wait_seconds", &[]), counts), (Some(1), [Some(1.0), Some(0.0)]));
}

#[test]
fn a_panic_of_another_is_no_error() {
    #[timed("bystander_seconds", errors, registry = world())]
    async fn bystander() -> Result<(), ()> {
        pending().await
    }
    struct Tidy;
    impl Drop for Tidy {
        fn drop(&mut self) {
            let _: Result<(), ()> = instrumented!("tidy_seconds", registry = world(), {
                if std::thread::panicking() {
                    return;
                }
                Ok(())
            });
        }
    }
    let fallen = catch_unwind(|| {
        let mut future = pin!(bystander());
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let _tidy = Tidy;
        panic!("as a test");
    });
    assert!(fallen.is_err());
    assert_eq!(["bystander_seconds", "tidy_seconds"].map(|name| count(name, &[])), [Some(1); 2]);
    assert_eq!(["bystander_errors_total", "tidy_errors_total"].map(|name| value(name, &[])), [Some(0.0); 2]);
}

#[test]
fn futures_stay_as_sendable_as_they_were() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&sum(Kind::Daily, Vec::new()));
    is_send(&Shop { name: String::new(), goods: vec![1] }.sell(1));
}

#[test]
fn expressions_and_blocks_are_timed() {
    let cell = Cell::new(2);
    assert_eq!(timed_block!("square_seconds", registry = world(), cell.get() * cell.get()), 4);
    let square = |n: u32, kind: Kind| -> Option<u32> {
        let even = timed_block!("even_seconds", labels(kind), registry = world(), {
            if n % 2 == 1 {
                return None;
            }
            Some(n)?
        });
        Some(even)
    };
    assert_eq!([square(2, Kind::Daily), square(3, Kind::Daily)], [Some(2), None]);
    assert_eq!(count("square_seconds", &[]), Some(1));
    assert_eq!(timed_block!("struct_seconds", registry = world(), std::ops::Range { start: 1, end: 3 }), 1..3);
    assert_eq!(count("even_seconds", &[("kind", "daily")]), Some(2));

    let read = |text: &str| instrumented!("read_seconds", registry = world(), text.parse::<u8>());
    assert!(read("7").is_ok() && read("x").is_err());
    let waited = ready(async {
        instrumented!("reread_seconds", registry = world(), poll_fn(|_| Poll::Ready(Err::<(), _>(7))).await)
    });
    assert_eq!(waited, Err(7));
    let counts = |name: &str| ["calls", "errors"].map(|what| value(&format!("{name}_{what}_total"), &[]));
    assert_eq!((counts("read"), counts("reread")), ([Some(2.0), Some(1.0)], [Some(1.0), Some(1.0)]));
}

/// Counts by outcome, as the trackers of a program do.
struct Follow<'a>(&'a Outcomes, Option<&'a Counter>);

struct Outcomes {
    succeeded: Counter,
    failed: Counter,
    cancelled: Counter,
}

impl Drop for Follow<'_> {
    fn drop(&mut self) {
        self.1.unwrap_or(&self.0.cancelled).inc();
    }
}

impl Tracker for Follow<'_> {
    fn succeeded(mut self) {
        self.1 = Some(&self.0.succeeded);
    }
    fn failed(mut self) {
        self.1 = Some(&self.0.failed);
    }
}

#[test]
fn a_tracker_is_told_how_a_call_ends() {
    struct Worker {
        outcomes: Outcomes,
        seconds: Histogram,
    }
    impl Worker {
        #[timed(tracker = Follow(&self.outcomes, None), errors)]
        async fn work(&self, result: Result<u8, u8>) -> Result<u8, u8> {
            if result == Ok(0) { pending().await } else { result }
        }
        #[timed(tracker = self.seconds.start_timer())]
        fn rest(&self) -> u8 {
            timed_block!(tracker = self.seconds.start_timer(), 7)
        }
    }
    let [succeeded, failed, cancelled] = [(); 3].map(|()| Counter::detached());
    let worker = Worker { outcomes: Outcomes { succeeded, failed, cancelled }, seconds: Histogram::detached() };
    assert_eq!(ready(worker.work(Ok(1))), Ok(1));
    assert_eq!(ready(worker.work(Err(2))), Err(2));
    assert!(pin!(worker.work(Ok(0))).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let Outcomes { succeeded, failed, cancelled } = &worker.outcomes;
    assert_eq!([succeeded, failed, cancelled].map(Counter::value), [1, 1, 1]);
    assert_eq!((worker.rest(), worker.seconds.snapshot().count()), (7, 2));
}

#[test]
fn a_conflict_records_for_nobody_and_is_counted_and_logged_once() {
    static OWN: LazyLock<Registry> = LazyLock::new(|| Registry::builder().label("family", "of_all").build().unwrap());
    #[timed("clash_seconds", calls, errors(by = |()| "known"), labels(kind = "a", n), registry = OWN)]
    fn clash(n: u8) -> Result<(), ()> {
        if n == 0 { Ok(()) } else { Err(()) }
    }
    OWN.counter("clash_errors_total", "In the way.").register().unwrap();
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        for n in 0..3 {
            let _ = clash(n);
        }
    });
    let snapshot = OWN.snapshot();
    let conflicts = snapshot.value("quipu_timed_conflicts_total", &[("exported_family", "clash_seconds")]);
    assert_eq!(conflicts, Some(1.0));
    // Neither of the others, which were free.
    assert!(snapshot.family("clash_seconds").is_none() && snapshot.family("clash_calls_total").is_none());
    let messages = warnings.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let expected =
        "what is timed as `clash_seconds` is lost: `clash_errors_total` is already registered without labels";
    assert!(messages[0].starts_with(expected), "{messages:?}");
}

#[test]
fn functions_may_share_a_name_and_be_called_from_the_log() {
    #[timed("shared_seconds", labels(which = "a"), registry = world())]
    fn a() {}
    #[timed("shared_seconds", labels(which = "b"), registry = world())]
    fn b() {}
    a();
    b();
    assert_eq!(["a", "b"].map(|which| count("shared_seconds", &[("which", which)])), [Some(1); 2]);

    #[timed("log_seconds", labels(bad = ""), registry = world())]
    fn log() {}
    struct Subscriber(Warnings);
    impl tracing::Subscriber for Subscriber {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            self.0.new_span(span)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            log();
            self.0.event(event);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    world().gauge("log_seconds", "In the way.").register().unwrap();
    let warnings = Warnings::default();
    tracing::subscriber::with_default(Subscriber(warnings.clone()), log);
    assert_eq!(warnings.messages().len(), 1);
}

#[test]
fn several_attributes_stand_on_one_function() {
    #[timed("whole_seconds", registry = world())]
    #[timed("part_seconds", labels(n), registry = world())]
    fn plain(n: u8) -> u8 {
        n
    }
    #[timed("try_seconds", registry = world())]
    #[timed("retry_seconds", errors, registry = world())]
    async fn fails() -> Result<(), ()> {
        Err(())
    }
    assert_eq!((plain(7), ready(fails())), (7, Err(())));
    assert_eq!(count("part_seconds", &[("n", "7")]), Some(1));
    assert_eq!(["whole_seconds", "try_seconds", "retry_seconds"].map(|name| count(name, &[])), [Some(1); 3]);
    assert_eq!(value("retry_errors_total", &[]), Some(1.0));
}

#[test]
fn a_function_that_never_returns_has_an_end_all_the_same() {
    static SECONDS: LazyLock<Histogram> = LazyLock::new(Histogram::detached);
    #[timed("doom_seconds", registry = world())]
    #[timed(tracker = SECONDS.start_timer())]
    fn doom() -> ! {
        panic!("as a test")
    }
    assert!(
        catch_unwind(|| {
            doom();
        })
        .is_err()
    );
    assert_eq!((count("doom_seconds", &[]), SECONDS.snapshot().count()), (Some(1), 1));
}

#[test]
fn without_a_registry_it_is_that_of_the_process() {
    #[timed("process_wide_seconds")]
    fn work() {}
    alone("timed::without_a_registry_it_is_that_of_the_process", || {
        let registry = Registry::builder().namespace("shop").build().unwrap();
        quipu::set_global(registry.clone()).unwrap();
        work();
        assert_eq!(registry.snapshot().histogram("shop_process_wide_seconds", &[]).unwrap().count(), 1);
    });
}
