//! Why there is no gateway, and why a push failed.

use crate::RegisterError;
use crate::guard::Rejected;
use crate::model::{NameError, debug_as_message};
use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;

/// A setting of a [`Gateway`](super::Gateway) that makes no sense. Its message names it and says what to write instead.
///
/// ```
/// use quipu::{Registry, push::Gateway};
/// let error = Gateway::builder(Registry::new(), "pushgateway:9091", "backup").build().unwrap_err();
/// assert_eq!(error.to_string(), "the URL \"pushgateway:9091\" of the Pushgateway is none: write one such as \"http://pushgateway:9091\"");
/// ```
#[non_exhaustive]
pub enum GatewayError {
    /// The URL is none, or has a query or a fragment.
    Url {
        /// What was given, without what stands before an `@`.
        url: String,
    },
    /// The URL has a user or a password in it.
    Credentials,
    /// The URL begins with `https`, and the feature `push-https` is off.
    Https {
        /// What was given, without what stands before an `@`.
        url: String,
    },
    /// The job is empty.
    Job,
    /// A grouping label may not be called so.
    Label {
        /// The name that was given.
        name: String,
        /// The rule that it breaks.
        problem: NameError,
    },
    /// A grouping label was given twice, or is `job`.
    RepeatedLabel {
        /// Its name.
        name: String,
    },
    /// A header has a name or a value that HTTP does not allow, or is one of those that are set anyway.
    Header {
        /// The name that was given.
        name: String,
    },
    /// The user has a colon or a control character, or the password a control character.
    BasicAuth,
    /// A time is zero.
    Zero {
        /// The setting: the method's name.
        setting: &'static str,
    },
    /// The URL begins with `https`, and there are no certificates to trust.
    Certificates(io::Error),
    /// The metrics about pushes cannot be registered.
    Register(RegisterError),
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayError::Url { url } => {
                write!(f, "the URL {url:?} of the Pushgateway is none: write one such as \"http://pushgateway:9091\"")
            }
            GatewayError::Credentials => f.write_str(
                "the URL of the Pushgateway has a user or a password in it: leave them out, and give them to `basic_auth`",
            ),
            GatewayError::Https { url } => {
                write!(f, "the URL {url:?} of the Pushgateway needs TLS: switch quipu's feature `push-https` on")
            }
            GatewayError::Job => f.write_str("the job of the Pushgateway is empty: give one such as \"backup\""),
            GatewayError::Label { name, problem } => write!(f, "the grouping label {name:?} cannot be used: {problem}"),
            GatewayError::RepeatedLabel { name } if name == "job" => {
                f.write_str("the grouping label \"job\" is given by the third argument of `Gateway::builder`: leave it out")
            }
            GatewayError::RepeatedLabel { name } => {
                write!(f, "the grouping label {name:?} is given twice: leave one out")
            }
            GatewayError::Header { name } => write!(
                f,
                "the header {name:?} cannot be sent: its name or value is none of HTTP, or every push has it already; \
                 change it or leave it out"
            ),
            GatewayError::BasicAuth => {
                f.write_str("a user or password cannot be sent: a user has no `:`, and neither has control characters")
            }
            GatewayError::Zero { setting } => write!(f, "`{setting}` of the Pushgateway is zero: give more"),
            GatewayError::Certificates(error) => write!(
                f,
                "no certificates to trust for the Pushgateway: {error}; install the system's, or name a file in `SSL_CERT_FILE`"
            ),
            GatewayError::Register(error) => write!(f, "metrics about the Pushgateway: {error}"),
        }
    }
}

debug_as_message!(GatewayError);

impl Error for GatewayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GatewayError::Label { problem, .. } => Some(problem),
            GatewayError::Register(error) => Some(error),
            GatewayError::Certificates(error) => Some(error),
            _ => None,
        }
    }
}

/// A URL as it may be shown: what stands before an `@` may be a password, also where nobody could read it as one.
pub(crate) fn shown(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("…@{rest}"))
}

/// Why a push, or a deletion, did not succeed. Nothing of the application is disturbed by it, and the next may succeed.
///
/// ```
/// use quipu::{Registry, push::{Gateway, PushError}};
/// let gateway = Gateway::builder(Registry::new(), "http://127.0.0.1:1", "backup").build()?;
/// match gateway.push_blocking() {
///     Err(PushError::Status { status, text, .. }) => println!("refused with {status}: {text}"),
///     Err(error) => println!("{error}"),
///     Ok(()) => println!("pushed"),
/// }
/// # Ok::<(), quipu::push::GatewayError>(())
/// ```
#[non_exhaustive]
pub enum PushError {
    /// There is no connection to the gateway.
    Connect {
        /// Where to.
        url: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection broke before there was an answer, or the answer was not HTTP.
    Broken {
        /// Where to.
        url: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It was not done in time.
    Timeout {
        /// Where to.
        url: String,
        /// What it had come to.
        stage: Stage,
        /// The time that it had.
        after: Duration,
    },
    /// The gateway refused, or something before it did.
    Status {
        /// Where to.
        url: String,
        /// The number of the answer, which is not from 200 to 299.
        status: u16,
        /// What the answer says, the beginning of it: of a redirect, where to.
        text: String,
    },
    /// It was not tried: too many have failed lately.
    Rejected(Rejected),
    /// There is no thread to do it.
    Thread(io::Error),
}

/// What a push had come to when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// It waited for an earlier one of the same gateway.
    Wait,
    /// It collected the metrics: hooks of [`before_scrape`](crate::Registry::before_scrape) and collectors had the word.
    Collect,
    /// It resolved the name, and connected.
    Connect,
    /// It sent the metrics and waited for the answer.
    Answer,
}

impl PushError {
    /// The thread has ended without a word.
    pub(super) fn no_answer() -> PushError {
        PushError::Thread(io::Error::other("it has ended before the push"))
    }

    /// Whether the same push may succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            PushError::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => true,
        }
    }

    /// The word for it in a label.
    pub(super) fn reason(&self) -> Reason {
        match self {
            PushError::Connect { .. } | PushError::Timeout { stage: Stage::Connect, .. } => Reason::Connect,
            PushError::Broken { .. } => Reason::Broken,
            PushError::Timeout { .. } => Reason::Timeout,
            PushError::Status { .. } => Reason::Status,
            PushError::Rejected(_) => Reason::Skipped,
            PushError::Thread(_) => Reason::Thread,
        }
    }
}

/// Kinds of [`PushError`], as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Connect,
    Broken,
    Timeout,
    Status,
    Skipped,
    Thread,
}

impl Reason {
    pub(super) const WORDS: [&'static str; 6] = ["connect", "broken", "timeout", "status", "skipped", "thread"];
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Connect { url, source } => write!(f, "cannot connect to {url}: {}", Chain(&**source)),
            PushError::Broken { url, source } => write!(f, "the connection to {url} broke: {}", Chain(&**source)),
            PushError::Timeout { url, stage, after } => {
                let stage = match stage {
                    Stage::Wait => "an earlier push was still under way",
                    Stage::Collect => "hooks or collectors had not ended",
                    Stage::Connect => "there was no connection",
                    Stage::Answer => "there was no answer",
                };
                write!(f, "the push to {url} took too long: {stage} after {after:?}")
            }
            PushError::Status { url, status, text } => {
                write!(f, "{url} answered {status}")?;
                match status {
                    300..=399 => {
                        return write!(
                            f,
                            ", a redirect to {text:?}, which is not followed: give the URL that it leads to"
                        );
                    }
                    401 | 403 => f.write_str(" (give `basic_auth` or a `header` that it accepts)")?,
                    404 | 405 => f.write_str(" (is the URL that of a Pushgateway, without `/metrics`?)")?,
                    413 => f.write_str(" (raise what it or a proxy before it accepts, or push fewer series)")?,
                    _ => {}
                }
                if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
            }
            PushError::Rejected(rejected) => rejected.fmt(f),
            PushError::Thread(error) => write!(f, "cannot push, for want of a thread: {error}"),
        }
    }
}

/// An error, and what lies behind it.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut before = self.0.to_string();
        let mut next = self.0.source();
        while let Some(error) = next {
            let message = error.to_string();
            if !before.contains(&message) {
                write!(f, ": {message}")?;
            }
            (before, next) = (message, error.source());
        }
        Ok(())
    }
}

debug_as_message!(PushError);

impl Error for PushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PushError::Connect { source, .. } | PushError::Broken { source, .. } => Some(&**source),
            PushError::Rejected(rejected) => Some(rejected),
            PushError::Thread(error) => Some(error),
            PushError::Timeout { .. } | PushError::Status { .. } => None,
        }
    }
}
