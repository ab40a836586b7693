//! Changes while the engine runs.

use super::sections::Sections;
use super::{Engine, Settings, StartError};
use crate::config::{ConfigError, Known};
use crate::lanes;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::fmt;

/// What a reload did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// Keys that have another value, which is in effect.
    pub changed: Vec<Change>,
    /// Keys that have another value than when the engine was built, which needs a restart.
    pub needs_restart: Vec<Change>,
    /// What is not as it was meant, a sentence each.
    pub warnings: Vec<String>,
}

/// A key whose value is another one now. Shown as `` `metrics.enabled`: true → false``.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The key.
    pub key: String,
    /// Its value before, in TOML.
    pub from: String,
    /// Its value now.
    pub to: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} → {}", self.key, self.from, self.to)
    }
}

impl Engine {
    /// Reads the file and the environment again. What can change while the program runs is changed at once, and all totals go on; the answer says
    /// which other keys need a restart. Call it when the file was changed, or on a signal. (The variables are those that the engine was built with.)
    ///
    /// Put a new file in the place of the old one by renaming it: of one that is just being written, half may be read, which may be good as well.
    ///
    /// # Cost
    /// Reads the file, and blocks meanwhile. Recording does not wait for it.
    ///
    /// # Errors
    /// All that is wrong with the file. Then nothing changes.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("quipu-reload-{}.toml", std::process::id()));
    /// std::fs::write(&path, "[metrics.alerts]\nhigh_error_rate_threshold = 0.05\n")?;
    /// let engine = quipu::Engine::builder().file(&path).without_environment().build()?;
    /// std::fs::write(&path, "metrics.namespace = \"shop\"\nmetrics.alerts.high_error_rate_threshold = 0.01\n")?;
    /// let reloaded = engine.reload()?;
    /// assert_eq!(reloaded.changed[0].to_string(), "`metrics.alerts.high_error_rate_threshold`: 0.05 → 0.01");
    /// assert_eq!(reloaded.needs_restart[0].to_string(), "`metrics.namespace`: \"\" → \"shop\"");
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload(&self) -> Result<Reloaded, ConfigError> {
        let _alone = self.alone();
        let mut sections: Sections = self.0.base.clone();
        let read = self.0.sources.visit(|keys| sections.keys(keys))?;
        let (followers, mut reloaded, collecting, had_lanes) = {
            let mut state = lock(&self.0.state);
            let had_lanes = state.sections.settings.limits.max_lane_bytes.is_some();
            let reloaded = Reloaded {
                changed: changes(&state.now, &read.known, true),
                needs_restart: changes(&self.0.built_keys, &read.known, false),
                warnings: Vec::new(),
            };
            (state.now, state.warnings) = (read.known, read.warnings);
            state.sections = sections.clone();
            (state.followers.clone(), reloaded, state.collecting.take(), had_lanes)
        };
        if had_lanes && sections.settings.limits.max_lane_bytes.is_none() {
            let bytes = lanes::limit_bytes();
            let key = "metrics.limits.max_lane_bytes";
            reloaded.warnings.push(format!(
                "`{key}` is not set any more: the lanes of the process keep their limit of {bytes} bytes"
            ));
        }
        self.apply(&sections.settings);
        if let Some(mut collecting) = collecting {
            let errors = collecting.change(self, &sections.settings);
            reloaded.warnings.extend(errors.iter().map(StartError::to_string));
            lock(&self.0.state).collecting = Some(collecting);
        }
        followers.iter().for_each(|follow| follow(&sections));
        reloaded.warnings.extend(self.warnings());
        Ok(reloaded)
    }

    /// Brings into effect what can change while the program runs.
    pub(super) fn apply(&self, settings: &Settings) {
        for (alert, threshold) in settings.alerts.each() {
            self.0.thresholds.with([alert]).set(threshold);
        }
        if let Some(bytes) = settings.limits.max_lane_bytes {
            lanes::set_limit_bytes(bytes);
        }
        let (registry, http) = (&self.0.registry, &settings.http);
        registry.set_hidden("http_request_size_bytes", !http.track_request_size);
        registry.set_hidden("http_response_size_bytes", !http.track_response_size);
    }
}

/// The keys whose values differ, of those that can change while the program runs, or of the others.
fn changes(before: &[Known], after: &[Known], is_live: bool) -> Vec<Change> {
    let mut keys: BTreeMap<&[String], [Option<&Known>; 2]> = BTreeMap::new();
    for (n, known) in [before, after].into_iter().enumerate() {
        for key in known.iter().filter(|key| key.is_key() && key.is_live == is_live) {
            keys.entry(&key.path).or_default()[n] = Some(key);
        }
    }
    let change = |[from, to]: [Option<&Known>; 2]| {
        let value = |known: Option<&Known>| known.and_then(|known| known.value.clone());
        let is_same = value(from) == value(to);
        let shown = |known: Option<&Known>| known.map_or_else(|| "not set".to_owned(), Known::shown);
        let key = from.or(to)?.name();
        (!is_same).then(|| Change { key, from: shown(from), to: shown(to) })
    };
    keys.into_values().filter_map(change).collect()
}
