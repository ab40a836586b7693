//! Every alert has a page that says what to do.

use crate::{FAMILIES, settings};
use std::collections::BTreeSet;
use std::path::Path;

const SECTIONS: [&str; 3] = ["## What it means", "## What to look at", "## What to do"];

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let files = quipu_ops::rules::all(&FAMILIES, &settings()).unwrap();
    let alerts: BTreeSet<String> =
        files.iter().flat_map(|file| file.alerts()).map(|alert| alert.name.to_owned()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runbooks");
    let pages = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let pages: BTreeSet<String> = pages.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(alerts, pages);
    let guide = std::fs::read_to_string(folder.join("../guide/dashboards.md")).unwrap();
    let untold: Vec<_> = alerts.iter().filter(|alert| !guide.contains(&***alert)).collect();
    assert!(untold.is_empty(), "docs/guide/dashboards.md does not say when these fire: {untold:?}");
    for alert in alerts {
        let page = std::fs::read_to_string(folder.join(format!("{alert}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {alert}\n")), "{alert}: another title");
        let places: Vec<_> = SECTIONS.map(|section| page.find(&format!("\n{section}\n"))).into_iter().collect();
        assert!(
            places.is_sorted() && places[0].is_some(),
            "{alert}: the page has to have, in this order, {SECTIONS:?}"
        );
        let lines = page.lines().count();
        assert!(lines <= 45, "{alert}: {lines} lines; a page is read in a hurry");
    }
}
