//! Protobuf, decoded by another crate, against the text.

use crate::decoder::{self, families, families_of_text, messages};
use crate::exposition::plans;
use proptest::prelude::*;
use quipu::Registry;
use quipu::export::Format;

/// All chunks of a scrape as protobuf. Each holds whole messages.
fn chunks(registry: &Registry) -> Vec<Vec<u8>> {
    let (mut scrape, mut chunks, mut chunk) = (registry.scrape_as(Format::Protobuf), Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        assert!(!messages(&chunk).is_empty());
        chunks.push(chunk.clone());
    }
    assert!(chunk.is_empty());
    assert!(!scrape.next_chunk(&mut chunk).unwrap(), "nothing comes after the end");
    chunks
}

#[track_caller]
fn assert_agrees(registry: &Registry) {
    let (mut found, mut expected) = (families(&chunks(registry).concat()), families_of_text(&registry.to_text()));
    // Text leaves out what readers would take for a part of a line's end.
    for family in found.iter_mut().chain(&mut expected) {
        family.1 = family.1.trim_end_matches('\r').to_owned();
    }
    // What is said of the process, other tests change between the two scrapes. The bytes of a registry are also those of all lanes.
    for families in [&mut found, &mut expected] {
        families.retain(|(name, ..)| {
            !["retained", "freeing", "lost", "lane", "threads", "registry_bytes"]
                .iter()
                .any(|word| name.starts_with(&format!("quipu_{word}")))
        });
    }
    // One by one: all of them fill a screen.
    found.iter().zip(&expected).for_each(|(found, expected)| assert_eq!(found, expected));
    assert_eq!(found.len(), expected.len());
}

proptest! {
    #[test]
    fn protobuf_says_what_the_text_says(plans in plans(), global in proptest::option::of(any::<String>())) {
        let registry = match global {
            Some(value) => Registry::builder().label("global", value).label("zone", "b").build().unwrap(),
            None => Registry::new(),
        };
        plans.iter().for_each(|plan| plan.record(&registry));
        assert_agrees(&registry);
    }
}

#[test]
fn a_family_larger_than_a_chunk_comes_as_several_messages() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let seconds = registry.histogram("b_seconds", "B.").unit("seconds").labels(["n"]).register().unwrap();
    for n in 0..5_000 {
        family.with([&n.to_string()]).inc_by(n);
        seconds.with([&n.to_string()]).observe(n as f64 / 500.0);
    }
    let chunks = chunks(&registry);
    assert!(chunks.len() > 5);
    for chunk in &chunks[..chunks.len() - 1] {
        assert!((64 * 1024..66 * 1024).contains(&chunk.len()), "{}", chunk.len());
    }
    let of_name = |name: &str| {
        let messages = chunks.iter().flat_map(|chunk| messages(chunk));
        messages.filter(|message| message.name.as_deref() == Some(name)).collect::<Vec<_>>()
    };
    assert!(of_name("a_total").len() > 2 && of_name("a_total").iter().all(|message| message.unit.is_none()));
    assert!(of_name("b_seconds").iter().all(|message| message.unit.as_deref() == Some("seconds")));
    assert_agrees(&registry);
}

#[test]
fn counters_and_histograms_say_when_they_were_made() {
    let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let (registry, before) = (Registry::new(), now());
    registry.counter("a_total", "").register().unwrap();
    registry.histogram("b", "").register().unwrap();
    let messages = messages(&chunks(&registry).concat());
    let counter = messages[0].metric[0].counter.clone().unwrap().start.unwrap();
    let histogram = messages[1].metric[0].histogram.clone().unwrap().start.unwrap();
    for start in [counter, histogram] {
        assert!((before..=now()).contains(&start.seconds) && start.nanos == 0, "{start:?}");
    }
}

#[test]
fn every_nan_is_the_one_that_marks_nothing() {
    let registry = Registry::new();
    let gauge = registry.gauge("a", "").register().unwrap();
    // Prometheus's mark for a stale series, among others.
    for bits in [0x7ff0_0000_0000_0002, f64::NAN.to_bits(), u64::MAX] {
        gauge.set(f64::from_bits(bits));
        let message = messages(&chunks(&registry).concat()).remove(0);
        let number = message.metric[0].gauge.clone().unwrap();
        assert_eq!(number.value.unwrap().to_bits(), 0x7ff8_0000_0000_0001);
        assert_eq!(message.help, None);
    }
}

#[test]
fn labels_of_any_length_arrive_whole() {
    let registry = Registry::builder().unlimited().build().unwrap();
    let family = registry.gauge("a", "A.").labels(["x", "y"]).register().unwrap();
    for len in (0..300).chain([16_383, 16_384, 1 << 17, 1 << 21]) {
        family.with(["\"", &"ä".repeat(len)]).set(len as f64);
    }
    assert_agrees(&registry);
    let family: &decoder::Family = &families(&chunks(&registry).concat())[0];
    assert_eq!(family.3.len(), 304);
}
