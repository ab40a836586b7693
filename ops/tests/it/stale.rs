//! The files in the repository are those that the program writes.

use crate::{FAMILIES, settings};
use std::collections::BTreeSet;
use std::path::Path;

const WRITE: &str = "write it with `cargo run -p quipu-ops`";

#[test]
fn the_files_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = quipu_ops::files(&FAMILIES, &settings()).unwrap();
    for (path, text) in &files {
        let kept = std::fs::read_to_string(folder.join(path)).unwrap_or_default().replace("\r\n", "\n");
        assert!(kept == *text, "ops/{path} is stale; {WRITE}");
    }
    let written: BTreeSet<_> = files.into_iter().map(|(path, _)| path).collect();
    for kind in ["dashboards", "kubernetes", "rules"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = format!("{kind}/{}", entry.unwrap().file_name().display());
            assert!(written.contains(&path), "nothing writes ops/{path}; remove it");
        }
    }
}
