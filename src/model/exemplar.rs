//! Exemplars: examples of what was recorded.

use core::time::Duration;

/// The most characters that the names and values of an exemplar's labels have together (OpenMetrics 1.0, "Exemplars").
pub(crate) const MAX_EXEMPLAR_CHARS: usize = 128;

/// An example of what a series recorded: a value, and labels that lead further, such as the id of a trace.
///
/// A series of a counter can have one, that of a histogram one for each bucket. Only the protobuf format shows them.
///
/// ```
/// use quipu::collect::{CollectError, Collector, Declaration, Samples};
///
/// struct Mails;
///
/// impl Collector for Mails {
///     fn declare(&self, families: &mut Declaration) {
///         families.counter("mails_total", "Mails sent.");
///     }
///
///     fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
///         samples.set("mails_total", &[], 17);
///         samples.exemplar(&[("trace_id", "4bf92f3577b34da6")], 1.0);
///         Ok(())
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// registry.collect(Mails)?;
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    /// When it was recorded, as the time since 1970.
    pub(crate) time: Option<Duration>,
}

impl Exemplar {
    /// Names and values of its labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value that was recorded, in the unit of the series.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// When it was recorded, as the time since 1970, if that is known.
    pub fn time(&self) -> Option<Duration> {
        self.time
    }
}
