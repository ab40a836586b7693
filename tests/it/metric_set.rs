//! Structs of metrics that are registered together.

use crate::read;
use quipu::{
    Counter, Family, FloatCounter, Gauge, Histogram, InFlightGauge, Info, LabelNames, LabelSet, LabelValue, MetricSet,
    RegisterError, Registry, StateSet,
};

#[derive(LabelValue, Debug, Clone, Copy)]
enum Queue {
    Mail,
    Sms,
}

#[derive(LabelValue, Debug, Clone, Copy)]
enum Outcome {
    Success,
    Failure,
}

/// Mail delivery.
#[derive(MetricSet)]
struct Mail {
    /// Mails sent.
    #[metric(labels(queue: Queue, result: Outcome))]
    mails_sent_total: Family<Counter, MailLabels>,
    /// Time to hand
    /// a mail over.
    ///
    /// Not part of the help.
    #[metric(unit = "seconds", bounds = [0.1, 0.5, 1.0, 5.0])]
    mail_handover_seconds: Histogram,
}

#[test]
fn the_first_lines_of_a_user_work() -> Result<(), RegisterError> {
    let registry = Registry::new();
    let mail = Mail::register(&registry)?;
    let labels = MailLabels { queue: Queue::Sms, result: Outcome::Failure };
    mail.mails_sent_total.with(labels).inc();
    mail.mails_sent_total.with(labels).inc();
    mail.mail_handover_seconds.observe(0.3);

    let read = read(&registry);
    let sent = |queue, result| read.value("mails_sent_total", &[("queue", queue), ("result", result)]);
    assert_eq!((sent("sms", "failure"), sent("mail", "success")), (Some(2.0), Some(0.0)));
    let snapshot = registry.snapshot();
    let seconds = snapshot.family("mail_handover_seconds").unwrap();
    assert_eq!((seconds.help(), seconds.unit()), ("Time to hand a mail over.", Some("seconds")));
    assert_eq!(mail.mail_handover_seconds.bounds(), [0.1, 0.5, 1.0, 5.0]);
    assert_eq!(format!("{labels:?}"), "MailLabels { queue: Sms, result: Failure }");
    Ok(())
}

const SIZES: [f64; 2] = [1e3, 1e6];
const TIMES: &[f64] = &[1.0, 60.0];

/// Every form of a field.
#[derive(MetricSet)]
#[metric(prefix = "mill")]
struct Mill {
    /// Grains.
    grains_total: Counter,
    /// Cost.
    cost_dollars_total: FloatCounter,
    /// Speed.
    #[metric(name = "speed_rpm")]
    speed: Gauge,
    #[metric(help = "Millers at work.")]
    r#type: InFlightGauge,
    /// Sacks.
    #[metric(
        labels("grain", "fine"),
        max_series = 3,
        max_values("grain", 2),
        max_values("fine", 2),
        reserve_series = 2
    )]
    sacks_total: Family<Counter, LabelNames<2>>,
    /// Size of a sack.
    #[metric(labels(#[label("kind")] grain: &str, miller: Option<&str>), bounds = SIZES, expire_after_seconds = 60)]
    sack_size: Family<Histogram, Sack<'static>>,
    /// Time to grind.
    #[metric(bounds = TIMES, unlimited)]
    grind: Family<Histogram, Sack<'static>>,
    /// Names against convention.
    #[metric(lenient)]
    #[metric(bounds = [])]
    odd_bucket: Histogram,
    /// The build.
    #[metric(labels("version"))]
    build_info: Family<Info, LabelNames<1>>,
    /// What stands still.
    state: StateSet<Outcome>,
    #[metric(flatten, prefix = "back_")]
    back_door: Door,
    #[metric(flatten)]
    door: Door,
}

#[derive(MetricSet)]
struct Door {
    /// Openings.
    openings_total: Counter,
    #[metric(flatten)]
    lock: Lock,
}

#[derive(MetricSet)]
struct Lock {
    /// Turns.
    turns_total: Counter,
}

#[test]
fn every_form_of_a_field_is_registered_as_it_says() {
    let registry = Registry::builder().namespace("shop").lenient_names().build().unwrap();
    let mill = Mill::register(&registry).unwrap();
    mill.grains_total.inc_by(2);
    mill.cost_dollars_total.inc_by(0.5);
    mill.speed.set(80.0);
    let miller = mill.r#type.guard();
    for grain in ["rye", "oat", "corn"] {
        mill.sacks_total.with([grain, "no"]).inc();
    }
    {
        // Labels that are borrowed for the call.
        let (kind, miller) = ("rye".to_owned(), "Ann".to_owned());
        let sack = Sack { grain: &kind, miller: Some(&miller) };
        mill.sack_size.with(sack).observe(2e3);
        mill.grind.with(sack).observe(2.0);
    }
    mill.build_info.with(["1.0"]).set();
    mill.state.set(Outcome::Failure);
    mill.door.openings_total.inc();
    mill.back_door.openings_total.inc_by(2);
    mill.back_door.lock.turns_total.inc_by(3);

    let read = read(&registry);
    let value = |name: &str| read.value(&format!("shop_mill_{name}"), &[]);
    assert_eq!([value("grains_total"), value("cost_dollars_total")], [Some(2.0), Some(0.5)]);
    assert_eq!([value("speed_rpm"), value("type")], [Some(80.0), Some(1.0)]);
    assert_eq!([value("openings_total"), value("turns_total")], [Some(1.0), Some(0.0)]);
    assert_eq!([value("back_openings_total"), value("back_turns_total")], [Some(2.0), Some(3.0)]);
    assert_eq!(read.value("shop_mill_build_info", &[("version", "1.0")]), Some(1.0));
    assert_eq!(read.value("shop_mill_state", &[("shop_mill_state", "failure")]), Some(1.0));
    let sacks = |grain| read.value("shop_mill_sacks_total", &[("grain", grain), ("fine", "no")]);
    assert_eq!(
        [sacks("rye"), sacks("oat"), sacks("corn"), sacks("__overflow__")],
        [Some(1.0), Some(1.0), None, Some(1.0)]
    );
    let snapshot = registry.snapshot();
    let size = snapshot.histogram("shop_mill_sack_size", &[("kind", "rye"), ("miller", "Ann")]).unwrap();
    assert_eq!((size.bounds(), size.bucket_counts()), (&SIZES[..], &[0, 1, 0][..]));
    assert_eq!(snapshot.histogram("shop_mill_odd_bucket", &[]).unwrap().bounds(), [0.0; 0]);
    assert_eq!(snapshot.family("shop_mill_type").unwrap().help(), "Millers at work.");
    assert_eq!(mill.grind.with(Sack { grain: "rye", miller: Some("Ann") }).snapshot().bounds(), TIMES);
    drop(miller);
}

#[test]
fn the_same_set_again_is_the_same_metrics() {
    let registry = Registry::new();
    let [first, second] = [Mail::register(&registry).unwrap(), Mail::register(&registry).unwrap()];
    first.mail_handover_seconds.observe(1.0);
    assert_eq!(second.mail_handover_seconds.snapshot().count(), 1);
    // And those of a builder with the same description.
    let seconds = registry.histogram("mail_handover_seconds", "Time to hand a mail over.").unit("seconds");
    let seconds = seconds.bounds([0.1, 0.5, 1.0, 5.0]).register().unwrap();
    assert_eq!(seconds.snapshot().count(), 1);
}

#[test]
fn of_a_set_all_metrics_are_registered_or_none() {
    let registry = Registry::new();
    registry.gauge("mail_handover_seconds", "Another.").register().unwrap();
    let about_mail = || -> Vec<String> {
        registry.to_text().lines().filter(|line| line.contains("mail")).map(str::to_owned).collect()
    };
    let before = about_mail();
    let Err(error) = Mail::register(&registry) else { panic!("must be refused") };
    assert!(matches!(&error, RegisterError::Conflict { name, .. } if name == "mail_handover_seconds"), "{error}");
    assert_eq!(about_mail(), before);
    assert!(registry.unregister("mail_handover_seconds"));
    Mail::register(&registry).unwrap();
}

#[test]
fn lenient_names_are_left_to_the_registry() {
    #[derive(MetricSet)]
    #[metric(lenient)]
    struct Lenient {
        /// Jobs.
        jobs: Counter,
    }
    let Err(error) = Lenient::register(&Registry::new()) else { panic!("must be refused") };
    assert!(matches!(error, RegisterError::MetricName { .. }), "{error}");
    let lenient = Registry::builder().lenient_names().build().unwrap();
    Lenient::register(&lenient).unwrap().jobs.inc();
    assert_eq!(lenient.snapshot().value("jobs", &[]), Some(1.0));
}

#[test]
fn a_detached_set_records_for_its_handles() {
    let mill = Mill::detached();
    mill.grains_total.inc();
    mill.sacks_total.with(["rye", "no"]).inc();
    mill.odd_bucket.observe(7.0);
    mill.back_door.lock.turns_total.inc();
    assert_eq!((mill.grains_total.value(), mill.odd_bucket.snapshot().sum()), (1, 7.0));
    assert_eq!(mill.sacks_total.with(["oat", "yes"]).value(), 1);
    assert_eq!(mill.back_door.lock.turns_total.value(), 1);
    let disabled = Mail::register(&Registry::disabled()).unwrap();
    disabled.mails_sent_total.with(MailLabels { queue: Queue::Mail, result: Outcome::Success }).inc();
}

#[test]
fn a_declared_set_of_labels_is_copied_as_far_as_its_fields_are() {
    #[derive(LabelValue)]
    enum Plain {
        One,
    }
    #[derive(MetricSet)]
    struct Jobs {
        /// Jobs.
        #[metric(labels(plain: Plain, name: String))]
        jobs_total: Family<Counter, JobLabels>,
    }
    // Neither is `Clone` asked of `Plain`, nor `Copy` of `String`.
    assert_eq!(JobLabels::NAMES, ["plain", "name"]);
    Jobs::detached().jobs_total.with(JobLabels { plain: Plain::One, name: "a".into() }).inc();
    fn is_copy<T: Copy + std::fmt::Debug>() {}
    is_copy::<MailLabels>();
    is_copy::<Sack<'_>>();
}
