//! The derives of label sets and label values.

use std::collections::BTreeSet;

use crate::read;
use core::num::NonZero;
use quipu::{Counter, Family, LabelBuffer, LabelSet, LabelValue, RegisterError, Registry};

#[derive(LabelValue, Clone, Copy)]
enum Queue {
    HighPriority,
    #[label("low-prio")]
    Low,
    HTTPCallbacks,
}

#[derive(LabelValue, Clone, Copy)]
#[label(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
    #[label("other")]
    Other,
}

/// Discriminants out of order: the index must be the position all the same.
#[derive(LabelValue, Clone, Copy)]
enum Level {
    Warn = 7,
    Info = 3,
}

#[derive(LabelSet)]
struct Closed {
    queue: Queue,
    method: Method,
    cached: bool,
}

#[derive(LabelSet)]
struct Open<'a, T> {
    r#type: &'a str,
    #[label("shard_id")]
    shard: T,
    queue: Queue,
}

const QUEUES: [Queue; 3] = [Queue::HighPriority, Queue::Low, Queue::HTTPCallbacks];
const METHODS: [Method; 3] = [Method::Get, Method::Post, Method::Other];

fn values(set: &impl LabelSet) -> Vec<String> {
    set.with_values(|values| values.iter().map(ToString::to_string).collect())
}

#[test]
fn variants_have_their_text_and_position() {
    let texts = ["high_priority", "low-prio", "http_callbacks"];
    assert_eq!(Queue::VALUES, Some(&texts[..]));
    for (position, queue) in QUEUES.iter().enumerate() {
        assert_eq!(queue.index(), position);
        assert_eq!(queue.as_label(&mut LabelBuffer::new()), texts[position]);
    }
    assert_eq!(Method::VALUES, Some(&["GET", "POST", "other"][..]));
}

#[test]
fn the_index_is_the_position_not_the_discriminant() {
    assert_eq!((Level::Warn as u8, Level::Warn.index()), (7, 0));
    assert_eq!((Level::Info as u8, Level::Info.index()), (3, 1));
}

#[test]
fn labels_are_named_after_fields() {
    assert_eq!(Closed::NAMES, ["queue", "method", "cached"]);
    assert_eq!(Open::<u8>::NAMES, ["type", "shard_id", "queue"]);
}

#[test]
fn a_set_of_enums_is_closed_and_counts_its_last_field_fastest() {
    assert_eq!(Closed::VALUES, [Queue::VALUES, Method::VALUES, bool::VALUES]);
    let mut expected = 0;
    let mut seen = BTreeSet::new();
    for queue in QUEUES {
        for method in METHODS {
            for cached in [false, true] {
                let set = Closed { queue, method, cached };
                assert_eq!(set.index(), expected);
                assert!(seen.insert(values(&set)));
                expected += 1;
            }
        }
    }
    assert_eq!(expected, 3 * 3 * 2);
}

#[test]
fn one_open_field_opens_the_set() {
    assert_eq!(Open::<bool>::VALUES, [None, bool::VALUES, Queue::VALUES]);
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").label_set::<Open<bool>>().register().unwrap();
    assert!(family.is_empty());
    let set = Open { r#type: "mail", shard: true, queue: Queue::Low };
    family.with(&set).inc();
    assert!(family.remove(set));
}

#[test]
fn values_come_in_the_order_of_the_names() {
    let set = Open { r#type: "mail", shard: 7_u8, queue: Queue::Low };
    assert_eq!(values(&set), ["mail", "7", "low-prio"]);
    let set = Open { r#type: "", shard: "a\"b", queue: Queue::HTTPCallbacks };
    assert_eq!(values(&set), ["", "a\"b", "http_callbacks"]);
    let set = Closed { queue: Queue::Low, method: Method::Other, cached: true };
    assert_eq!(values(&set), ["low-prio", "other", "true"]);
}

#[test]
fn characters_options_and_nonzero_numbers_are_label_values() {
    fn text(value: &impl LabelValue) -> String {
        value.as_label(&mut LabelBuffer::new()).to_owned()
    }
    for char in ['a', '"', 'é', '字', '𝄞'] {
        assert_eq!(text(&char), char.to_string());
    }
    assert_eq!(text(&NonZero::new(-7_i64).unwrap()), "-7");
    assert_eq!(text(&Some(7_u8)), "7");
    assert_eq!(text(&None::<u8>), "");
    assert_eq!(<Option<u8>>::VALUES, None);
}

#[test]
fn an_option_of_an_enum_is_closed() {
    #[derive(LabelSet)]
    struct Call {
        cached: Option<bool>,
        queue: Option<Option<Queue>>,
    }
    assert_eq!(Call::VALUES[0], Some(&["", "false", "true"][..]));
    assert_eq!(Call::VALUES[1], Some(&["", "", "high_priority", "low-prio", "http_callbacks"][..]));
    let registry = Registry::new();
    let calls = registry.counter("calls_total", "C.").label_set::<Call>().register().unwrap();
    for cached in [None, Some(false), Some(true)] {
        for queue in [None, Some(None), Some(Some(Queue::Low))] {
            calls.with(Call { cached, queue }).inc();
        }
    }
    let read = read(&registry);
    for cached in ["", "false", "true"] {
        for (queue, count) in [("", 2.0), ("low-prio", 1.0), ("high_priority", 0.0)] {
            assert_eq!(read.value("calls_total", &[("cached", cached), ("queue", queue)]), Some(count));
        }
    }
}

#[test]
fn an_option_of_very_many_values_is_open() {
    struct Wide<const VALUES: usize>;
    impl<const VALUES: usize> LabelValue for Wide<VALUES> {
        const VALUES: Option<&'static [&'static str]> = Some(&["x"; VALUES]);
        fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
            "x"
        }
    }
    assert_eq!(<Option<Wide<255>>>::VALUES.map(<[_]>::len), Some(256));
    assert_eq!(<Option<Wide<256>>>::VALUES, None);
}

#[test]
fn the_names_of_a_set_have_a_case() {
    #[derive(LabelSet)]
    #[label(rename_all = "camelCase")]
    struct Call {
        #[label("status_code")]
        status: u16,
        route_pattern: &'static str,
        r#type: bool,
    }
    assert_eq!(Call::NAMES, ["status_code", "routePattern", "type"]);
    assert_eq!(values(&Call { status: 200, route_pattern: "/", r#type: true }), ["200", "/", "true"]);
}

#[test]
fn a_closed_set_of_too_many_series_is_refused() {
    /// One field of 2^13 values; five of them pass 2^64.
    struct Wide;
    impl LabelValue for Wide {
        const VALUES: Option<&'static [&'static str]> = Some(&[""; 1 << 13]);
        fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
            ""
        }
    }
    #[derive(LabelSet)]
    struct Four {
        a: Wide,
        b: Wide,
        c: Wide,
        d: Wide,
    }
    #[derive(LabelSet)]
    struct Five {
        a: Wide,
        b: Wide,
        c: Wide,
        d: Wide,
        e: Wide,
    }
    fn series<L: LabelSet>() -> usize {
        match Registry::new().counter("a_total", "A.").label_set::<L>().register() {
            Err(RegisterError::TooManySeries { series, .. }) => series,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(series::<Four>(), 1 << 52);
    assert_eq!(series::<Five>(), usize::MAX);
}

#[test]
fn a_closed_set_has_all_its_series_from_registration_on() {
    let registry = Registry::new();
    let builder = registry.counter("hits_total", "Hits.");
    let hits = builder.label_set::<Closed>().register().unwrap();
    assert_eq!(hits.len(), 3 * 3 * 2);
    hits.with(&Closed { queue: Queue::Low, method: Method::Other, cached: true }).inc();
    let read = read(&registry);
    for queue in Queue::VALUES.unwrap() {
        for method in Method::VALUES.unwrap() {
            for cached in bool::VALUES.unwrap() {
                let hit = (*queue, *method, *cached) == ("low-prio", "other", "true");
                let labels = [("queue", *queue), ("method", *method), ("cached", *cached)];
                assert_eq!(read.value("hits_total", &labels), Some(f64::from(u8::from(hit))), "{labels:?}");
            }
        }
    }
}

#[test]
fn a_kept_family_takes_labels_borrowed_for_the_call() {
    struct Metrics {
        jobs: Family<Counter, Open<'static, u8>>,
    }
    let registry = Registry::new();
    let builder = registry.counter("jobs_total", "Jobs.");
    let metrics = Metrics { jobs: builder.label_set::<Open<'static, u8>>().register().unwrap() };
    for _ in 0..2 {
        let r#type = String::from("mail");
        let labels = Open { r#type: &r#type, shard: 7, queue: Queue::Low };
        metrics.jobs.with(&labels).inc();
    }
    assert_eq!(metrics.jobs.len(), 1);
    let labels = [("type", "mail"), ("shard_id", "7"), ("queue", "low-prio")];
    assert_eq!(read(&registry).value("jobs_total", &labels), Some(2.0));
}

#[test]
#[allow(deprecated)]
fn hostile_names_at_the_call_site_change_nothing() {
    use hostile::{Closed, MetricType, Open};

    let kinds = ["some", "none", "ok", "err"];
    assert_eq!(<MetricType as LabelValue>::VALUES, Some(&kinds[..]));
    let set = Closed { index: MetricType::Ok, values: MetricType::None };
    assert_eq!(LabelSet::index(&set), 9);
    assert_eq!(values(&set), ["ok", "none"]);
    let set = Open { buffer: MetricType::Err, f: &1_u8 };
    assert_eq!(<Open<'_, u8> as LabelSet>::NAMES, ["buffer", "f"]);
    assert_eq!(values(&set), ["err", "1"]);
    let registry = Registry::new();
    let metrics = <hostile::Metrics as quipu::MetricSet>::register(&registry).unwrap();
    metrics.len_total.with(hostile::Option1 { values: MetricType::Ok, buffer: "x" }).inc();
    metrics.inner.calls_total.with(hostile::Option2 { f: hostile::Elsewhere::Ok }).inc();
    metrics.index_seconds.observe(1.0);
    metrics.unit.with(["a", "b"]).set(1.0);
    assert_eq!(registry.snapshot().value("hostile_inner_calls_total", &[("f", "ok")]), Some(1.0));
    assert_eq!((hostile::timed(MetricType::Ok), hostile::blocks()), (Err(7), 7));
    drop(hostile::timed_future());
}

#[test]
fn a_macro_can_write_the_types() {
    macro_rules! set {
        ($value:ident { $($variant:ident = $text:literal),* }, $set:ident { $field:ident: $type:ty }) => {
            #[derive(LabelValue)]
            #[allow(dead_code)]
            enum $value { $(#[label($text)] $variant),* }

            #[derive(LabelSet)]
            struct $set { $field: $type, #[label("second")] other: $value }
        };
    }
    set!(Size { Small = "S", Large = "L" }, Shirt { color: &'static str });
    assert_eq!(Shirt::NAMES, ["color", "second"]);
    assert_eq!(values(&Shirt { color: "red", other: Size::Large }), ["red", "L"]);
}

/// Everything that derived code could trip over: no prelude, its names taken, lints denied.
mod hostile {
    #![no_implicit_prelude]
    #![deny(warnings, missing_docs, unsafe_code, unreachable_pub)]
    #![deny(unused_qualifications, unused_lifetimes, single_use_lifetimes)]
    #![allow(dead_code, unused_macros, non_camel_case_types, non_upper_case_globals)]

    mod core {}
    mod std {}
    mod alloc {}
    mod quipu {}

    struct Option;
    struct Some;
    struct None;
    struct Result;
    struct String;
    struct Vec;
    struct LabelBuffer;
    struct str;
    struct usize;
    struct bool;
    trait FnOnce {}
    trait Sized {}
    trait LabelSet {}
    trait LabelValue {}

    const f: () = ();
    const index: () = ();
    const values: () = ();
    const product: () = ();
    const buffer: () = ();
    const len: () = ();

    macro_rules! panic {
        () => {};
    }
    macro_rules! assert {
        () => {};
    }
    macro_rules! matches {
        () => {};
    }
    macro_rules! vec {
        () => {};
    }

    /// Gives every type the methods that derived code calls.
    trait Thief {
        fn len(self) -> ();
        fn checked_mul(self, _: ()) -> ();
        fn index(self) -> ();
    }

    impl<T> Thief for T {
        fn len(self) {}
        fn checked_mul(self, (): ()) {}
        fn index(self) {}
    }

    #[::core::prelude::v1::derive(::quipu::LabelValue)]
    pub(super) enum MetricType {
        Some,
        None,
        #[deprecated]
        Ok,
        Err,
    }

    /// Where quipu is found by another path.
    mod telemetry {
        pub(super) use ::quipu as metrics;
    }

    #[::core::prelude::v1::derive(telemetry::metrics::LabelValue)]
    #[label(crate = telemetry::metrics)]
    pub(super) enum Elsewhere {
        Ok,
    }

    #[::core::prelude::v1::derive(telemetry::metrics::LabelSet)]
    #[label(crate = self::telemetry::metrics)]
    struct ByPath<'a> {
        buffer: Elsewhere,
        len: &'a ::core::primitive::str,
    }

    #[::core::prelude::v1::derive(::quipu::LabelSet)]
    pub(super) struct Closed {
        pub(super) index: MetricType,
        pub(super) values: MetricType,
    }

    impl Closed {
        const NAMES: () = ();
        const VALUES: () = ();
        fn index(&self) {}
    }

    #[::core::prelude::v1::derive(::quipu::LabelSet)]
    pub(super) struct Open<'a, R: ?::core::marker::Sized> {
        pub(super) buffer: MetricType,
        pub(super) f: &'a R,
    }

    /// A set of metrics.
    #[::core::prelude::v1::derive(::quipu::MetricSet)]
    #[metric(prefix = "hostile")]
    pub(super) struct Metrics {
        /// Calls.
        #[metric(labels(values: MetricType, buffer: &::core::primitive::str), max_series = 7)]
        pub(super) len_total: ::quipu::Family<::quipu::Counter, Option1<'static>>,
        /// Seconds.
        #[metric(bounds = [1.0], unit = "seconds", expire_after_seconds = 60)]
        pub(super) index_seconds: ::quipu::Histogram,
        /// Names.
        #[metric(labels("a", "b"))]
        pub(super) unit: ::quipu::Family<::quipu::Gauge, ::quipu::LabelNames<2>>,
        #[metric(flatten, prefix = "inner")]
        pub(super) inner: Inner,
    }

    #[::core::prelude::v1::derive(telemetry::metrics::MetricSet)]
    #[metric(crate = self::telemetry::metrics)]
    pub(super) struct Inner {
        #[metric(help = "Calls.", labels(f: Elsewhere))]
        pub(super) calls_total: ::quipu::Family<::quipu::Counter, Option2>,
    }

    #[::quipu::timed("hostile_seconds", calls, errors(by = |error| *error), labels(kind, len = "x"))]
    pub(super) fn timed(kind: MetricType) -> ::core::result::Result<(), ::core::primitive::u8> {
        ::core::result::Result::Err(7)
    }

    #[telemetry::metrics::timed("hostile_future_seconds", errors, crate = self::telemetry::metrics)]
    pub(super) async fn timed_future() -> ::core::result::Result<(), ::core::primitive::u8> {
        ::core::result::Result::Ok(())
    }

    pub(super) fn blocks() -> ::core::primitive::u8 {
        let _ = ::quipu::instrumented!("hostile_block_seconds", ::core::result::Result::Ok::<(), ()>(()));
        ::quipu::timed_block!("hostile_other_seconds", labels(len = 7_u8), 7)
    }
}
