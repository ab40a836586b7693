//! The file that has every key, with its default and a word about it.

use super::keys::{Kind, Known, dotted, write_name};
use std::fmt::{Display, Write};

const HEAD: &str = "\
# Every key, with its default. What is commented out has none, and shows what could be written.
# Below what a key is for stands what it takes, and the
# variable of the environment that sets it as well, and goes before the file.
# \"live\" is what a reload changes at once; other keys need a restart.
";

/// Lines of at most so many characters.
const WIDTH: usize = 120;

/// Writes the file. `known` are the keys as they are by default.
pub(crate) fn example(known: &[Known]) -> String {
    let mut out = HEAD.to_owned();
    for table in known.iter().filter(|known| !matches!(known.kind, Kind::Value(_))) {
        write_table(table, &mut out);
        for key in known.iter().filter(|key| key.path.split_last().is_some_and(|(_, of)| of == table.path)) {
            if let Kind::Value(wanted) = &key.kind {
                write_key(key, wanted, &mut out);
            }
        }
    }
    out
}

fn write_table(table: &Known, out: &mut String) {
    out.push('\n');
    match &table.kind {
        Kind::Map(wanted) => {
            comment(table.help, out);
            comment(&format!("Each: {}.", about(table, wanted)), out);
        }
        _ => comment(table.help, out),
    }
    // Of a table of tables, these follow.
    if table.kind != Kind::Tables {
        line(table.is_template, format_args!("[{}]", dotted(&table.path)), out);
    }
    if let Kind::Map(_) = table.kind {
        match table.is_secret || table.entries.is_empty() {
            true => table.example.iter().flat_map(|text| text.lines()).for_each(|entry| line(true, entry, out)),
            false => table.entries.iter().for_each(|entry| line(table.is_template, entry, out)),
        }
    }
}

fn line(is_comment: bool, text: impl Display, out: &mut String) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}{text}", if is_comment { "# " } else { "" });
}

fn write_key(key: &Known, wanted: &str, out: &mut String) {
    comment(key.help, out);
    comment(&format!("{}.", about(key, wanted)), out);
    let (is_comment, value) = match (&key.value, key.example) {
        (Some(value), _) if !key.is_secret => (key.is_template, &**value),
        (_, example) => (true, example.unwrap_or_default()),
    };
    let name = key.path.last().map(|name| {
        let mut text = String::new();
        write_name(name, &mut text);
        text
    });
    line(is_comment, format_args!("{} = {value}", name.unwrap_or_default()), out);
}

/// As in "true or false; METRICS_ENABLED; live".
fn about(key: &Known, wanted: &str) -> String {
    let variable = match key.kind {
        _ if key.is_template || key.is_file_only => String::new(),
        Kind::Map(_) => format!("; {}_<NAME>", key.variable()),
        _ => format!("; {}", key.variable()),
    };
    format!("{wanted}{variable}{}", if key.is_live { "; live" } else { "" })
}

fn comment(words: &str, out: &mut String) {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 3 > WIDTH {
            let _ = writeln!(out, "#{line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "#{line}");
    }
}
