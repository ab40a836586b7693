//! The rules of the house, read off the source text. Each finding says where it is and what to do about it.

mod source;

use source::{Source, Token, files};
use std::collections::{BTreeMap, BTreeSet};

/// Each floor of `src` and the floors that it uses, which are all that it may use. Recording cannot depend on a format, and
/// a format cannot reach an atomic.
const FLOORS: [(&str, &[&str]); 19] = [
    ("sync", &[]),
    ("clock", &["sync"]),
    ("model", &[]),
    ("guard", &["clock", "model", "sync"]),
    ("store", &["sync", "clock", "model", "guard"]),
    ("metric", &["store", "clock", "model"]),
    ("lanes", &["store"]),
    ("registry", &["metric", "store", "guard", "lanes", "clock", "model", "sync"]),
    ("timed", &["registry", "metric", "clock", "sync"]),
    ("collect", &["registry", "guard", "metric", "clock", "model", "sync"]),
    ("encode", &["model"]),
    ("export", &["registry", "encode", "metric"]),
    ("push", &["export", "registry", "guard", "metric", "clock", "model", "sync"]),
    ("http", &["registry", "metric", "model", "clock", "sync"]),
    ("grpc", &["registry", "metric", "model", "clock", "sync"]),
    ("testing", &["registry", "model", "clock"]),
    ("config", &["model"]),
    (
        "engine",
        &[
            "config", "registry", "guard", "lanes", "metric", "model", "clock", "collect", "http", "grpc", "export",
            "push", "sync",
        ],
    ),
    // Pages, and no code.
    ("guide", &[]),
];

/// Words that may stand only in some files of `src`, and what to do elsewhere. A folder ends in `/`.
const DOORS: [(&[&str], &[&str], &str); 7] = [
    (&["unsafe", "unsafe_code"], &["src/store/", "src/sync/"], "keep it behind a safe function of `store`"),
    (&["atomic", "portable_atomic", "loom"], &["src/sync/"], "use `crate::sync`, which loom can replace"),
    (&["libc"], &["src/sync/", "src/store/cells/pages.rs"], "put the system call behind a function of `sync`"),
    // The server's, and that of pushes, is the runtime's, whose timers go by it.
    (&["Instant"], &["src/clock/", "src/export/server/", "src/push/"], "use `crate::clock`, which is cheaper to read"),
    (&["axum", "tonic"], &[], "write it against `http` and `tower`, and what is axum's in `axum/`"),
    (&["tokio"], &["src/http/", "src/export/", "src/push/", "src/collect/", "src/engine/"], "only these know runtimes"),
    (
        &["hyper", "hyper_util", "tower_layer", "tower_service", "http_body"],
        &["src/http/", "src/grpc/", "src/export/", "src/push/"],
        "only `http`, `grpc`, `export` and `push` know the network",
    ),
];

const STRONG_ORDERINGS: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];
const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// What is wrong, as `file:line: what to do`.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, source: &Source, line: usize, message: &str) {
        self.0.push(format!("{}:{line}: {message}", source.path));
    }

    #[track_caller]
    fn assert_none(&self) {
        assert!(self.0.is_empty(), "{} findings:\n{}", self.0.len(), self.0.join("\n"));
    }
}

fn floor_names() -> [&'static str; 19] {
    FLOORS.map(|(floor, _)| floor)
}

/// The folder below `src`, or the file; `lib` is the roof.
fn floor(source: &Source) -> &str {
    source.path.split(['/', '.']).nth(1).unwrap()
}

/// The names in a file that stand for a floor or for what `lib.rs` re-exports from one, each with that floor.
fn uses<'a>(
    source: &'a Source,
    exports: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a Token, &'a String)> {
    source.reached().into_iter().map(|name| (name, exports.get(&name.text).unwrap_or(&name.text)))
}

fn exports(sources: &[Source]) -> BTreeMap<String, String> {
    let root = sources.iter().find(|source| source.path == "src/lib.rs");
    root.map(|root| root.exports(&floor_names())).unwrap_or_default()
}

fn check_floors(source: &Source, exports: &BTreeMap<String, String>, findings: &mut Findings) {
    let Some((floor, below)) = FLOORS.iter().find(|(name, _)| *name == floor(source)) else { return };
    for (name, used) in uses(source, exports).filter(|(_, used)| used != floor && !below.contains(&used.as_str())) {
        let message = format!("`{floor}` uses `{used}`; move what both need to a floor that it may use: {below:?}");
        findings.add(source, name.line, &message);
    }
}

fn check_doors(source: &Source, findings: &mut Findings) {
    for (words, places, instead) in DOORS {
        if !places.iter().any(|place| source.path.starts_with(place)) {
            source.words(words).for_each(|word| {
                findings.add(source, word.line, &format!("`{}` has no place here; {instead}", word.text));
            });
        }
    }
}

fn check_orderings(source: &Source, findings: &mut Findings) {
    let says_pair = |line: &String| line.split_once("//").is_some_and(|(_, says)| says.to_lowercase().contains("pair"));
    for word in source.words(&STRONG_ORDERINGS) {
        if !source.lines[word.line.saturating_sub(3)..word.line].iter().any(says_pair) {
            let message = format!("`{}` pairs with what? Say so in a comment beside it or right above it", word.text);
            findings.add(source, word.line, &message);
        }
    }
}

fn check_lengths(source: &Source, findings: &mut Findings) {
    // The tests that a file ends in do not count; a test module that is only declared ends nothing.
    let tests = source.lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && !pair[1].ends_with(';'));
    let lines = tests.unwrap_or(source.lines.len());
    if lines > MAX_FILE_LINES {
        findings.add(
            source,
            lines,
            &format!("{lines} lines, of at most {MAX_FILE_LINES}; divide the file by its subjects"),
        );
    }
    for (name, line, lines) in source.functions().filter(|(.., lines)| *lines > MAX_FUNCTION_LINES) {
        let message = format!("`{name}` has {lines} lines, of at most {MAX_FUNCTION_LINES}; divide it");
        findings.add(source, line, &message);
    }
}

/// Holds all rules against the files of `src`, but for those of tests that are only to be short.
fn check(sources: &[Source]) -> Findings {
    let exports = exports(sources);
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    let is_test = |source: &Source| tests.iter().any(|test| source.path.strip_prefix(test).is_some_and(ends_name));
    let mut findings = Findings::default();
    for source in sources.iter().filter(|source| !is_test(source)) {
        check_floors(source, &exports, &mut findings);
        check_doors(source, &mut findings);
        check_orderings(source, &mut findings);
    }
    findings
}

fn ends_name(rest: &str) -> bool {
    rest.starts_with(['.', '/'])
}

#[test]
fn the_source_keeps_the_rules() {
    check(&files("src")).assert_none();
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Findings::default();
    for folder in [
        "src",
        "axum/src",
        "catalog",
        "macros/src",
        "tests",
        "benches",
        "examples",
        "ops",
        "rivals/src",
        "fuzz/fuzz_targets",
    ] {
        files(folder).iter().for_each(|source| check_lengths(source, &mut findings));
    }
    findings.assert_none();
}

#[test]
fn the_table_of_floors_says_neither_too_much_nor_too_little() {
    let sources = files("src");
    let exports = exports(&sources);
    let floors: BTreeSet<&str> = sources.iter().map(floor).filter(|floor| *floor != "lib").collect();
    assert_eq!(floors, BTreeSet::from(floor_names()), "bring FLOORS up to date");
    for (name, below) in FLOORS {
        let sources = sources.iter().filter(|source| floor(source) == name);
        let used: BTreeSet<&str> = sources.flat_map(|source| uses(source, &exports)).map(|(_, used)| &**used).collect();
        let unused: Vec<_> = below.iter().filter(|floor| !used.contains(*floor)).collect();
        assert!(unused.is_empty(), "`{name}` does not use {unused:?}; take it out of FLOORS");
    }
}

/// Checks that files of `src` with these texts have findings at these places.
#[track_caller]
fn expect(files: &[(&str, &str)], places: &[&str]) {
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let findings = check(&sources).0;
    let found: Vec<_> = findings.iter().map(|finding| finding.split(": ").next().unwrap()).collect();
    assert_eq!(found, places, "{findings:#?}");
}

#[test]
fn a_use_of_another_floor_is_found() {
    expect(&[("src/encode/a.rs", "use crate::model::{A,\nB};\nuse crate::store::Set;")], &["src/encode/a.rs:3"]);
    expect(&[("src/encode/a.rs", "fn f() {\n  crate::store::pin() }")], &["src/encode/a.rs:2"]);
    expect(&[("src/encode/a.rs", "use super::store;\nuse super::super::store;")], &["src/encode/a.rs:2"]);
    expect(
        &[("src/encode/a.rs", "mod m {\n use super::super::store; }\nuse super::super::store;")],
        &["src/encode/a.rs:3"],
    );
    expect(&[("src/encode/mod.rs", "use super::store;\nuse super::model;")], &["src/encode/mod.rs:1"]);
    expect(&[("src/store/mod.rs", "use crate::{model::A,\nregistry::{Registry, model},\n};")], &["src/store/mod.rs:2"]);
    expect(&[("src/encode/a.rs", "/// [`f`](crate::f)\n#[cfg(test)]\nmod tests { use crate::store; }")], &[]);
}

#[test]
fn a_use_of_another_floor_by_its_re_export_is_found() {
    let lib = ("src/lib.rs", "pub use other::MetricRef;\npub use {metric::{Counter, Gauge}, store::MetricRef,};");
    expect(&[lib, ("src/http/mod.rs", "use crate::{\nCounter,\nBound};")], &["src/http/mod.rs:3"]);
}

#[test]
fn a_word_in_the_wrong_place_is_found() {
    expect(&[("src/model/a.rs", "// unsafe\nunsafe fn f() {}")], &["src/model/a.rs:2"]);
    expect(&[("src/store/a.rs", "unsafe fn f() {}\nuse core::sync::{atomic::AtomicU64};")], &["src/store/a.rs:2"]);
    expect(&[("src/export/body.rs", "#[cfg(feature = \"axum\")]\nuse axum::Router;")], &["src/export/body.rs:2"]);
    expect(&[("src/registry/mod.rs", "use tokio::sync::Mutex;")], &["src/registry/mod.rs:1"]);
}

#[test]
fn tests_may_use_what_they_need() {
    let atomic = "use std::sync::atomic::AtomicBool;";
    let inline = format!("#[cfg(all(test, unix))]\nmod tests {{ {atomic} }}\n{atomic}");
    expect(&[("src/http/mod.rs", &inline)], &["src/http/mod.rs:3"]);
    expect(&[("src/http/mod.rs", "#[cfg(test)]\nmod tests;"), ("src/http/tests.rs", atomic)], &[]);
    expect(&[("src/http/a.rs", "#[cfg(test)]\nmod tests;"), ("src/http/a/tests/mod.rs", atomic)], &[]);
    expect(&[("src/http/mod.rs", "#[cfg(unix)]\nmod tests;"), ("src/http/tests.rs", atomic)], &["src/http/tests.rs:1"]);
}

#[test]
fn an_ordering_that_does_not_say_its_pair_is_found() {
    let said = "// Acquire pairs with the Release below.\n\nx.load(Acquire);\n";
    expect(&[("src/store/a.rs", said)], &[]);
    expect(&[("src/store/a.rs", "x.store(1, Ordering::Release); // pairs with `f`")], &[]);
    expect(&[("src/store/a.rs", &format!("{said}\ny.load(SeqCst);"))], &["src/store/a.rs:5"]);
    expect(&[("src/store/a.rs", "// To be safe.\nx.load(Acquire);\nlet pairs = 1;")], &["src/store/a.rs:2"]);
}

#[test]
fn what_is_long_is_found() {
    let count = |text: &str| {
        let mut findings = Findings::default();
        check_lengths(&Source::new("src/a.rs", text), &mut findings);
        findings.0.len()
    };
    let function = |lines: usize| format!("fn f(g: fn(u8)) -> [u8; 2] {{{}}}\n", "\n".repeat(lines - 1));
    assert_eq!(count(&function(MAX_FUNCTION_LINES)), 0);
    assert_eq!(count(&function(MAX_FUNCTION_LINES + 1)), 1);
    assert_eq!(count(&format!("trait T {{ fn f();\n{} }}", "\n".repeat(100))), 0);
    assert_eq!(count(&"\n".repeat(MAX_FILE_LINES)), 0);
    assert_eq!(count(&"\n".repeat(MAX_FILE_LINES + 1)), 1);
    assert_eq!(count(&format!("{}#[cfg(test)]\nmod tests {{}}\n", "\n".repeat(MAX_FILE_LINES))), 0);
    assert_eq!(count(&format!("#[cfg(test)]\nmod tests;\n{}", "\n".repeat(MAX_FILE_LINES - 1))), 1);
}
