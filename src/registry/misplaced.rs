//! Methods in places where they do nothing, so that the compiler can say where they belong: no call of one compiles.

use super::builder::MetricBuilder;
use super::family::Family;

/// Implemented by nothing: see [`misplaced`](self).
#[diagnostic::on_unimplemented(
    message = "this metric is not registered yet",
    label = "nothing can be recorded before `register` is called",
    note = "call `.register()?` first, and use what it returns"
)]
pub trait Registered {}

/// Implemented by nothing: see [`misplaced`](self).
#[diagnostic::on_unimplemented(
    message = "a family records through its series",
    label = "which series?",
    note = "choose one by its label values, as in `family.with([\"mail\"]).inc()`; or keep one from `family.handle([\"mail\"])`"
)]
pub trait OneSeries {}

macro_rules! misplaced {
    ($unmet:ident: $($method:ident($($argument:ident)?) $(-> $result:ident)?),*) => {$(
        #[doc(hidden)]
        pub fn $method<$($argument)?>(&self, $(_: $argument)?) $(-> $result)?
        where
            Self: $unmet,
        {
            unreachable!("nothing implements this trait")
        }
    )*};
}

impl<M, L> MetricBuilder<'_, M, L> {
    misplaced!(Registered: with(V) -> M, handle(V) -> M);
    misplaced!(Registered: inc(), dec(), inc_by(V), add(V), sub(V), set(V), observe(V), observe_duration(V));
}

impl<M, L> Family<M, L> {
    misplaced!(OneSeries: inc(), dec(), inc_by(V), add(V), sub(V), set(V), observe(V), observe_duration(V));
}
