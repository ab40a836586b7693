//! The variables of the environment.

use std::cell::Cell;
use std::ffi::OsString;

/// What the names of all variables begin with.
pub(super) const PREFIX: &str = "METRICS_";

#[derive(Clone, Debug, Default)]
pub(super) struct Environment(Vec<Variable>);

#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    /// `None` if it is no text.
    pub(super) text: Option<String>,
    is_known: Cell<bool>,
}

impl Environment {
    /// Those that could be meant.
    pub(super) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let variable = |(name, text): (OsString, OsString)| {
            // One that is no text names no key, which is to be told like any other.
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with(PREFIX) {
                return None;
            }
            Some(Variable { name, text: text.into_string().ok(), is_known: Cell::new(false) })
        };
        let mut variables: Vec<_> = variables.into_iter().filter_map(variable).collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        Environment(variables)
    }

    /// The variable of a key, which is known from now on.
    pub(super) fn claim(&self, name: &str) -> Option<&Variable> {
        self.0.iter().find(|variable| variable.name == name).inspect(|variable| variable.is_known.set(true))
    }

    /// Those of the names in a table, and the names.
    pub(super) fn claim_below(&self, table: &str) -> Vec<(String, &Variable)> {
        let below = |variable: &&Variable| variable.name.strip_prefix(table)?.strip_prefix('_').map(str::to_lowercase);
        let below = self.0.iter().filter_map(|variable| Some((below(&variable)?, variable)));
        below.filter(|(name, _)| !name.is_empty()).inspect(|(_, variable)| variable.is_known.set(true)).collect()
    }

    /// The first that sets something of a table.
    pub(super) fn known_below(&self, table: &str) -> Option<&Variable> {
        let is_below = |name: &str| name.strip_prefix(table).is_some_and(|rest| rest.starts_with('_'));
        self.0.iter().find(|variable| variable.is_known.get() && is_below(&variable.name))
    }

    /// Those that name no key.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|variable| !variable.is_known.get()).map(|variable| &*variable.name)
    }
}
