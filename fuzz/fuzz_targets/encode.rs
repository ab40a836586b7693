//! Whatever names, labels, help texts and values are taken, come back from the encoded text, and
//! nothing else does. Protobuf says the same.
#![no_main]

#[path = "../../tests/decoder/mod.rs"]
mod decoder;
#[path = "../../tests/reader/mod.rs"]
mod reader;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use quipu::Registry;
use quipu::export::Format;
use std::collections::BTreeMap;

const BOUND: f64 = 100.0;

/// What the names of the registry's metrics about itself begin with; no others do.
const OWN: &str = "quipu_";

/// Mostly one that is taken: anything at all is nearly always refused.
#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Good(u8),
    Any(&'a str),
}

impl Name<'_> {
    fn text(&self) -> String {
        match self {
            Name::Good(n) => format!("n{}", n % 8),
            Name::Any(text) => (*text).to_owned(),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum MetricType {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Arbitrary, Debug)]
struct FamilyInput<'a> {
    kind: MetricType,
    name: Name<'a>,
    help: &'a str,
    labels: Vec<Name<'a>>,
    series: Vec<(Vec<&'a str>, f64)>,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    global: Option<(Name<'a>, &'a str)>,
    families: Vec<FamilyInput<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Count(u64),
    Float(f64),
}

type Labels = Vec<(String, String)>;
type Samples = BTreeMap<(String, Labels), Value>;

#[derive(Default)]
struct Expected {
    global: Labels,
    help: BTreeMap<String, String>,
    samples: Samples,
}

impl Expected {
    fn sample(&mut self, name: &str, labels: &Labels, more: Option<&str>) -> &mut Value {
        let mut labels = labels.clone();
        labels.extend(self.global.iter().cloned());
        labels.extend(more.map(|le| ("le".to_owned(), le.to_owned())));
        labels.sort();
        let value = self.samples.entry((name.to_owned(), labels));
        value.or_insert(Value::Count(0))
    }

    fn count(&mut self, name: &str, labels: &Labels, le: Option<&str>, add: u64) {
        let value = self.sample(name, labels, le);
        let Value::Count(before) = *value else { panic!("a count") };
        *value = Value::Count(before.wrapping_add(add));
    }

    fn observe(&mut self, name: &str, labels: &Labels, observed: f64) {
        self.count(&format!("{name}_bucket"), labels, Some("100"), u64::from(observed <= BOUND));
        self.count(&format!("{name}_bucket"), labels, Some("+Inf"), 1);
        self.count(&format!("{name}_count"), labels, None, 1);
        let sum = self.sample(&format!("{name}_sum"), labels, None);
        *sum = Value::Float(observed + if let Value::Float(before) = *sum { before } else { 0.0 });
    }

    /// Registers and records, here and in the registry.
    fn apply(&mut self, registry: &Registry, input: &FamilyInput<'_>) {
        let names: Vec<String> = input.labels.iter().map(Name::text).collect();
        let (mut name, help) = (input.name.text(), input.help.to_owned());
        let series = input.series.iter().map(|(values, value)| {
            let value_of = |n| *values.get(n).unwrap_or(&"");
            let values: Vec<&str> = (0..names.len()).map(value_of).collect();
            let own = values.iter().map(|value| (*value).to_owned());
            let labels: Labels = names.iter().cloned().zip(own).collect();
            (values, labels, *value)
        });
        match input.kind {
            MetricType::Counter => {
                name.push_str("_total");
                let family = registry.counter(name.clone(), help.clone()).dyn_labels(&names).register();
                let Ok(family) = family else { return };
                for (values, labels, value) in series {
                    family.with(&values).unwrap().inc_by(value.to_bits());
                    self.count(&name, &labels, None, value.to_bits());
                }
            }
            MetricType::Gauge => {
                let family = registry.gauge(name.clone(), help.clone()).dyn_labels(&names).register();
                let Ok(family) = family else { return };
                for (values, labels, value) in series {
                    family.with(&values).unwrap().set(value);
                    *self.sample(&name, &labels, None) = Value::Float(value);
                }
            }
            MetricType::Histogram => {
                let family = registry.histogram(name.clone(), help.clone()).bounds([BOUND]);
                let Ok(family) = family.dyn_labels(&names).register() else {
                    return;
                };
                for (values, labels, value) in series {
                    // Whole, so that the sum does not depend on the order.
                    let value = f64::from(value as i32);
                    family.with(&values).unwrap().observe(value);
                    self.observe(&name, &labels, value);
                }
            }
        }
        // A carriage return at the end would be read as a part of the line's end.
        self.help.insert(name, help.trim_end_matches('\r').to_owned());
    }

    fn compare(&self, text: &str) {
        let read = reader::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut found = 0;
        for family in read.families.iter().filter(|family| !family.name.starts_with(OWN)) {
            let help = family.help.as_deref().unwrap_or_default();
            assert_eq!(self.help.get(&family.name).map(String::as_str), Some(help));
            for sample in &family.samples {
                let mut labels = sample.labels.clone();
                labels.sort();
                let expected = self.samples.get(&(sample.name.clone(), labels));
                match expected.unwrap_or_else(|| panic!("{sample:?}")) {
                    Value::Count(count) => assert_eq!(sample.text, count.to_string()),
                    Value::Float(float) if float.is_nan() => assert_eq!(sample.text, "NaN"),
                    Value::Float(float) => assert_eq!(sample.value.to_bits(), float.to_bits()),
                }
                found += 1;
            }
        }
        assert_eq!(found, self.samples.len(), "{text}");
    }
}

fuzz_target!(|input: Input<'_>| {
    let mut expected = Expected::default();
    let mut registry = Registry::builder().unlimited();
    if let Some((name, value)) = &input.global {
        registry = registry.label(name.text(), (*value).to_owned());
        expected.global.push((name.text(), (*value).to_owned()));
    }
    let Ok(registry) = registry.build() else {
        return;
    };
    for family in &input.families {
        expected.apply(&registry, family);
    }
    let text = registry.to_text();
    expected.compare(&text);

    let (mut scrape, mut chunk, mut protobuf) = (registry.scrape_as(Format::Protobuf), Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        protobuf.extend_from_slice(&chunk);
    }
    let mut families = decoder::families(&protobuf);
    families.iter_mut().for_each(|family| family.1 = family.1.trim_end_matches('\r').to_owned());
    assert_eq!(families, decoder::families_of_text(&text));
});
