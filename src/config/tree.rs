//! What a TOML text says, with the place of each value; nothing else knows the parser.

use core::cell::Cell;
use core::ops::Range;
use std::borrow::Cow;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands, in bytes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Tree,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Tree {
    Bool(bool),
    /// `None` if it is beyond all types.
    Integer(Option<i128>),
    Float(f64),
    Text(String),
    Array(Vec<Node>),
    Table(Table),
    /// No key takes one.
    Date,
}

/// By name.
pub(super) type Table = BTreeMap<String, Entry>;

#[derive(Debug)]
pub(super) struct Entry {
    /// Of the name.
    pub(super) at: usize,
    pub(super) node: Node,
    /// Whether a section has this key.
    pub(super) is_known: Cell<bool>,
}

impl Entry {
    pub(super) fn know_all(&self) {
        self.is_known.set(true);
        if let Tree::Table(table) = &self.node.value {
            table.values().for_each(Entry::know_all);
        }
    }
}

/// A rule of TOML that a text breaks, and where.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) rule: String,
}

/// Reads a whole text; or says all that is wrong with it.
pub(super) fn parse(text: &str) -> Result<Table, Vec<Broken>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(self::table(table.get_ref()));
    }
    let broken = |error: &toml::de::Error| Broken {
        at: error.span().map_or(text.len(), |span| span.start),
        rule: error.message().trim().replace('\n', ", "),
    };
    Err(errors.iter().map(broken).collect())
}

/// Reads the text of one value; of what is none, the text itself.
pub(super) fn parse_value(text: &str) -> Node {
    match DeValue::parse(text) {
        Ok(value) => Node { value: tree(value.get_ref()), span: 0..text.len() },
        Err(_) => text_node(text),
    }
}

/// A text as it stands.
pub(super) fn text_node(text: &str) -> Node {
    Node { value: Tree::Text(text.to_owned()), span: 0..text.len() }
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    Node { value: tree(value.get_ref()), span: value.span() }
}

fn tree(value: &DeValue<'_>) -> Tree {
    match value {
        DeValue::Boolean(value) => Tree::Bool(*value),
        DeValue::Integer(value) => Tree::Integer(i128::from_str_radix(value.as_str(), value.radix()).ok()),
        DeValue::Float(value) => Tree::Float(value.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(value) => Tree::Text(value.clone().into_owned()),
        DeValue::Array(values) => Tree::Array(values.iter().map(node).collect()),
        DeValue::Table(values) => Tree::Table(table(values)),
        DeValue::Datetime(_) => Tree::Date,
    }
}

fn table(values: &DeTable<'_>) -> Table {
    let entry = |(name, value): (&Spanned<Cow<'_, str>>, &Spanned<_>)| {
        let entry = Entry { at: name.span().start, node: node(value), is_known: Cell::new(false) };
        (name.get_ref().clone().into_owned(), entry)
    };
    values.iter().map(entry).collect()
}
