//! The page of all keys, for people.

use super::keys::{Kind, Known, dotted};
use std::fmt::Write;

const HEAD: &str = "\
# Keys

All keys of the configuration. A variable of the environment goes before the file; where a key has none, only the file can set it. \"live\" is
what a reload changes at once, and \"restart\" what it only tells. `<name>` is any name.
";

/// Writes the page in Markdown. `known` are the keys as they are by default.
pub(crate) fn page(known: &[Known]) -> String {
    let mut out = HEAD.to_owned();
    for table in known.iter().filter(|table| table.kind == Kind::Table) {
        let is_of_table = |key: &&Known| key.path.split_last().is_some_and(|(_, of)| of == table.path);
        let rows: String = known.iter().filter(is_of_table).filter_map(|key| row(key, known)).collect();
        if !rows.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(out, "\n## `{}`\n\n{}\n\n", name(table, known), cell(help(table, known)));
            out.push_str("| key | variable | value | unit | default | change | |\n|---|---|---|---|---|---|---|\n");
            out.push_str(&rows);
        }
    }
    out
}

/// The table of tables in which this stands.
fn outer<'a>(of: &Known, known: &'a [Known]) -> Option<&'a Known> {
    known.iter().find(|outer| outer.kind == Kind::Tables && of.path.starts_with(&outer.path))
}

/// What a table is for; of one of several, what all are for.
fn help(table: &Known, known: &[Known]) -> &'static str {
    outer(table, known).filter(|_| table.help.is_empty()).map_or(table.help, |outer| outer.help)
}

/// With `<name>` in place of a name that stands for any.
fn name(of: &Known, known: &[Known]) -> String {
    match outer(of, known).filter(|_| of.is_template) {
        Some(outer) => {
            let rest = &of.path[outer.path.len() + 1..];
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{}.<name>{dot}{}", outer.name(), dotted(rest))
        }
        None => of.name(),
    }
}

/// The row of a key; `None` of a table that has keys.
fn row(key: &Known, known: &[Known]) -> Option<String> {
    let (wanted, of_map, of_variable) = match &key.kind {
        Kind::Value(wanted) => (wanted, "", ""),
        Kind::Map(wanted) => (wanted, ".<name>", "_<NAME>"),
        Kind::Table | Kind::Tables => return None,
    };
    let name = format!("{}{of_map}", name(key, known));
    let variable = match key.is_template || key.is_file_only {
        true => String::new(),
        false => format!("`{}{of_variable}`", key.variable()),
    };
    let default = key.value.as_ref().filter(|_| !key.is_secret).map(|value| format!("`{value}`")).unwrap_or_default();
    let change = if key.is_live { "live" } else { "restart" };
    let cells = [&*format!("`{name}`"), &*variable, &**wanted, unit(&name), &*default, change, key.help].map(cell);
    Some(format!("| {} |\n", cells.join(" | ")))
}

/// As the names of keys have it.
fn unit(key: &str) -> &'static str {
    if key.ends_with("_seconds") {
        "seconds"
    } else if key.ends_with("_bytes") {
        "bytes"
    } else {
        ""
    }
}

/// Text whose only Markdown is code between backticks.
fn cell(text: &str) -> String {
    let (mut out, mut is_code) = (String::new(), false);
    for char in text.chars() {
        is_code ^= char == '`';
        // A cell ends at a bar in code, too.
        if char == '|' || !is_code && matches!(char, '\\' | '*' | '_' | '[' | ']' | '<' | '>') {
            out.push('\\');
        }
        out.push(char);
    }
    out
}
