//! What else than a histogram can follow a call.

use super::Timer;

/// A call that something follows from its beginning to its end: `#[timed(tracker = …)]` makes one for each call, and tells it how
/// the call ended.
///
/// A tracker that is dropped without having been told belongs to a call that was cancelled or panicked.
///
/// ```
/// use quipu::timed::Tracker;
/// use quipu::{Counter, Family, LabelNames};
///
/// /// Counts calls by what became of them.
/// struct Call<'a> {
///     calls: &'a Family<Counter, LabelNames<1>>,
///     status: &'static str,
/// }
///
/// impl Tracker for Call<'_> {
///     fn succeeded(mut self) {
///         self.status = "success";
///     }
///     fn failed(mut self) {
///         self.status = "failure";
///     }
/// }
///
/// impl Drop for Call<'_> {
///     fn drop(&mut self) {
///         self.calls.with([self.status]).inc();
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// let calls = registry.counter("calls_total", "Calls.").labels(["status"]).register()?;
/// Call { calls: &calls, status: "cancelled" }.succeeded();
/// drop(Call { calls: &calls, status: "cancelled" });
/// assert_eq!(calls.with(["success"]).value(), 1);
/// assert_eq!(calls.with(["cancelled"]).value(), 1);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not track calls",
    label = "not a tracker",
    note = "implement `quipu::timed::Tracker`, or write `histogram.start_timer()`"
)]
pub trait Tracker {
    /// The call has ended, and did what it was to do.
    fn succeeded(self);

    /// The call has ended with an error.
    fn failed(self);
}

/// Times the call, however it ends: for histograms that the caller has.
impl Tracker for Timer {
    fn succeeded(self) {
        self.stop();
    }

    fn failed(self) {
        self.stop();
    }
}
