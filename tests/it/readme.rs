//! The first page can be pasted, and shows messages as they are.

use quipu::{RegisterError, Registry};
use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

/// What stands in the first block of a language in this text, and the text after it.
fn block<'a>(text: &'a str, language: &str) -> Option<(&'a str, &'a str)> {
    let (_, block) = text.split_once(&format!("```{language}"))?;
    block.split_once("\n```\n")
}

/// All blocks of a language in this text.
fn blocks(mut text: &str, language: &str) -> String {
    let mut all = String::new();
    while let Some((found, after)) = block(text, language) {
        all += found;
        all += "\n";
        text = after;
    }
    all
}

/// Whether this code has a path that begins with this crate.
fn is_used(name: &str, code: &str) -> bool {
    let path = format!("{}::", name.replace('-', "_"));
    let is_part = |c: char| c.is_alphanumeric() || "_:".contains(c);
    code.split(|c| !is_part(c)).any(|word| word.starts_with(&path))
}

/// Whether a manifest depends on this crate.
fn is_named(name: &str, dependencies: &str) -> bool {
    dependencies.lines().filter_map(|line| line.split_once(" = ")).any(|(named, _)| named == name)
}

#[test]
fn the_dependencies_of_an_example_are_those_before_it() {
    let (mut rest, mut examples) = (README, 0);
    while let Some((dependencies, after)) = block(rest, "toml") {
        let (code, after) = block(after, "rust").expect("an example stands behind its dependencies");
        for name in ["axum", "quipu", "quipu-axum", "quipu-catalog", "tokio"] {
            assert_eq!(is_used(name, code), is_named(name, dependencies), "{name}, for {code}");
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

/// The examples of the guides are compiled with all features and crates that there are: a reader has those that the page names.
#[test]
fn each_guide_names_the_crates_and_features_of_its_examples() {
    let features = [
        ("testing::", "testing"),
        ("HttpMetrics", "http"),
        ("GrpcMetrics", "grpc"),
        ("export::serve", "server"),
        ("Process::new", "process"),
        (".stream(", "stream"),
        ("push::", "push"),
        (".page()", "page"),
    ];
    let mut found = BTreeSet::new();
    for folder in ["docs/guide", "catalog/docs/guide"] {
        for file in std::fs::read_dir(folder).expect("the guides") {
            let path = file.expect("a file").path();
            let page = std::fs::read_to_string(&path).expect("a page");
            let (dependencies, code) = (blocks(&page, "toml"), blocks(&page, "rust"));
            // Hidden lines are not copied.
            let code: Vec<_> = code.lines().filter(|line| !line.starts_with("# ")).collect();
            let code = code.join("\n");
            for name in ["axum", "futures-core", "quipu-axum", "quipu-catalog", "tokio", "tonic", "tower"] {
                let is_given = !is_used(name, &code) || is_named(name, &dependencies);
                assert!(is_given, "name {name} in a block of toml in {}", path.display());
            }
            for (used, feature) in features.into_iter().filter(|(used, _)| code.contains(used)) {
                let is_given = dependencies.contains(&format!("\"{feature}\""));
                assert!(is_given, "name the feature {feature}, for {used}, in a block of toml in {}", path.display());
                found.insert(feature);
            }
        }
    }
    assert_eq!(found.len(), features.len(), "{found:?}");
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
