//! Every alert has a page that says what to do.

use crate::{FAMILIES, dashboards, settings};
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

/// Whoever is called at night looks for what the page names.
#[test]
fn pages_name_panels_and_rows_that_are_there() {
    let dashboards = dashboards::all();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runbooks");
    let mut named = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        for (title, panels) in page.lines().filter_map(|line| line.strip_prefix("- Dashboard ")?.split_once(": ")) {
            let title = format!("Incident manager / {title}");
            let dashboard = dashboards.iter().find(|dashboard| dashboard.json["title"] == *title);
            let dashboard = dashboard.unwrap_or_else(|| panic!("{}: no dashboard {title}", path.display()));
            for panel in panels.split('*').skip(1).step_by(2) {
                let known = dashboard.json["panels"].as_array().unwrap();
                assert!(
                    known.iter().any(|known| known["title"] == panel),
                    "{}: no panel {panel:?} on {title}",
                    path.display()
                );
                named += 1;
            }
        }
    }
    assert!(named > 50, "{named} panels only");
}
