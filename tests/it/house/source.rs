//! Rust source as words: enough of its grammar to hold rules against it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Comments and the insides of strings are no tokens; `::` is one.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    /// Modules around it, counted from the root of the crate.
    depth: usize,
}

/// A file, cut into tokens.
pub(super) struct Source {
    /// From the root of the repository.
    pub(super) path: String,
    pub(super) lines: Vec<String>,
    tokens: Vec<Token>,
    /// The tokens that are compiled for tests only.
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let depth = path.split('/').filter(|part| !["src", "lib.rs", "mod.rs"].contains(part)).count();
        let mut tokens = Vec::new();
        cut(text.parse().unwrap_or_else(|error| panic!("{path}: {error}")), depth, &mut tokens);
        let tests = tests(&tokens);
        Source { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect(), tokens, tests }
    }

    /// The tokens outside tests, with their places.
    fn code(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.tokens.iter().enumerate().filter(|(n, _)| !self.tests.iter().any(|test| test.contains(n)))
    }

    /// Where one of these words stands outside tests.
    pub(super) fn words(&self, words: &[&str]) -> impl Iterator<Item = &Token> {
        self.code().map(|(_, token)| token).filter(|token| words.contains(&token.text.as_str()))
    }

    /// Names taken from the root of the crate outside tests: the first ones after `crate::`, or after as many `super::` as
    /// lead there.
    pub(super) fn reached(&self) -> Vec<&Token> {
        let mut found = Vec::new();
        for (n, token) in self.code() {
            let after = &self.tokens[n + 1..];
            let supers = after.chunks(2).take_while(|pair| pair.len() == 2 && pair[1].text == "super").count();
            let is_first = n == 0 || self.tokens[n - 1].text != "::";
            match token.text.as_str() {
                "crate" if after.first().is_some_and(|next| next.text == "::") => found.extend(heads(&after[1..])),
                "super" if is_first && supers + 1 == token.depth => found.extend(heads(&after[2 * supers + 1..])),
                _ => {}
            }
        }
        found
    }

    /// The names that are re-exported, each with the module it comes from, if that is one of `modules`.
    pub(super) fn exports(&self, modules: &[&str]) -> BTreeMap<String, String> {
        let (mut exports, mut from) = (BTreeMap::new(), None);
        let is_export = |pair: &[Token]| pair[0].text == "pub" && pair[1].text == "use";
        let starts = self.tokens.windows(2).enumerate().filter(|(_, pair)| is_export(pair)).map(|(n, _)| n);
        for token in starts.flat_map(|n| &self.tokens[n..n + extent(&self.tokens[n..])]) {
            match token.text.as_str() {
                "use" => from = None,
                text if modules.contains(&text) => from = Some(text),
                text => drop(from.and_then(|from| exports.insert(text.to_owned(), from.to_owned()))),
            }
        }
        exports
    }

    /// Where a module begins that is a test in a file of its own: `src/store/tests` for `#[cfg(test)] mod tests;` in
    /// `src/store/mod.rs`.
    pub(super) fn test_modules(&self) -> impl Iterator<Item = String> {
        let folder = self.path.trim_end_matches("lib.rs").trim_end_matches("mod.rs").trim_end_matches(".rs");
        let last = self.tests.iter().filter_map(|test| self.tokens[test.clone()].last_chunk());
        let modules = last.filter(|[word, _, end]| word.text == "mod" && end.text == ";");
        modules.map(move |[_, name, _]| format!("{}/{}", folder.trim_end_matches('/'), name.text))
    }

    /// The name, the first line and the number of lines of each function, tests included.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        // `fn(u8)` is a type.
        let is_function = |pair: &[Token]| pair[0].text == "fn" && pair[1].text != "(";
        let functions = self.tokens.windows(2).enumerate().filter(move |(_, pair)| is_function(pair));
        functions.map(|(n, pair)| {
            let last = &self.tokens[n + extent(&self.tokens[n..]) - 1];
            (pair[1].text.as_str(), pair[0].line, last.line - pair[0].line + 1)
        })
    }
}

fn cut(stream: TokenStream, depth: usize, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let TokenTree::Group(group) = tree else {
            let text = tree.to_string();
            match tokens.last_mut() {
                Some(last) if text == ":" && last.text == ":" => last.text.push(':'),
                _ => tokens.push(Token { text, line, depth }),
            }
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => ("", ""),
        };
        let is_module = open == "{" && tokens.len() > 1 && tokens[tokens.len() - 2].text == "mod";
        tokens.push(Token { text: open.to_owned(), line, depth });
        cut(group.stream(), depth + usize::from(is_module), tokens);
        tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line, depth });
    }
}

/// The number of tokens to the end of the item that begins here: to a `;` outside brackets, or to a `}`.
fn extent(tokens: &[Token]) -> usize {
    let mut open = 0;
    for (n, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" | "(" | "[" => open += 1,
            "}" if open == 1 => return n + 1,
            "}" | ")" | "]" => open -= 1,
            ";" if open == 0 => return n + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// From each attribute `#[cfg(test)]`, or one like it, to the end of its item.
fn tests(tokens: &[Token]) -> Vec<Range<usize>> {
    let is_test = |&from: &usize| {
        let mut texts = tokens[from..].iter().map(|token| token.text.as_str());
        texts.by_ref().take(4).eq(["#", "[", "cfg", "("])
            && texts.take_while(|text| *text != "]").any(|text| text == "test")
    };
    (0..tokens.len()).filter(is_test).map(|from| from..from + extent(&tokens[from..])).collect()
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

/// Every Rust file in a folder of the repository. A package from a registry lacks some folders.
pub(super) fn files(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
