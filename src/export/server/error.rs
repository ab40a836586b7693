//! Why a server does not start.

use std::error::Error;
use std::fmt::{self, Debug};
use std::io::{self, ErrorKind};

/// The error of the operating system does not name the address.
pub(super) enum CannotServe {
    Address {
        address: String,
        source: io::Error,
    },
    Path(String),
    /// Something else is there, as in "the page is".
    Beside {
        path: String,
        other: &'static str,
    },
}

impl CannotServe {
    pub(super) fn on(address: &impl Debug, source: io::Error) -> io::Error {
        // With quotes if it is a string.
        let address = format!("{address:?}").trim_matches('"').to_owned();
        io::Error::new(source.kind(), CannotServe::Address { address, source })
    }

    pub(super) fn beside(path: &str, other: &'static str) -> io::Error {
        io::Error::new(ErrorKind::InvalidInput, CannotServe::Beside { path: path.to_owned(), other })
    }

    pub(super) fn at(path: &str) -> io::Error {
        io::Error::new(ErrorKind::InvalidInput, CannotServe::Path(path.to_owned()))
    }
}

impl fmt::Display for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotServe::Address { address, source } => {
                write!(f, "cannot serve metrics on {address}: {source}")?;
                match address.strip_prefix(':') {
                    Some(port) if port.parse::<u16>().is_ok() => {
                        write!(f, "; write \"0.0.0.0:{port}\" to be reached from everywhere, or \"127.0.0.1:{port}\"")
                    }
                    _ if source.kind() == ErrorKind::InvalidInput || address.contains("://") => {
                        write!(f, "; write HOST:PORT, such as 127.0.0.1:9090")
                    }
                    _ => Ok(()),
                }
            }
            CannotServe::Path(path) => write!(
                f,
                "cannot serve metrics at the path {path:?}: a path begins with `/` and has neither query nor space; \
                 write one such as \"/metrics\""
            ),
            CannotServe::Beside { path, other } => {
                write!(
                    f,
                    "cannot serve metrics at the path {path:?}: {other} there; write another one, such as \"/metrics\""
                )
            }
        }
    }
}

// As the message, for what `unwrap` prints.
impl Debug for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CannotServe {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CannotServe::Address { source, .. } => Some(source),
            CannotServe::Path(_) | CannotServe::Beside { .. } => None,
        }
    }
}
