//! What is wrong with a configuration.

use crate::model::debug_as_message;
use core::fmt;

/// Why a configuration was not taken: all that is wrong with it, in the order of the file. The message has a line for each.
///
/// ```
/// let builder = quipu::Engine::builder().without_environment();
/// let error = builder.text("metrics.toml", "[metrics]\nenabled = 1\nlisten_adress = \"0.0.0.0:9090\"\n").build().unwrap_err();
/// let lines = "metrics.toml:2:11: `metrics.enabled` is 1: write true or false\n\
///     metrics.toml:3:1: unknown key `metrics.listen_adress`; did you mean `listen_address`?";
/// assert_eq!(error.to_string(), lines);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) problems: Vec<Problem>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    pub(super) place: Place,
    pub(super) key: Option<String>,
    pub(super) text: String,
}

/// Where a value was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The whole file.
    File {
        /// Its path.
        path: String,
    },
    /// A place in the file.
    #[non_exhaustive]
    Line {
        /// The file's path.
        path: String,
        /// The line, from 1 on.
        line: usize,
        /// The character in the line, from 1 on.
        column: usize,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// The program itself.
    Program,
}

impl ConfigError {
    /// All that is wrong; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The key, such as `metrics.http.enabled`; `None` if it is not one key that is wrong.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path } => f.write_str(path),
            Place::Line { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Place::Variable { name } => f.write_str(name),
            Place::Program => f.write_str("set by the program"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// More lines than that help nobody.
const MOST_LINES: usize = 50;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().take(MOST_LINES).enumerate() {
            write!(f, "{}{problem}", if n > 0 { "\n" } else { "" })?;
        }
        match self.problems.len().saturating_sub(MOST_LINES) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

debug_as_message!(ConfigError);
debug_as_message!(Problem);

impl core::error::Error for ConfigError {}
