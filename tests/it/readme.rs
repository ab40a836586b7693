//! The first page can be pasted, and shows messages as they are.

use quipu::{RegisterError, Registry};
use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

/// What stands in the first block of a language in this text, and the text after it.
fn block<'a>(text: &'a str, language: &str) -> Option<(&'a str, &'a str)> {
    let (_, block) = text.split_once(&format!("```{language}"))?;
    block.split_once("\n```\n")
}

#[test]
fn the_dependencies_of_an_example_are_those_before_it() {
    let (mut rest, mut examples) = (README, 0);
    while let Some((dependencies, after)) = block(rest, "toml") {
        let (code, after) = block(after, "rust").expect("an example stands behind its dependencies");
        let named: Vec<_> = dependencies.lines().filter_map(|line| line.split_once(" = ")).collect();
        for name in ["axum", "quipu", "quipu-axum", "quipu-catalog", "tokio"] {
            let path = format!("{}::", name.replace('-', "_"));
            let is_part = |c: char| c.is_alphanumeric() || "_:".contains(c);
            let is_used = code.split(|c| !is_part(c)).any(|word| word.starts_with(&path));
            assert_eq!(is_used, named.iter().any(|(named, _)| *named == name), "{name}, for {code}");
        }
        assert!(code.contains("fn main()"), "{code}");
        (rest, examples) = (after, examples + 1);
    }
    assert_eq!(examples, 3);
}

/// A page that the module does not name is neither rendered nor compiled; one that the README does not name is not found.
#[test]
fn each_guide_is_a_page_that_the_readme_links_to() {
    for of_crate in ["", "catalog/"] {
        let folder = format!("{of_crate}docs/guide/");
        let files = std::fs::read_dir(&folder).expect("the guides").map(|file| file.expect("a file").file_name());
        let files: BTreeSet<_> = files.map(|name| name.into_string().expect("a name")).collect();
        let module = std::fs::read_to_string(format!("{of_crate}src/guide.rs")).expect("the module");
        let (_, pages) = module.split_once("\npages! {").expect("the list of pages");
        let pages = pages.trim_end_matches("}\n").split_whitespace().map(|page| format!("{page}.md"));
        assert_eq!(files, pages.collect());
        for page in files {
            assert!(README.contains(&format!("]({folder}{page})")), "README does not link to {folder}{page}");
        }
    }
}

#[test]
fn the_messages_are_those_of_the_library() -> Result<(), RegisterError> {
    let (shown, _) = block(README, "text").expect("messages are shown");
    let registry = Registry::new();
    registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    let errors = [
        registry.counter("jobs", "Jobs finished.").register().unwrap_err(),
        registry.counter("jobs_total", "Jobs finished.").labels(["http-method"]).register().unwrap_err(),
        registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register().unwrap_err(),
    ];
    let shown: Vec<_> = shown.trim_start().lines().collect();
    assert_eq!(shown.len(), errors.len());
    for (shown, error) in shown.into_iter().zip(errors) {
        let message = error.to_string();
        let is_same = match shown.strip_suffix(" …") {
            Some(beginning) => message.starts_with(beginning),
            None => message == shown,
        };
        assert!(is_same, "README has {shown:?}, the library {message:?}");
    }
    Ok(())
}
