//! Closures: collectors of one value.

use super::samples::{Number, Samples};
use super::slot::{Call, Failure, Work};
use super::{Declaration, Declared, attach};
use crate::registry::MetricBuilder;
use crate::{Counter, FloatCounter, Gauge, RegisterError};

/// Calls a closure, whose value is that of the one series of a family.
struct Single<F> {
    family: String,
    read: F,
}

impl<F: FnMut() -> T + Send, T: Into<Number>> Work for Single<F> {
    fn call(&mut self, samples: &mut Samples, _: &Call) -> Result<(), Failure> {
        samples.set(&self.family, &[], (self.read)());
        Ok(())
    }
}

fn collect<M, T: Into<Number>>(
    builder: MetricBuilder<'_, M>,
    read: impl FnMut() -> T + Send + 'static,
) -> Result<(), RegisterError> {
    let (registry, description) = builder.into_parts();
    let family = description.name.clone();
    let mut declaration = Declaration::new();
    declaration.families.push(Declared { short_name: family.clone().into(), description });
    attach(registry, declaration, Box::new(Single { family, read }))
}

macro_rules! collects {
    ($($metric:ty: $value:ty, $what:literal, $example:literal;)*) => {$(
        impl MetricBuilder<'_, $metric> {
            #[doc = $what]
            ///
            /// What that costs, and what happens when `read` hangs or panics, is said at [`quipu::collect`](crate::collect). The unit may
            /// be set before; labels may not.
            ///
            /// # Errors
            /// As those of [`Registry::collect`](crate::Registry::collect).
            ///
            /// ```
            /// let registry = quipu::Registry::new();
            #[doc = $example]
            /// # Ok::<(), quipu::RegisterError>(())
            /// ```
            pub fn collect(self, read: impl FnMut() -> $value + Send + 'static) -> Result<(), RegisterError> {
                collect(self, read)
            }
        }
    )*};
}

collects! {
    Counter: u64,
        "Registers a counter that something else keeps: each scrape calls `read`, which returns the total. It must never go down.",
        "registry.counter(\"jobs_total\", \"Jobs finished.\").collect(|| 7)?;";
    FloatCounter: f64,
        "Registers a counter that something else keeps: each scrape calls `read`, which returns the total. It must never go down.",
        "registry.float_counter(\"cost_dollars_total\", \"What was spent.\").collect(|| 0.25)?;";
    Gauge: f64,
        "Registers a gauge that something else keeps: each scrape calls `read`, which returns the value.",
        "registry.gauge(\"queue_depth\", \"Jobs that wait.\").collect(|| 12.0)?;";
}
