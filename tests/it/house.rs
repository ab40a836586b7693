//! The rules of the house, read off the source text. Each finding says where it is and what to do about it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each floor of `src` and the floors it may use. Recording cannot depend on a format, and a format cannot reach an atomic.
const FLOORS: [(&str, &[&str]); 8] = [
    ("sync", &[]),
    ("model", &[]),
    ("store", &["sync", "model"]),
    ("metric", &["store", "model"]),
    ("registry", &["metric", "store", "model", "sync"]),
    ("encode", &["model"]),
    ("export", &["registry", "encode", "metric"]),
    ("http", &["registry", "metric"]),
];

/// Words that may stand only in some files of `src`, and what to write elsewhere. A folder ends in `/`.
const DOORS: [(&[&str], &[&str], &str); 5] = [
    (&["unsafe", "unsafe_code"], &["src/store/", "src/sync/"], "keep it behind a safe function of `store`"),
    (&["atomic", "portable_atomic", "loom"], &["src/sync/"], "use `crate::sync`, which loom can replace"),
    (&["libc"], &["src/sync/", "src/store/pages.rs"], "put the system call behind a function of `sync`"),
    (
        &["axum"],
        &["src/http/mod.rs", "src/http/layer.rs", "src/http/listener.rs", "src/export/router.rs"],
        "write against `http` and `tower`, so that other frameworks can use it",
    ),
    (
        &["tokio", "hyper", "hyper_util", "tower_layer", "tower_service", "http_body"],
        &["src/http/", "src/export/"],
        "only the wings may know the network",
    ),
];

const STRONG_ORDERINGS: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];
const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

struct Token {
    text: String,
    line: usize,
    /// Modules around it, counted from the root of the crate.
    depth: usize,
}

/// Comments and the insides of strings are no tokens; `::` is one.
fn tokens(stream: TokenStream, depth: usize, out: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let TokenTree::Group(group) = tree else {
            let (text, joins) = (tree.to_string(), matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ':'));
            match out.last_mut() {
                Some(last) if joins && last.text == ":" => last.text.push(':'),
                _ => out.push(Token { text, line, depth }),
            }
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => ("", ""),
        };
        let is_module = open == "{" && out.len() > 1 && out[out.len() - 2].text == "mod";
        out.push(Token { text: open.into(), line, depth });
        tokens(group.stream(), depth + usize::from(is_module), out);
        out.push(Token { text: close.into(), line: group.span_close().start().line, depth });
    }
}

/// The number of tokens up to where the item or group that begins here is closed: by `;` outside braces, or by `}`.
fn extent(tokens: &[Token]) -> usize {
    let mut open = 0;
    for (n, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" | "(" | "[" => open += 1,
            ")" | "]" => open -= 1,
            "}" if open == 1 => return n + 1,
            "}" => open -= 1,
            ";" if open == 0 => return n + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A source file, cut into tokens.
struct Source<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
    all: Vec<Token>,
}

impl<'a> Source<'a> {
    fn new(path: &'a str, text: &'a str) -> Source<'a> {
        let depth = path.split('/').filter(|part| !["src", "lib.rs", "mod.rs"].contains(part)).count();
        let mut all = Vec::new();
        tokens(text.parse().unwrap_or_else(|error| panic!("{path}: {error}")), depth, &mut all);
        Source { path, lines: text.lines().collect(), all }
    }

    /// The places where an attribute `#[cfg(test)]`, or one like it, begins, and where what it stands before ends.
    fn tests(&self) -> Vec<std::ops::Range<usize>> {
        let is_test = |from: usize| {
            let attribute = ["#", "[", "cfg", "("];
            let texts = self.all[from..].iter().map(|token| token.text.as_str());
            texts.clone().take(4).eq(attribute) && texts.take_while(|text| *text != "]").any(|text| text == "test")
        };
        let starts = (0..self.all.len()).filter(|&from| is_test(from));
        starts.map(|from| from..from + extent(&self.all[from..])).collect()
    }

    /// The tokens outside tests.
    fn code(&self) -> impl Iterator<Item = (usize, &Token)> {
        let tests = self.tests();
        self.all.iter().enumerate().filter(move |(n, _)| !tests.iter().any(|test| test.contains(n)))
    }

    /// `#[cfg(test)] mod name;`: the modules that are tests in a file of their own.
    fn test_modules(&self) -> impl Iterator<Item = &str> {
        let last_three = |test: std::ops::Range<usize>| self.all[test].last_chunk::<3>();
        let names = self.tests().into_iter().filter_map(last_three);
        names.filter(|[word, _, end]| word.text == "mod" && end.text == ";").map(|[_, name, _]| name.text.as_str())
    }

    fn floor(&self) -> Option<(&'static str, &'static [&'static str])> {
        let folder = self.path.strip_prefix("src/")?.split(['/', '.']).next()?;
        FLOORS.into_iter().find(|(floor, _)| *floor == folder)
    }

    /// Names taken from the root of the crate: the first ones after `crate::`, or after as many `super::` as lead there.
    fn reached(&self) -> Vec<&Token> {
        let mut found = Vec::new();
        for (n, token) in self.code() {
            let after = &self.all[n + 1..];
            let supers = after.chunks(2).take_while(|pair| pair.len() == 2 && pair[1].text == "super").count();
            let is_first = n == 0 || self.all[n - 1].text != "::";
            match token.text.as_str() {
                "crate" if after.first().is_some_and(|next| next.text == "::") => found.extend(heads(&after[1..])),
                "super" if is_first && supers + 1 == token.depth => found.extend(heads(&after[2 * supers + 1..])),
                _ => {}
            }
        }
        found
    }

    fn at(&self, line: usize, message: impl std::fmt::Display) -> String {
        format!("{}:{line}: {message}", self.path)
    }

    fn check_floors(&self, exports: &BTreeMap<String, String>) -> Vec<String> {
        let Some((floor, below)) = self.floor() else { return Vec::new() };
        let reached = self.reached().into_iter().map(|name| (name, exports.get(&name.text).unwrap_or(&name.text)));
        let strange = reached.filter(|(_, to)| *to != floor && !below.contains(&to.as_str()));
        let say = |(name, to): (&Token, &String)| {
            self.at(
                name.line,
                format!("`{floor}` uses `{to}`; move what both need to a floor that it may use: {below:?}"),
            )
        };
        strange.map(say).collect()
    }

    fn check_doors(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (words, places, instead) in DOORS {
            if places.iter().any(|place| self.path.starts_with(place)) {
                continue;
            }
            let found = self.code().filter(|(_, token)| words.contains(&token.text.as_str()));
            findings.extend(
                found.map(|(_, token)| self.at(token.line, format!("`{}` has no place here; {instead}", token.text))),
            );
        }
        findings
    }

    fn check_orderings(&self) -> Vec<String> {
        let strong = self.code().filter(|(_, token)| STRONG_ORDERINGS.contains(&token.text.as_str()));
        let says_pair =
            |line: &&str| line.split_once("//").is_some_and(|(_, comment)| comment.to_lowercase().contains("pair"));
        let unsaid =
            strong.filter(|(_, token)| !self.lines[token.line.saturating_sub(3)..token.line].iter().any(says_pair));
        let say = |(_, token): (usize, &Token)| {
            self.at(
                token.line,
                format!("`{}` pairs with what? Say so in a comment on it or right above it", token.text),
            )
        };
        unsaid.map(say).collect()
    }

    fn check_length(&self) -> Vec<String> {
        let code = self.lines.iter().take_while(|line| **line != "#[cfg(test)]").count();
        let too_long = (code > MAX_FILE_LINES).then(|| {
            self.at(code, format!("more than {MAX_FILE_LINES} lines; divide the file by what its parts are about"))
        });
        let functions = self.all.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].text != "(");
        let long_functions = functions.filter_map(|(n, pair)| {
            let last = &self.all[n + extent(&self.all[n..]) - 1];
            let lines = last.line - pair[0].line + 1;
            let name = &pair[1].text;
            (lines > MAX_FUNCTION_LINES).then(|| {
                self.at(pair[0].line, format!("`{name}` has {lines} lines, of at most {MAX_FUNCTION_LINES}; divide it"))
            })
        });
        too_long.into_iter().chain(long_functions).collect()
    }
}

/// The first names of a tree of paths: `a` of `a::b`, `a` and `c` of `{a::{b}, c}`.
fn heads(tree: &[Token]) -> Vec<&Token> {
    if tree.first().is_none_or(|first| first.text != "{") {
        return tree.first().into_iter().collect();
    }
    let (mut open, mut found) = (0, Vec::new());
    for pair in tree.windows(2) {
        match pair[0].text.as_str() {
            "{" => open += 1,
            "}" => open -= 1,
            _ => {}
        }
        match open {
            0 => break,
            1 if ["{", ","].contains(&pair[0].text.as_str()) && pair[1].text != "}" => found.push(&pair[1]),
            _ => {}
        }
    }
    found
}

/// The names that `lib.rs` re-exports, and the floors they come from.
fn exports(root: &Source) -> BTreeMap<String, String> {
    let is_floor = |name: &str| FLOORS.iter().any(|(floor, _)| *floor == name);
    let (mut exports, mut from) = (BTreeMap::new(), None);
    let uses = root.all.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "pub" && pair[1].text == "use");
    for token in uses.flat_map(|(n, _)| &root.all[n..n + extent(&root.all[n..])]) {
        match (token.text.as_str(), &from) {
            ("use", _) => from = None,
            (floor, _) if is_floor(floor) => from = Some(floor.to_owned()),
            (name, Some(floor)) => drop(exports.insert(name.to_owned(), floor.clone())),
            _ => {}
        }
    }
    exports
}

/// Every Rust file below `folder`, as its path from the root of the repository and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        // A package from a registry has no rivals and no fuzz targets.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// What is wrong with the files of `src`.
fn check(files: &[(String, String)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let exports = sources.iter().find(|source| source.path == "src/lib.rs").map(exports).unwrap_or_default();
    let in_folder = |source: &Source, name: &str| format!("{}/{name}.rs", source.path.rsplit_once('/').unwrap().0);
    let tests: BTreeSet<String> =
        sources.iter().flat_map(|source| source.test_modules().map(|name| in_folder(source, name))).collect();
    let code = sources.iter().filter(|source| !tests.contains(source.path));
    code.flat_map(|source| [source.check_floors(&exports), source.check_doors(), source.check_orderings()].concat())
        .collect()
}

#[test]
fn the_source_keeps_the_rules() {
    let files = files("src");
    assert!(files.iter().any(|(path, _)| path == "src/lib.rs"));
    let findings = check(&files);
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn files_and_functions_are_short() {
    let folders = ["src", "macros/src", "tests", "benches", "examples", "rivals/src", "fuzz/fuzz_targets"];
    let files: Vec<_> = folders.into_iter().flat_map(files).collect();
    let findings: Vec<_> = files.iter().flat_map(|(path, text)| Source::new(path, text).check_length()).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_floor_is_in_the_table() {
    let modules: BTreeSet<String> = files("src")
        .iter()
        .map(|(path, _)| path.split('/').nth(1).unwrap().trim_end_matches(".rs").to_owned())
        .filter(|module| module != "lib")
        .collect();
    let floors = FLOORS.map(|(floor, _)| floor.to_owned());
    assert_eq!(modules, BTreeSet::from(floors), "a floor was added or removed; bring FLOORS up to date");
}

/// The lines of what is found in files of `src` with these texts.
#[track_caller]
fn refuse(files: &[(&str, &str)], expected: &[&str]) {
    let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let findings = check(&files);
    let places: Vec<_> = findings.iter().map(|finding| finding.split(": ").next().unwrap()).collect();
    assert_eq!(places, expected, "{findings:#?}");
}

#[test]
fn a_floor_that_is_reached_across_is_found() {
    let lib = ("src/lib.rs", "pub use other::Set;\npub use {metric::{Counter, Gauge}, store::Bound,};");
    refuse(&[("src/encode/text.rs", "use crate::model::{A,\nB};\nuse crate::store::Set;")], &["src/encode/text.rs:3"]);
    refuse(&[("src/encode/text.rs", "fn f() {\n  crate::store::pin() }")], &["src/encode/text.rs:2"]);
    refuse(&[("src/encode/text.rs", "use super::super::store;")], &["src/encode/text.rs:1"]);
    refuse(
        &[("src/encode/text.rs", "mod m {\n  use super::super::store;\n use super::super::super::store; }")],
        &["src/encode/text.rs:3"],
    );
    refuse(&[("src/encode/mod.rs", "use super::store;\nuse super::model;")], &["src/encode/mod.rs:1"]);
    refuse(&[("src/store/mod.rs", "use crate::{model::A,\nregistry::{Registry, model},\n};")], &["src/store/mod.rs:2"]);
    refuse(&[lib, ("src/http/mod.rs", "use crate::{\nCounter,\nBound};")], &["src/http/mod.rs:3"]);
    refuse(
        &[lib, ("src/encode/mod.rs", "/// [`Counter`](crate::Counter)\n#[cfg(test)] mod tests { use crate::store; }")],
        &[],
    );
}

#[test]
fn a_word_in_the_wrong_place_is_found() {
    refuse(&[("src/model/a.rs", "// unsafe\nunsafe fn f() {}")], &["src/model/a.rs:2"]);
    refuse(&[("src/store/a.rs", "unsafe fn f() {}\nuse core::sync::{atomic::AtomicU64};")], &["src/store/a.rs:2"]);
    refuse(&[("src/export/body.rs", "#[cfg(feature = \"axum\")]\nuse axum::Router;")], &["src/export/body.rs:2"]);
    refuse(&[("src/registry/mod.rs", "use tokio::sync::Mutex;")], &["src/registry/mod.rs:1"]);
    let tested = "#[cfg(all(test, unix))]\nmod tests;\n#[cfg(test)]\nmod more { use std::sync::atomic::AtomicBool; }";
    refuse(&[("src/http/mod.rs", tested), ("src/http/tests.rs", "use std::sync::atomic;")], &[]);
    refuse(
        &[("src/http/mod.rs", "#[cfg(unix)]\nmod a;"), ("src/http/a.rs", "use std::sync::atomic;")],
        &["src/http/a.rs:1"],
    );
}

#[test]
fn an_ordering_that_does_not_say_its_pair_is_found() {
    let pairs = "// Acquire pairs with the Release below.\n\nx.load(Acquire);\n";
    refuse(&[("src/store/a.rs", pairs)], &[]);
    refuse(&[("src/store/a.rs", "x.store(1, Ordering::Release); // pairs with `f`")], &[]);
    refuse(&[("src/store/a.rs", &format!("{pairs}\ny.load(SeqCst);"))], &["src/store/a.rs:5"]);
    refuse(
        &[("src/sync/a.rs", "// Acquire, to be safe.\nx.load(Acquire);\nlet pairs = x.load(Relaxed);")],
        &["src/sync/a.rs:2"],
    );
}

#[test]
fn what_is_long_is_found() {
    let lengths = |text: &str| Source::new("src/a.rs", text).check_length().len();
    let function = |lines: usize| format!("fn f(g: fn(u8)) -> [u8; 2] {{{}}}\n", "\n".repeat(lines - 1));
    assert_eq!(lengths(&function(MAX_FUNCTION_LINES)), 0);
    assert_eq!(lengths(&function(MAX_FUNCTION_LINES + 1)), 1);
    assert_eq!(lengths(&format!("trait T {{ fn f();\n{} }}", "\n".repeat(100))), 0);
    assert_eq!(lengths(&"\n".repeat(MAX_FILE_LINES)), 0);
    assert_eq!(lengths(&"\n".repeat(MAX_FILE_LINES + 1)), 1);
    assert_eq!(lengths(&format!("{}#[cfg(test)]\nmod tests {{}}\n", "\n".repeat(MAX_FILE_LINES))), 0);
}
