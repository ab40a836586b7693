//! What a crate is asked to do, and the list of crates.

use crate::workload::{Key, Keys};

/// The name under which the harness's own cost appears.
pub(crate) const NOTHING: &str = "(empty loop)";
pub(crate) const QUIPU: &str = "quipu";

/// The works of one crate. Each function sets a work up and returns the operation to measure, or
/// `None` where the crate has nothing that does it.
pub(crate) trait Rival {
    const NAME: &'static str;

    /// One increment of a counter that is kept by handle.
    fn counter() -> Option<impl Operation> {
        None::<fn()>
    }

    /// The same, in the type the crate recommends for a counter that many threads write.
    fn contended_counter() -> Option<impl Operation> {
        Self::counter()
    }

    /// One addition to a counter of floats that is kept by handle.
    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        None::<fn(f64)>
    }

    /// One increment and one decrement of a gauge that is kept by handle.
    fn in_flight_gauge() -> Option<impl Operation> {
        None::<fn()>
    }

    /// One observation in a histogram with [`BOUNDS`](crate::workload::BOUNDS), kept by handle.
    fn histogram() -> Option<impl Observe> {
        None::<fn(f64)>
    }

    /// A lookup by three strings and one increment of the counter found; all series exist.
    fn lookup(_keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        None::<fn(Key)>
    }

    /// A registry with `series` counters in one family, see
    /// [`for_each_series`](crate::workload::for_each_series).
    fn counters(_series: usize) -> Option<Filled> {
        None
    }

    /// A registry with `series` histograms in one family, every bucket of which was touched.
    fn histograms(_series: usize) -> Option<Filled> {
        None
    }
}

/// Something to do again and again from any thread.
pub(crate) trait Operation: Fn() + Send + Sync + 'static {}

impl<F: Fn() + Send + Sync + 'static> Operation for F {}

/// A histogram to observe in.
pub(crate) trait Observe: Send + Sync + 'static {
    fn observe(&self, value: f64);

    /// Work the crate leaves for later; done between rounds, untimed.
    fn settle(&self) {}
}

impl<F: Fn(f64) + Send + Sync + 'static> Observe for F {
    #[inline]
    fn observe(&self, value: f64) {
        self(value);
    }
}

/// A registry full of series.
pub(crate) struct Filled {
    /// Hands the text exposition to a sink, in as many pieces as it is made of. Without an encoder
    /// in the crate it holds the registry and writes nothing.
    pub(crate) encode: Encode,
    pub(crate) has_encoder: bool,
}

pub(crate) type Encode = Box<dyn Fn(&mut dyn FnMut(&[u8])) + Send + Sync>;

impl Filled {
    pub(crate) fn with_encoder(encode: impl Fn(&mut dyn FnMut(&[u8])) + Send + Sync + 'static) -> Self {
        Self { encode: Box::new(encode), has_encoder: true }
    }

    pub(crate) fn without_encoder<T: Send + Sync + 'static>(registry: T) -> Self {
        Self {
            encode: Box::new(move |_| {
                let _ = &registry;
            }),
            has_encoder: false,
        }
    }
}

/// Calls a generic function once for each contender and collects what it returns.
macro_rules! for_each_rival {
    ($function:ident($($argument:expr),*)) => {
        [
            $function::<crate::rivals::Nothing>($($argument),*),
            $function::<crate::rivals::Quipu>($($argument),*),
            $function::<crate::rivals::FastTelemetry>($($argument),*),
            $function::<crate::rivals::Fastmetrics>($($argument),*),
            $function::<crate::rivals::Foundations>($($argument),*),
            $function::<crate::rivals::Measured>($($argument),*),
            $function::<crate::rivals::Metrics>($($argument),*),
            $function::<crate::rivals::MetricsLib>($($argument),*),
            $function::<crate::rivals::Metriken>($($argument),*),
            $function::<crate::rivals::OpenTelemetry>($($argument),*),
            $function::<crate::rivals::Prometheus>($($argument),*),
            $function::<crate::rivals::PrometheusClient>($($argument),*),
        ]
    };
}
pub(crate) use for_each_rival;
