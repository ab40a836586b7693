//! What the errors of a service and of its bodies mean.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::status::GrpcStatus;

type Status = dyn Fn(&dyn Any) -> Option<GrpcStatus> + Send + Sync;

/// The statuses of errors, by the type of the error.
#[derive(Clone, Default)]
pub(super) struct Failures(Vec<Arc<Status>>);

impl Failures {
    pub(super) fn add<E: 'static>(&mut self, status: impl Fn(&E) -> GrpcStatus + Send + Sync + 'static) {
        self.0.push(Arc::new(move |error| error.downcast_ref().map(&status)));
    }

    /// The status of an error, if its type is known.
    #[cold]
    pub(super) fn status(&self, error: &dyn Any) -> Option<GrpcStatus> {
        self.0.iter().find_map(|status| status(error))
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").finish_non_exhaustive()
    }
}
