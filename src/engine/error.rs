//! Why an engine does not start.

use crate::RegisterError;
use crate::model::debug_as_message;
use std::fmt;
use std::io;

/// Why an engine was not started. Nothing of it runs then.
#[non_exhaustive]
pub enum StartError {
    /// The scrape server cannot listen.
    #[non_exhaustive]
    Listen {
        /// What names the address and the reason.
        source: io::Error,
    },
    /// The families of a collector cannot be registered.
    #[non_exhaustive]
    Collector {
        /// The key that switches it on.
        key: &'static str,
        /// The reason.
        source: RegisterError,
    },
    /// The thread that pushes cannot be started.
    #[non_exhaustive]
    Push {
        /// The reason.
        source: io::Error,
    },
    /// The engine runs already.
    Running,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen { source } if source.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "`metrics.listen_address`: {source}; stop what listens there, write another address, or port 0 for any free port"
            ),
            StartError::Listen { source } => write!(f, "`metrics.listen_address`: {source}"),
            StartError::Collector { key, source } => write!(f, "`{key}`: {source}; or write `false`"),
            StartError::Push { source } => {
                write!(
                    f,
                    "`metrics.push_gateway`: its thread cannot be started: {source}; or do without, with `enabled = false`"
                )
            }
            StartError::Running => f.write_str("the engine runs already; stop it first"),
        }
    }
}

debug_as_message!(StartError);

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Listen { source } | StartError::Push { source } => Some(source),
            StartError::Collector { source, .. } => Some(source),
            StartError::Running => None,
        }
    }
}
