//! The file: its text, and which line is where.

use super::error::Place;
use super::tree::{self, Broken, Entry, Node, Table, Tree};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// A larger file is no configuration.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    path: String,
    lines: Lines,
    pub(super) table: Table,
}

/// A text, and where its lines begin.
#[derive(Debug)]
struct Lines {
    text: String,
    begins: Vec<usize>,
}

/// So many bytes of a line are counted as characters. What comes later in it is counted by the byte, since a file may be one line.
const MOST_COUNTED: usize = 4096;

impl Lines {
    fn new(text: String) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let begins = [0].into_iter().chain(ends.map(|(at, _)| at + 1)).collect();
        Lines { text, begins }
    }

    fn place(&self, path: &str, at: usize) -> Place {
        let line = self.begins.partition_point(|begin| *begin <= at);
        let before = self.text.get(self.begins[line - 1]..at).unwrap_or_default();
        let column = match before.len() {
            0..=MOST_COUNTED => before.chars().count(),
            bytes => bytes,
        };
        Place::Line { path: path.to_owned(), line, column: column + 1 }
    }
}

/// Why a file is none, and where.
pub(super) type Unreadable = Vec<(Place, String)>;

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let place = || Place::File { path: path.display().to_string() };
    let refused = |text: String| vec![(place(), text)];
    let failed = |error: std::io::Error| refused(format!("cannot be read: {error}; write the path of a TOML file"));
    // Before it is opened, which waits where it is a pipe: for ever, if nobody writes.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(refused("is no regular file; write the path of a TOML file".to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() {
        0..=MOST_BYTES => Ok(bytes),
        _ => Err(refused(format!("has more than {MOST_BYTES} bytes: is it another file?"))),
    }
}

impl Document {
    pub(super) fn new(path: String, bytes: &[u8]) -> Result<Document, Unreadable> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let before = Lines::new(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned());
                let place = before.place(&path, before.text.len());
                return Err(vec![(place, "this is no text in UTF-8; write the path of a TOML file".to_owned())]);
            }
        };
        let parsed = tree::parse(&text);
        let lines = Lines::new(text);
        match parsed {
            Ok(table) => Ok(Document { path, lines, table }),
            Err(broken) => {
                let line = |Broken { at, rule }| (lines.place(&path, at), rule);
                Err(broken.into_iter().map(line).collect())
            }
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.lines.text
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.lines.place(&self.path, at)
    }

    /// The entry at a path, if all before it are tables.
    pub(super) fn entry(&self, path: &[String]) -> Option<&Entry> {
        let (last, before) = path.split_last()?;
        let mut table = &self.table;
        for name in before {
            let Tree::Table(inner) = &table.get(name)?.node.value else { return None };
            table = inner;
        }
        table.get(last)
    }

    /// The entry of a key, which is known from now on; also what is below, as where a value is wrong its parts are no keys.
    pub(super) fn claim(&self, path: &[String]) -> Option<&Entry> {
        self.entry(path).inspect(|entry| entry.know_all())
    }
}

/// A piece of the text as it is shown in a message, on one line.
pub(super) fn found(text: &str, node: &Node) -> String {
    let found = text.get(node.span.clone()).unwrap_or_default();
    if let Tree::Table(_) = node.value {
        return "a table".to_owned();
    }
    shortened(found)
}

const MOST_SHOWN: usize = 60;

/// On one line, and not too long.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
        .chars()
        .flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] })
        .collect()
}
