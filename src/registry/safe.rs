//! Instrumentation of users that may fail, kept from doing harm.

use super::family::Family;
use super::registry::Registry;
use crate::clock::Moment;
use crate::metric::Counter;
use crate::registry::LabelNames;
use crate::sync::{Mutex, OnceLock, get_or_init, try_lock};
use core::fmt::Display;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How long after a failure was logged the next one is.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What [`Registry::record_safe`] has caught.
#[derive(Default)]
pub(super) struct Caught {
    counters: OnceLock<[Counter; 2]>,
    logged: Mutex<Option<Moment>>,
}

#[derive(Clone, Copy)]
enum Failure {
    Error = 0,
    Panic = 1,
}

/// What a closure for [`Registry::record_safe`] returns: nothing, or a `Result` whose error can be shown.
///
/// Sealed.
pub trait Recorded: sealed::Sealed {}

impl<R: sealed::Sealed> Recorded for R {}

mod sealed {
    use core::fmt::Display;

    pub trait Sealed {
        /// What went wrong, in words.
        fn error(self) -> Option<String>;
    }

    impl Sealed for () {
        fn error(self) -> Option<String> {
            None
        }
    }

    impl<E: Display> Sealed for Result<(), E> {
        fn error(self) -> Option<String> {
            self.err().map(|error| error.to_string())
        }
    }
}

impl Registry {
    /// Runs instrumentation of yours that may fail, such as one that parses what it counts. An error or a panic goes no further: it is
    /// counted in `quipu_record_failures_total`, by `kind` (`error` or `panic`), and with the feature `tracing` one of them in a minute is a
    /// warning. Returns whether all went well.
    ///
    /// The process's panic hook sees each panic as ever. With `panic = "abort"`, a panic ends the process.
    ///
    /// # Cost
    /// About a nanosecond when nothing fails. The first call registers the counter, which takes the registry's lock.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let sizes = registry.histogram("upload_size_bytes", "Size of an upload.").register()?;
    /// let header = "12 kB";
    /// let is_recorded = registry.record_safe(|| {
    ///     sizes.observe(header.parse()?);
    ///     Ok::<_, std::num::ParseFloatError>(())
    /// });
    /// assert!(!is_recorded);
    /// assert!(registry.to_text().contains("quipu_record_failures_total{kind=\"error\"} 1\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn record_safe<R: Recorded>(&self, record: impl FnOnce() -> R) -> bool {
        let counters = get_or_init(&self.caught().counters, || self.failure_counters());
        // What the closure has left half done is its own. Its error is also shown and dropped in here.
        let (failure, message) = match catch_unwind(AssertUnwindSafe(|| record().error())) {
            Ok(None) => return true,
            Ok(Some(message)) => (Failure::Error, message),
            Err(payload) => (Failure::Panic, message_of(payload)),
        };
        counters[failure as usize].inc();
        self.log(&message);
        false
    }

    fn failure_counters(&self) -> [Counter; 2] {
        let own = self.own_metrics();
        let failures =
            own.counter("record_failures_total", "Closures given to `record_safe` that failed.").labels(["kind"]);
        let family: Option<Family<Counter, LabelNames<1>>> = failures.register().ok();
        ["error", "panic"].map(|kind| family.as_ref().map_or_else(Counter::detached, |family| family.handle([kind])))
    }

    /// Nobody waits here: another thread that logs at this moment is enough.
    #[cold]
    fn log(&self, message: &dyn Display) {
        let Some(mut logged) = try_lock(&self.caught().logged) else { return };
        let clock = self.clock();
        if logged.is_none_or(|last| clock.seconds_since(last) >= LOG_INTERVAL.as_secs_f64()) {
            *logged = Some(clock.now());
            drop(logged);
            warn(message);
        }
    }
}

#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is no log"))]
fn warn(message: &dyn Display) {
    #[cfg(feature = "tracing")]
    tell(|| {
        tracing::warn!(
            "a closure given to `record_safe` failed: {message}; others that fail within a minute are only counted"
        );
    });
}

/// Tells the log. A subscriber is code of others, which may panic.
#[cfg(feature = "tracing")]
pub(super) fn tell(log: impl FnOnce()) {
    guarded(log);
}

/// Runs code of others: `None` if it panics.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(discard).ok()
}

/// Drops what was thrown, which may throw again.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        core::mem::forget(again);
    }
}

fn message_of(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(|text| &**text));
    let message = format!("a panic: {}", text.unwrap_or("without a message"));
    discard(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::panic::panic_any;

    fn failures(registry: &Registry) -> [f64; 2] {
        ["error", "panic"]
            .map(|kind| registry.snapshot().value("quipu_record_failures_total", &[("kind", kind)]).unwrap())
    }

    /// Panics when it is shown and when it is dropped.
    struct Hostile;

    impl Display for Hostile {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("as a test")
        }
    }

    impl Drop for Hostile {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic_any(Hostile);
            }
        }
    }

    #[test]
    fn errors_and_panics_are_counted_and_go_no_further() {
        let registry = Registry::new();
        assert!(registry.record_safe(|| {}));
        assert!(registry.record_safe(|| Ok::<(), String>(())));
        assert_eq!(failures(&registry), [0.0, 0.0]);
        assert!(!registry.record_safe(|| Err::<(), _>("down")));
        assert!(!registry.record_safe(|| -> () { panic!("as a test") }));
        assert!(!registry.record_safe(|| -> () { panic!("as a {}", "test") }));
        assert_eq!(failures(&registry), [1.0, 2.0]);
        assert!(!registry.record_safe(|| Err::<(), _>(Hostile)));
        assert!(!registry.record_safe(|| -> () { panic_any(Hostile) }));
        assert_eq!(failures(&registry), [1.0, 4.0]);
    }

    #[test]
    fn it_may_be_used_inside_itself_and_register() {
        let registry = Registry::new();
        let outer = registry.record_safe(|| {
            assert!(!registry.record_safe(|| registry.gauge("a-b", "A.").register().map(drop)));
        });
        assert!(outer);
        assert_eq!(failures(&registry), [1.0, 0.0]);
    }

    #[test]
    fn one_failure_in_a_minute_is_logged() {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let is_due = || {
            let before = *registry.caught().logged.lock().unwrap();
            registry.record_safe(|| Err::<(), _>("down"));
            let after = *registry.caught().logged.lock().unwrap();
            format!("{before:?}") != format!("{after:?}")
        };
        assert_eq!([is_due(), is_due()], [true, false]);
        clock.advance(LOG_INTERVAL - Duration::from_millis(1));
        assert!(!is_due());
        clock.advance(Duration::from_millis(1));
        assert_eq!([is_due(), is_due()], [true, false]);
    }
}
