//! The visitor of keys.

use super::reader::Reader;
use super::value::{Bounds, Value, write_text};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};

/// A part of the configuration: a struct, and the keys that its fields have. See the [module](super).
pub trait Section: Clone + Send + Sync + 'static {
    /// Visits each key, always the same in the same order, whatever the values are.
    fn keys(&mut self, keys: &mut Keys<'_>);
}

/// What visits the keys of sections; made by whoever reads a configuration.
pub struct Keys<'a> {
    path: Vec<String>,
    pub(super) known: Vec<Known>,
    pub(super) reader: Option<&'a mut Reader>,
    is_template: bool,
    /// In a table of tables, which no variable sets.
    is_file_only: bool,
}

/// What is known of a key or of a table.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) path: Vec<String>,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// Whether it can change while the program runs.
    pub(crate) is_live: bool,
    pub(super) is_secret: bool,
    /// Whether no variable sets it.
    pub(super) is_file_only: bool,
    /// Whether it stands for what could be.
    pub(super) is_template: bool,
    pub(super) example: Option<&'static str>,
    /// In TOML, as it is now; `None` if there is none.
    pub(crate) value: Option<String>,
    /// Of a table of names and values: the same, a line each.
    pub(super) entries: Vec<String>,
}

/// What stands in messages for a secret.
pub(super) const NOT_SHOWN: &str = "a value that is not shown";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// What is to be written, as "true or false".
    Value(String),
    Table,
    /// A table of names and values of which this is to be written.
    Map(String),
    /// A table of tables.
    Tables,
}

impl Known {
    /// As it stands in messages: `metrics.http.enabled`.
    pub(crate) fn name(&self) -> String {
        dotted(&self.path)
    }

    /// The value as it may be shown.
    pub(crate) fn shown(&self) -> String {
        match (&self.value, self.is_secret) {
            (None, _) => "not set".to_owned(),
            (Some(_), true) => NOT_SHOWN.to_owned(),
            (Some(value), false) => value.clone(),
        }
    }

    /// Whether it is a key, and not a table that has keys.
    pub(crate) fn is_key(&self) -> bool {
        matches!(self.kind, Kind::Value(_) | Kind::Map(_)) && !self.is_template
    }

    /// Whether a variable of this name would set something in it, if the file were not the only one that can.
    pub(super) fn is_in_file_only(&self, variable: &str) -> bool {
        (self.is_file_only || self.kind == Kind::Tables)
            && !self.is_template
            && variable.strip_prefix(&self.variable()).is_some_and(|name| name.is_empty() || name.starts_with('_'))
    }

    /// The variable of the environment that sets it, or with which the names of those begin that do.
    pub(super) fn variable(&self) -> String {
        self.path.join("_").to_uppercase()
    }
}

/// A path as TOML has it: names in quotes where they need them.
pub(super) fn dotted<S: AsRef<str>>(path: &[S]) -> String {
    let mut text = String::new();
    for (n, name) in path.iter().map(AsRef::as_ref).enumerate() {
        text.push_str(if n > 0 { "." } else { "" });
        write_name(name, &mut text);
    }
    text
}

pub(super) fn write_name(name: &str, out: &mut String) {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => out.push_str(name),
        false => write_text(name, out),
    }
}

impl<'a> Keys<'a> {
    pub(super) fn new(reader: Option<&'a mut Reader>) -> Self {
        Keys { path: Vec::new(), known: Vec::new(), reader, is_template: false, is_file_only: false }
    }

    /// All keys as they are, read from nowhere.
    pub(crate) fn list(visit: impl FnOnce(&mut Keys<'_>)) -> Vec<Known> {
        let mut keys = Keys::new(None);
        visit(&mut keys);
        keys.known
    }

    /// Visits the keys of a table. `help` is one sentence or two.
    pub fn table(&mut self, name: &'static str, help: &'static str, visit: impl FnOnce(&mut Self)) {
        self.path.push(name.to_owned());
        self.know(help, Kind::Table);
        if let Some(reader) = &mut self.reader {
            reader.table(&self.path);
        }
        visit(self);
        self.path.pop();
    }

    fn know(&mut self, help: &'static str, kind: Kind) {
        let path = self.path.clone();
        let is_template = self.is_template;
        self.known.push(Known {
            path,
            help,
            kind,
            is_live: false,
            is_secret: false,
            is_file_only: false,
            is_template,
            example: None,
            value: None,
            entries: Vec::new(),
        });
    }

    /// Begins a key: [`value`](Key::value) and its like end it. `help` is one sentence or two; the range, the default and the rest are added to it.
    pub fn key<'k>(&'k mut self, name: &'static str, help: &'static str) -> Key<'k, 'a> {
        Key {
            keys: self,
            name,
            help,
            bounds: None,
            is_live: false,
            is_secret: false,
            is_file_only: false,
            example: None,
        }
    }

    /// Refuses the value of a key of this table, for a reason that its own check does not see. `text` follows its name.
    ///
    /// ```
    /// # use quipu::config::{Keys, Section};
    /// # #[derive(Clone)]
    /// # struct Range { from: f64, to: f64 }
    /// impl Section for Range {
    ///     fn keys(&mut self, keys: &mut Keys<'_>) {
    ///         keys.key("from", "The least.").value(&mut self.from);
    ///         keys.key("to", "The most.").value(&mut self.to);
    ///         if self.to < self.from {
    ///             keys.refuse("to", &format!("is less than `from`: write a number from {} on", self.from));
    ///         }
    ///     }
    /// }
    /// ```
    pub fn refuse(&mut self, name: &str, text: &str) {
        if let Some(reader) = &mut self.reader {
            reader.refuse(&self.path, name, text);
        }
    }
}

impl Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("path", &dotted(&self.path)).finish_non_exhaustive()
    }
}

/// A key that is being described; made by [`Keys::key`].
#[must_use = "a key has no value before `value` is called"]
pub struct Key<'k, 'a> {
    keys: &'k mut Keys<'a>,
    name: &'static str,
    help: &'static str,
    bounds: Option<Bounds>,
    is_live: bool,
    is_secret: bool,
    is_file_only: bool,
    example: Option<&'static str>,
}

impl<'k, 'a> Key<'k, 'a> {
    /// What numbers it takes, both ends included; of a list, each of its numbers; of a duration, in seconds. Without, all of its type.
    pub fn range(mut self, from: f64, to: f64) -> Self {
        self.bounds = Some(Bounds { from, to });
        self
    }

    /// It can change while the program runs; other keys need a restart.
    pub fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// Its value is shown nowhere.
    pub fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// No variable of the environment sets it: for tables of names that are not of small letters, digits and `_`.
    pub fn file_only(mut self) -> Self {
        self.is_file_only = true;
        self
    }

    /// What could be written, in TOML, for a key that has no default. Of a table of names, whole lines.
    pub fn example(mut self, toml: &'static str) -> Self {
        self.example = Some(toml);
        self
    }

    /// Its value.
    pub fn value<T: Value>(self, value: &mut T) {
        self.checked(value, |_| Ok(()));
    }

    /// Its value, which has to pass a check. The error of that says what to write.
    pub fn checked<T: Value>(self, value: &mut T, check: impl Fn(&T) -> Result<(), String>) {
        let bounds = self.bounds.unwrap_or(T::ALL);
        let (keys, mut known) = self.begin(Kind::Value(T::wanted(bounds)));
        if let Some(reader) = &mut keys.reader {
            reader.value(&known, bounds, value, check);
        }
        let mut text = String::new();
        known.value = value.write(&mut text).then_some(text);
        keys.known.push(known);
    }

    /// A table of names and values, each of which has to pass a check, whose error says what to write. What the file and the environment
    /// have is added to what is there.
    pub fn map<T: Value>(self, map: &mut BTreeMap<String, T>, check: impl Fn(&str, &T) -> Result<(), String>) {
        let bounds = self.bounds.unwrap_or(T::ALL);
        let (keys, mut known) = self.begin(Kind::Map(T::wanted(bounds)));
        if let Some(reader) = &mut keys.reader {
            reader.map(&known, bounds, map, check);
        }
        let entry = |(name, value): (&String, &T)| {
            let mut line = String::new();
            write_name(name, &mut line);
            line.push_str(" = ");
            value.write(&mut line);
            line
        };
        known.entries = map.iter().map(entry).collect();
        known.value = (!map.is_empty()).then(|| format!("{{ {} }}", known.entries.join(", ")));
        keys.known.push(known);
    }

    /// A table of tables, each of which is a section. Such can be set in the file only. Its [example](Self::example) is a name.
    pub fn tables<S: Section + Default>(self, map: &mut BTreeMap<String, S>) {
        let (is_live, example) = (self.is_live, self.example);
        let (keys, known) = self.begin(Kind::Tables);
        let path = known.path.clone();
        let names = keys.reader.as_mut().map(|reader| reader.tables(&path)).unwrap_or_default();
        keys.known.push(known);
        for name in names {
            map.entry(name).or_default();
        }
        let outer = std::mem::replace(&mut keys.path, path);
        let first = keys.known.len();
        for (name, section) in &mut *map {
            keys.entry(name, section);
        }
        let template = example.unwrap_or("name");
        // One that is there is an example as it stands.
        if keys.reader.is_none() && !map.contains_key(template) {
            let outer = std::mem::replace(&mut keys.is_template, true);
            keys.entry(template, &mut S::default());
            keys.is_template = outer;
        }
        keys.known[first..].iter_mut().for_each(|known| known.is_live |= is_live);
        keys.path = outer;
    }

    fn begin(self, kind: Kind) -> (&'k mut Keys<'a>, Known) {
        let Key { keys, name, help, is_live, is_secret, is_file_only, example, .. } = self;
        let mut path = keys.path.clone();
        path.push(name.to_owned());
        let is_template = keys.is_template;
        let is_file_only = is_file_only || keys.is_file_only;
        let (value, entries) = (None, Vec::new());
        (keys, Known { path, help, kind, is_live, is_secret, is_file_only, is_template, example, value, entries })
    }
}

impl Keys<'_> {
    /// Visits a table of a table of tables.
    fn entry(&mut self, name: &str, section: &mut impl Section) {
        self.path.push(name.to_owned());
        self.know("", Kind::Table);
        let outer = std::mem::replace(&mut self.is_file_only, true);
        section.keys(self);
        self.is_file_only = outer;
        self.path.pop();
    }
}

impl Debug for Key<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}
