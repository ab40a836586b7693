//! Exemplars of what collectors yield.

use crate::decoder;
use quipu::Registry;
use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::export::Format;

/// A counter, with an exemplar on its second series.
struct Mails;

impl Collector for Mails {
    fn declare(&self, families: &mut Declaration) {
        families.counter("mails_total", "Mails.").labels(["queue"]);
        families.gauge("mails_waiting", "Mails that wait.");
        families.histogram("mail_seconds", "Time.", [0.5, 1.0]).unit("seconds");
        families.summary("mail_bytes", "Size.", []).unit("bytes");
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        let good = [("trace_id", "4bf92f35")];
        samples.exemplar(&good, 1.0); // of nothing
        samples.set("mails_total", &["in"], 1);
        samples.set("mails_total", &["out"], 2);
        samples.exemplar(&good, 1.5);
        samples.exemplar(&[("trace-id", "1")], 1.0);
        samples.exemplar(&[("trace_id", &"0".repeat(121))], 1.0);
        samples.set("mails_waiting", &[], 3);
        samples.exemplar(&good, 1.0); // of a gauge
        samples.set("mails_total", &["a", "b"], 4);
        samples.exemplar(&good, 1.0); // of a sample that was refused
        samples.set_summary("mail_bytes", &[], &[], 1, 1.0);
        samples.exemplar(&good, 1.0); // of a summary
        samples.set_histogram("mail_seconds", &[], &[3, 0, 4], 9.0);
        samples.exemplar(&good, 7.0);
        samples.exemplar(&good, 0.25);
        samples.exemplar(&good, 0.5); // in place of the one before
        samples.exemplar(&good, 0.75); // of a bucket that is empty
        samples.exemplar(&good, f64::NAN);
        Ok(())
    }
}

#[test]
fn exemplars_are_shown_in_protobuf() {
    let registry = Registry::new();
    registry.collect(Mails).unwrap();
    let (mut scrape, mut chunk) = (registry.scrape_as(Format::Protobuf), Vec::new());
    assert!(scrape.next_chunk(&mut chunk).unwrap());
    let families = decoder::messages(&chunk);
    let mails = families.iter().find(|family| family.name.as_deref() == Some("mails_total")).unwrap();
    let exemplars: Vec<_> =
        mails.metric.iter().map(|metric| metric.counter.as_ref().unwrap().exemplar.as_ref()).collect();
    let [None, Some(exemplar)] = exemplars[..] else { panic!("{exemplars:?}") };
    let [label] = &exemplar.label[..] else { panic!("{exemplar:?}") };
    assert_eq!((label.name.as_deref(), label.value.as_deref()), (Some("trace_id"), Some("4bf92f35")));
    assert_eq!(exemplar.value, Some(1.5));
    let seconds = families.iter().find(|family| family.name.as_deref() == Some("mail_seconds")).unwrap();
    let buckets = &seconds.metric[0].histogram.as_ref().unwrap().bucket;
    let exemplars = buckets.iter().map(|bucket| bucket.exemplar.as_ref().and_then(|exemplar| exemplar.value));
    assert_eq!(exemplars.collect::<Vec<_>>(), [Some(0.5), None, Some(7.0)]);
    let text = registry.to_text();
    assert!(!text.contains("trace"), "{text}");
    // Nine in each call.
    let refused = [("collector", "mails_total"), ("reason", "invalid")];
    let refused = registry.snapshot().value("quipu_collector_errors_total", &refused).unwrap();
    assert!(refused > 0.0 && refused % 9.0 == 0.0, "{refused}");
}
