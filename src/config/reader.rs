//! Reads the values of keys.

use super::environment::{Environment, PREFIX, Variable};
use super::error::{ConfigError, Place, Problem};
use super::file::{self, Document, found, shortened};
use super::keys::{Keys, Kind, Known, NOT_SHOWN, dotted};
use super::nearest::nearest;
use super::tree::{Entry, Node, Table, Tree};
use super::value::{Bounds, Refused, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Where a configuration comes from: a file or a text, and variables of the environment, which go before it.
///
/// An [`Engine`](crate::Engine) has its own. This is for programs that read some keys alone.
///
/// ```
/// use quipu::config::Sources;
/// use quipu::engine::Settings;
///
/// let mut settings = Settings::default();
/// let sources = Sources::new().text("metrics.toml", "[metrics.alerts]\nhigh_error_rate_threshold = 0.01\n");
/// sources.read(&mut settings)?;
/// assert_eq!(settings.alerts.high_error_rate_threshold, 0.01);
/// # Ok::<(), quipu::config::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    text: Option<(String, Vec<u8>)>,
    variables: Option<Vec<(OsString, OsString)>>,
    allows_unknown: bool,
}

/// What was read, beside the values.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) known: Vec<Known>,
    pub(crate) warnings: Vec<String>,
    reader: Reader,
}

impl Read {
    /// A key of a table is wrong, as whoever used the values has found. `text` follows its name.
    pub(crate) fn refused(&self, table: &[&str], name: &str, text: &str) -> ConfigError {
        let table: Vec<_> = table.iter().copied().map(str::to_owned).collect();
        let (_, problem) = self.reader.problem(&table, name, text);
        ConfigError { problems: vec![problem] }
    }
}

impl Sources {
    /// Neither a file nor an environment: all keys have the values that the section has.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Reads this file, at each reading anew.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads a text in place of a file; its name stands in errors.
    pub fn text(mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        self.text = Some((name.into(), text.into()));
        self
    }

    /// Reads the variables of the process's environment, as they are now.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Reads these variables in place of the environment's.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.variables = Some(variables.into_iter().map(|(name, text)| (name.into(), text.into())).collect());
        self
    }

    /// Keys that the section does not have are no error: others read them.
    pub fn allow_unknown(mut self) -> Self {
        self.allows_unknown = true;
        self
    }

    /// Reads the keys of a section, and returns the names of variables that name no key, each with what may have been meant.
    ///
    /// # Errors
    /// All that is wrong with the file or the environment. Then `section` is as it was.
    pub fn read(&self, section: &mut impl super::Section) -> Result<Vec<String>, ConfigError> {
        let mut new = section.clone();
        let read = self.visit(|keys| new.keys(keys))?;
        *section = new;
        Ok(read.warnings)
    }

    /// What is wrong with all of it together.
    pub(crate) fn refused(&self, text: String) -> ConfigError {
        let path = match (&self.text, &self.file) {
            (Some((name, _)), _) => Some(name.clone()),
            (None, file) => file.as_ref().map(|path| path.display().to_string()),
        };
        let place = path.map_or(Place::Program, |path| Place::File { path });
        ConfigError { problems: vec![Problem { place, key: None, text }] }
    }

    /// The same, of all keys that `visit` visits.
    pub(crate) fn visit(&self, visit: impl FnOnce(&mut Keys<'_>)) -> Result<Read, ConfigError> {
        let of_places = |(place, text)| Problem { place, key: None, text };
        let unreadable =
            |problems: file::Unreadable| ConfigError { problems: problems.into_iter().map(of_places).collect() };
        let document = match (&self.text, &self.file) {
            (Some((name, text)), _) => Some(Document::new(name.clone(), text).map_err(unreadable)?),
            (None, Some(path)) => {
                let bytes = file::read(path).map_err(unreadable)?;
                Some(Document::new(path.display().to_string(), &bytes).map_err(unreadable)?)
            }
            (None, None) => None,
        };
        let environment = Environment::of(self.variables.clone().unwrap_or_default());
        let mut reader = Reader { document, environment, problems: Vec::new() };
        let mut keys = Keys::new(Some(&mut reader));
        visit(&mut keys);
        let known = keys.known;
        if !self.allows_unknown {
            reader.refuse_unknown(&known);
        }
        match reader.problems.is_empty() {
            true => Ok(Read { warnings: reader.warnings(&known), known, reader }),
            false => Err(reader.into_error()),
        }
    }
}

/// Without texts and values, which may be secret.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.variables.iter().flatten().map(|(name, _)| name);
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("text", &self.text.as_ref().map(|(name, _)| name))
            .field("variables", &variables.collect::<Vec<_>>())
            .field("allows_unknown", &self.allows_unknown)
            .finish()
    }
}

/// What a visit reads from.
#[derive(Debug)]
pub(super) struct Reader {
    document: Option<Document>,
    environment: Environment,
    /// With the place in the file, by which they are sorted.
    problems: Vec<(usize, Problem)>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Source<'a> {
    File(&'a Document),
    Variable(&'a Variable, &'a str),
}

impl Source<'_> {
    fn place(self, at: usize) -> Place {
        match self {
            Source::File(document) => document.place(at),
            Source::Variable(variable, _) => Place::Variable { name: variable.name.clone() },
        }
    }

    fn found(self, node: &Node) -> String {
        match self {
            Source::File(document) => found(document.text(), node),
            Source::Variable(_, text) => format!("{:?}", shortened(text)),
        }
    }

    /// Variables come after the file.
    fn order(self, at: usize) -> usize {
        if let Source::File(_) = self { at } else { usize::MAX }
    }
}

/// What a key takes.
struct Rules<'c, T> {
    is_secret: bool,
    bounds: Bounds,
    check: &'c dyn Fn(&T) -> Result<(), String>,
}

impl<T: Value> Rules<'_, T> {
    /// A value that the program has set, as it is shown in a message.
    fn found(&self, value: &T) -> String {
        let mut text = String::new();
        value.write(&mut text);
        if self.is_secret { NOT_SHOWN.to_owned() } else { shortened(&text) }
    }
}

/// Reads one value, or adds a problem.
fn read<T: Value>(
    source: Source<'_>,
    path: &[String],
    node: &Node,
    rules: &Rules<'_, T>,
    problems: &mut Vec<(usize, Problem)>,
) -> Option<T> {
    let result = T::read(node, rules.bounds).map_err(|refused| {
        let wanted = format!("write {}", refused.wanted);
        (Refused { wanted, ..refused }, ())
    });
    let result = result.and_then(|value| match (rules.check)(&value) {
        Ok(()) => Ok(value),
        Err(wanted) => Err((Refused { span: node.span.clone(), item: String::new(), wanted }, ())),
    });
    match result {
        Ok(value) => Some(value),
        Err((Refused { span, item, wanted }, ())) => {
            let key = dotted(path) + &item;
            let at = Node { value: Tree::Date, span };
            let is_whole = at.span == node.span;
            let found = match rules.is_secret {
                true => NOT_SHOWN.to_owned(),
                false => source.found(if is_whole { node } else { &at }),
            };
            let text = format!("`{key}` is {found}: {wanted}");
            problems.push((
                source.order(at.span.start),
                Problem { place: source.place(at.span.start), key: Some(key), text },
            ));
            None
        }
    }
}

impl Reader {
    /// A table is to be one.
    pub(super) fn table(&mut self, path: &[String]) {
        self.entries(path, false);
    }

    /// The names in a table, if it is one.
    fn entries(&mut self, path: &[String], is_secret: bool) -> Vec<String> {
        let Some(document) = &self.document else { return Vec::new() };
        let Some(entry) = document.entry(path) else { return Vec::new() };
        // Several sections may have keys in one table.
        let is_told = entry.is_known.replace(true);
        match &entry.node.value {
            Tree::Table(table) => table.keys().cloned().collect(),
            _ if is_told => Vec::new(),
            _ => {
                let key = dotted(path);
                let found = if is_secret { NOT_SHOWN.to_owned() } else { found(document.text(), &entry.node) };
                let text = format!("`{key}` is {found}: write a table, [{key}]");
                let problem = Problem { place: document.place(entry.at), key: Some(key), text };
                self.problems.push((entry.at, problem));
                Vec::new()
            }
        }
    }

    /// The names in a table of tables; what is no table among them is refused.
    pub(super) fn tables(&mut self, path: &[String]) -> Vec<String> {
        let names = self.entries(path, false);
        for name in &names {
            let mut path = path.to_vec();
            path.push(name.clone());
            self.entries(&path, false);
        }
        names
    }

    pub(super) fn value<T: Value>(
        &mut self,
        key: &Known,
        bounds: Bounds,
        value: &mut T,
        check: impl Fn(&T) -> Result<(), String>,
    ) {
        let path = &*key.path;
        let rules = Rules { is_secret: key.is_secret, bounds, check: &check };
        let Reader { document, environment, problems } = self;
        let entry = document.as_ref().and_then(|document| Some((document, document.claim(path)?)));
        let variable = if key.is_file_only { None } else { environment.claim(&key.variable()) };
        if let Some((document, entry)) = entry
            && let Some(read) = read(Source::File(document), path, &entry.node, &rules, problems)
        {
            *value = read;
        }
        if let Some(variable) = variable
            && let Some(read) = read_variable(variable, path, &rules, problems)
        {
            *value = read;
        }
        if entry.is_none()
            && variable.is_none()
            && let Err(wanted) = check(value)
        {
            let (key, found) = (dotted(path), rules.found(value));
            let text = format!("`{key}` is {found}: {wanted}");
            problems.push((usize::MAX, Problem { place: Place::Program, key: Some(key), text }));
        }
    }

    pub(super) fn map<T: Value>(
        &mut self,
        key: &Known,
        bounds: Bounds,
        map: &mut BTreeMap<String, T>,
        check: impl Fn(&str, &T) -> Result<(), String>,
    ) {
        let (path, is_secret) = (&*key.path, key.is_secret);
        let names = self.entries(path, is_secret);
        let Reader { document, environment, problems } = self;
        let below = |name: &str| path.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
        for name in names {
            let rules = Rules { is_secret, bounds, check: &|value| check(&name, value) };
            let path = below(&name);
            if let Some(document) = document.as_ref()
                && let Some(entry) = document.claim(&path)
                && let Some(value) = read(Source::File(document), &path, &entry.node, &rules, problems)
            {
                map.insert(name, value);
            }
        }
        if key.is_file_only {
            return;
        }
        for (name, variable) in environment.claim_below(&key.variable()) {
            let rules = Rules { is_secret, bounds, check: &|value| check(&name, value) };
            if let Some(value) = read_variable(variable, &below(&name), &rules, problems) {
                map.insert(name, value);
            }
        }
    }

    /// Refuses a key of a table. Of one whose value was refused already there is no more to say: its field is as it was before.
    pub(super) fn refuse(&mut self, table: &[String], name: &str, text: &str) {
        let (at, problem) = self.problem(table, name, text);
        let key = problem.key().unwrap_or_default();
        let is_it = |told: &str| told.strip_prefix(key).is_some_and(|item| item.is_empty() || item.starts_with('['));
        if !self.problems.iter().any(|(_, problem)| problem.key().is_some_and(is_it)) {
            self.problems.push((at, problem));
        }
    }

    /// A problem with a key of a table, where it stands; else at the table, or what sets another key of it; else at whoever has read none of it.
    fn problem(&self, table: &[String], name: &str, text: &str) -> (usize, Problem) {
        let path: Vec<String> = table.iter().cloned().chain([name.to_owned()]).collect();
        let key = dotted(&path);
        let variable = |path: &[String]| path.join("_").to_uppercase();
        let at_variable = |variable: &Variable| (usize::MAX, Place::Variable { name: variable.name.clone() });
        let in_file = |path: &[String]| {
            let document = self.document.as_ref()?;
            document.entry(path).map(|entry: &Entry| (entry.at, document.place(entry.at)))
        };
        let (at, place) = self
            .environment
            .claim(&variable(&path))
            .map(at_variable)
            .or_else(|| in_file(&path))
            .or_else(|| in_file(table))
            // All variables are below the outermost table, and tell nothing of it.
            .or_else(|| Some(at_variable(self.environment.known_below(&variable(table)).filter(|_| table.len() > 1)?)))
            .unwrap_or_else(|| match &self.document {
                Some(document) => (usize::MAX, Place::File { path: document.path().to_owned() }),
                None => (usize::MAX, Place::Program),
            });
        let text = format!("`{key}` {text}");
        (at, Problem { place, key: Some(key), text })
    }

    fn refuse_unknown(&mut self, known: &[Known]) {
        if let Some(document) = &self.document {
            let mut unknown = Vec::new();
            collect_unknown(&document.table, &mut Vec::new(), &mut unknown);
            for (path, at) in unknown {
                let key = dotted(&path);
                let text = format!("unknown key `{key}`{}", advice(&path, known));
                self.problems.push((at, Problem { place: document.place(at), key: Some(key), text }));
            }
        }
    }

    fn warnings(&self, known: &[Known]) -> Vec<String> {
        let of_keys = || known.iter().filter(|known| known.is_key() && !known.is_file_only);
        let variables: Vec<String> = of_keys().map(Known::variable).collect();
        let is_table = |name: &str| of_keys().any(|key| matches!(key.kind, Kind::Map(_)) && key.variable() == name);
        let warning = |name: &str| {
            if let Some(known) = known.iter().find(|known| known.is_in_file_only(name)) {
                return format!("the variable {name} sets nothing: only the file sets what is in `{}`", known.name());
            }
            if is_table(name) {
                return format!("the variable {name} names no key; did you mean {name}_NAME?");
            }
            // The prefix, which all have, makes no two of them alike.
            let names = variables.iter().filter_map(|variable| variable.strip_prefix(PREFIX));
            match nearest(&name[PREFIX.len()..], names) {
                Some(meant) => format!("the variable {name} names no key; did you mean {PREFIX}{meant}?"),
                None => format!("the variable {name} names no key"),
            }
        };
        self.environment.unknown().map(warning).collect()
    }

    fn into_error(mut self) -> ConfigError {
        self.problems.sort_by_key(|(at, _)| *at);
        ConfigError { problems: self.problems.into_iter().map(|(_, problem)| problem).collect() }
    }
}

fn read_variable<T: Value>(
    variable: &Variable,
    path: &[String],
    rules: &Rules<'_, T>,
    problems: &mut Vec<(usize, Problem)>,
) -> Option<T> {
    let Some(text) = &variable.text else {
        let (place, key) = (Place::Variable { name: variable.name.clone() }, dotted(path));
        let text = format!("`{key}` is no text in UTF-8: write one");
        problems.push((usize::MAX, Problem { place, key: Some(key), text }));
        return None;
    };
    read(Source::Variable(variable, text), path, &T::parse(text), rules, problems)
}

/// The entries that no section has; of a table that none has, the table alone.
fn collect_unknown(table: &Table, path: &mut Vec<String>, unknown: &mut Vec<(Vec<String>, usize)>) {
    for (name, entry) in table {
        path.push(name.clone());
        match &entry.node.value {
            _ if !entry.is_known.get() => unknown.push((path.clone(), entry.at)),
            Tree::Table(inner) => collect_unknown(inner, path, unknown),
            _ => {}
        }
        path.pop();
    }
}

/// What may have been meant by an unknown key.
fn advice(path: &[String], known: &[Known]) -> String {
    let (name, table) = path.split_last().expect("a key has a name");
    let beside = || known.iter().filter(|known| known.path.split_last().is_some_and(|(_, of)| of == table));
    let names = || beside().filter_map(|known| known.path.last()).map(|name| &**name);
    if let Some(meant) = nearest(name, names()) {
        return format!("; did you mean `{meant}`?");
    }
    if let Some(elsewhere) = known.iter().find(|known| known.path.last() == Some(name)) {
        return format!("; did you mean `{}`?", elsewhere.name());
    }
    let names: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => "; remove it".to_owned(),
        false => format!("; write one of {}", names.join(", ")),
    }
}
