//! Files that somebody has edited: every text is taken, or refused with the places of what is wrong.

use crate::wrong::{All, example};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use quipu::config::{Place, Sources};

/// What a file is made of, and what it must not be.
const PIECES: &[&str] = &[
    "",
    "\n",
    "\r\n",
    "\0",
    "\u{feff}",
    "=",
    ".",
    ",",
    "#",
    "\"",
    "'''",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "[metrics]\n",
    "metrics.",
    "enabled",
    "é",
    "😀",
    " = true\n",
    " = -1\n",
    " = nan\n",
    " = 1e999\n",
    " = 99999999999999999999\n",
    " = \"\"\n",
    " = []\n",
    " = {}\n",
    "\\u0000",
];

/// All keys of the example with their values, and the file of a deployment.
fn texts() -> [String; 2] {
    let (_, keys) = example();
    let keys = keys.into_iter().map(|(table, name, value)| format!("{table}.{name} = {value}\n"));
    [keys.collect(), include_str!("deployed.toml").to_owned()]
}

fn edit(text: &mut String, at: Index, bytes: usize, piece: &str) {
    let on_character = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let at = at.index(text.len() + 1);
    let (begin, end) = (on_character(at), on_character(text.len().min(at + bytes)));
    text.replace_range(begin..end, piece);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_text_is_taken_or_refused_where_it_is_wrong(
        which in 0..2_usize,
        edits in vec((any::<Index>(), 0..30_usize, select(PIECES)), 1..6),
    ) {
        let mut text = texts()[which].clone();
        edits.into_iter().for_each(|(at, bytes, piece)| edit(&mut text, at, bytes, piece));
        let read = || Sources::new().text("a.toml", &*text).read(&mut All::default());
        let Err(error) = read() else { return Ok(()) };
        prop_assert_eq!(&read().unwrap_err(), &error);
        prop_assert!(!error.problems().is_empty());
        let lines = text.split('\n').count();
        for problem in error.problems() {
            prop_assert_eq!(problem.to_string().lines().count(), 1, "{}", problem);
            match problem.place() {
                Place::Line { line, column, .. } => {
                    prop_assert!((1..=lines).contains(line), "{}", problem);
                    // Past the end, where something is missing.
                    let length = text.split('\n').nth(line - 1).unwrap().chars().count();
                    prop_assert!((1..=length + 1).contains(column), "{}", problem);
                }
                // What keys need of each other.
                place => prop_assert!(problem.key().is_some(), "{:?}: {}", place, problem),
            }
        }
    }
}
