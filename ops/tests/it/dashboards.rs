//! The rules of Grafana's linter of dashboards, held against the files: what makes a dashboard work in another place than that where
//! it was made.

use crate::promql::{RATE_INTERVAL, Selector, by, is_regex, parse, selectors, walk, without_variables};
use crate::{FAMILIES, selectors::problems};
use promql_parser::parser::Expr;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Those of Grafana's units that make sense here.
const UNITS: [&str; 9] = ["Bps", "bytes", "currencyUSD", "ops", "percent", "percentunit", "reqps", "s", "short"];

pub(crate) struct Dashboard {
    pub(crate) name: String,
    pub(crate) json: Value,
}

impl Dashboard {
    /// The panels, without the headers of rows.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.json["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
    }

    /// Each panel's title with each of its queries.
    pub(crate) fn queries(&self) -> impl Iterator<Item = (String, &Value)> {
        self.panels().flat_map(|panel| {
            let title = format!("{}, {}", self.name, panel["title"]);
            panel["targets"].as_array().unwrap().iter().map(move |target| (title.clone(), target))
        })
    }
}

pub(crate) fn all() -> Vec<Dashboard> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| Dashboard {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        json: serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
    };
    paths.iter().map(|path| read(path)).collect()
}

/// Fails with what `problem` says of any query.
#[track_caller]
fn assert_queries(problem: impl Fn(&Expr, &Value) -> Vec<String>) {
    let mut found = Vec::new();
    for dashboard in all() {
        for (title, target) in dashboard.queries() {
            let query = without_variables(target["expr"].as_str().unwrap());
            found.extend(
                problem(&parse(&query), target).into_iter().map(|problem| format!("{title}: {problem}\n  {query}")),
            );
        }
    }
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn there_are_four() {
    let titles: Vec<_> = all().iter().map(|dashboard| dashboard.json["title"].as_str().unwrap().to_owned()).collect();
    let expected =
        ["HTTP", "LLM integration", "Overview", "System health"].map(|title| format!("Incident manager / {title}"));
    assert_eq!(titles, expected);
}

#[test]
fn queries_select_what_is_exported() {
    assert_queries(|query, _| problems(query, &FAMILIES, &BTreeSet::new()));
}

#[test]
fn every_family_is_on_a_dashboard() {
    let mut shown = BTreeSet::new();
    for dashboard in all() {
        for (_, target) in dashboard.queries() {
            let query = parse(&without_variables(target["expr"].as_str().unwrap()));
            shown.extend(
                selectors(&query)
                    .iter()
                    .filter_map(|selector| FAMILIES.of_series(selector.name()))
                    .map(|family| family.name().to_owned()),
            );
        }
    }
    let absent: Vec<_> = FAMILIES.iter().map(|family| family.name()).filter(|name| !shown.contains(*name)).collect();
    assert!(absent.is_empty(), "no dashboard shows {absent:?}; give each a panel in ops/src/dashboards");
}

#[test]
fn rates_are_over_the_interval_that_fits_the_zoom() {
    let interval = promql_parser::util::parse_duration(RATE_INTERVAL).unwrap();
    assert_queries(|query, _| {
        let mut found = Vec::new();
        walk(query, &mut |part, around| {
            let Expr::MatrixSelector(range) = part else { return };
            let function =
                around.last().and_then(|part| if let Expr::Call(call) = part { Some(call.func.name) } else { None });
            if function == Some("rate") && range.range != interval {
                found.push("`rate` over another range than $__rate_interval".to_owned());
            }
        });
        found
    });
}

#[test]
fn selectors_have_the_variables() {
    for dashboard in all() {
        for (title, target) in dashboard.queries() {
            let text = target["expr"].as_str().unwrap();
            let count = |part: &str| text.matches(part).count();
            let query = parse(&without_variables(text));
            let selectors = selectors(&query);
            // Alerts are about the job as a whole, mostly.
            let of_alerts = selectors.iter().filter(|selector| selector.name() == "ALERTS").count();
            assert_eq!(count("job=~\"$job\""), selectors.len(), "{title}: {text}");
            assert_eq!(count("instance=~\"$instance\""), selectors.len() - of_alerts, "{title}: {text}");
            let is_ours = |selector: &&Selector<'_>| {
                !["quipu_", "process_"].iter().any(|start| selector.name().starts_with(start))
                    && !["up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"].contains(&selector.name())
            };
            assert_eq!(count("${namespace}"), selectors.iter().filter(is_ours).count(), "{title}: {text}");
        }
    }
}

#[test]
fn regular_expressions_are_needed() {
    assert_queries(|query, _| {
        let selectors = selectors(query);
        let matchers = selectors.iter().flat_map(|selector| selector.matchers());
        let plain = matchers
            .filter(|matcher| is_regex(matcher) && !matcher.value.contains(['|', '.', '[', '(', '*', '+', '?', '\\']));
        plain.map(|matcher| format!("`{}` needs no regular expression", matcher.name)).collect()
    });
}

#[test]
fn quantiles_keep_the_bounds() {
    assert_queries(|query, _| {
        let is_quantile =
            |selector: &Selector<'_>| selector.functions().any(|function| function == "histogram_quantile");
        let selectors = selectors(query);
        let wrong = selectors.iter().filter(|selector| is_quantile(selector) && !selector.is_kept("le"));
        wrong.map(|selector| format!("the quantile of `{}` does not keep `le`", selector.name())).collect()
    });
}

/// A sum or a mean of ratios is no ratio, and one 0/0 makes it nothing.
#[test]
fn ratios_are_of_sums() {
    assert_queries(|query, _| crate::rules::sums_of_ratios(query));
}

#[test]
fn legends_name_labels_that_lines_have() {
    assert_queries(|query, target| {
        let mut kept = BTreeSet::new();
        walk(query, &mut |part, _| {
            if let Expr::Aggregate(aggregate) = part {
                kept.extend(by(aggregate));
            }
        });
        let legend = target["legendFormat"].as_str().unwrap();
        let names = legend.split("{{").skip(1).map(|part| part.split("}}").next().unwrap());
        let wrong: Vec<_> = names
            .clone()
            .filter(|name| !kept.contains(name))
            .map(|name| format!("no line has the label `{name}` of the legend"))
            .collect();
        let is_told =
            |label: &&str| *label == "le" || target["format"] == "table" || names.clone().any(|name| name == *label);
        // Inner aggregations may keep more.
        let outer = match query {
            Expr::Aggregate(aggregate) => by(aggregate),
            _ => BTreeSet::new(),
        };
        let silent =
            outer.iter().filter(|label| !is_told(label)).map(|label| format!("the legend does not say `{label}`"));
        wrong.into_iter().chain(silent).collect()
    });
}

#[test]
fn panels_say_what_they_show() {
    for dashboard in all() {
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = format!("{}, {}", dashboard.name, panel["title"]);
            assert!(titles.insert(title.clone()), "{title}: twice");
            assert!(!panel["title"].as_str().unwrap().is_empty(), "{title}: no title");
            let description = panel["description"].as_str().unwrap();
            assert!(description.ends_with('.') && description.len() > 20, "{title}: {description}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}: no query");
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(UNITS.contains(&unit.as_str().unwrap()), "{title}: the unit {unit}");
            let source = json!({ "type": "prometheus", "uid": "${datasource}" });
            let sources = panel["targets"].as_array().unwrap().iter().chain([panel]);
            assert!(sources.into_iter().all(|part| part["datasource"] == source), "{title}: another source of data");
        }
    }
}

#[test]
fn panels_have_a_place_of_their_own() {
    for dashboard in all() {
        let mut taken: BTreeMap<(u64, u64), &Value> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for panel in dashboard.json["panels"].as_array().unwrap() {
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{}: the id of {} twice",
                dashboard.name,
                panel["title"]
            );
            let [x, y, width, height] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap());
            assert!(x + width <= 24, "{}: {} leaves the grid", dashboard.name, panel["title"]);
            for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                if let Some(other) = taken.insert(place, &panel["title"]) {
                    panic!("{}: {} lies on {other}", dashboard.name, panel["title"]);
                }
            }
        }
        let bottom = taken.keys().map(|(_, y)| y + 1).max().unwrap();
        let rows: BTreeSet<_> = taken.keys().map(|(_, y)| *y).collect();
        assert_eq!(rows.len() as u64, bottom, "{}: a gap between rows", dashboard.name);
    }
}

#[test]
fn what_is_wrong_stands_at_the_top() {
    for dashboard in all() {
        let first: Vec<_> = dashboard.panels().filter(|panel| panel["gridPos"]["y"] == 1).collect();
        assert!(first.iter().all(|panel| panel["type"] == "stat"), "{}: the first row is not numbers", dashboard.name);
        let steps =
            |panel: &&&Value| panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().unwrap().len() > 1;
        assert!(first.iter().filter(steps).count() >= 3, "{}: little of the first row turns red", dashboard.name);
    }
}

#[test]
fn variables_are_chosen_from_what_is_there() {
    for dashboard in all() {
        assert_eq!(dashboard.json["editable"], false);
        assert_eq!(dashboard.json["uid"], dashboard.name.as_str());
        let variables = dashboard.json["templating"]["list"].as_array().unwrap();
        let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["datasource", "job", "instance", "namespace"]);
        assert_eq!(
            (&variables[0]["type"], &variables[0]["query"], &variables[0]["label"]),
            (&json!("datasource"), &json!("prometheus"), &json!("Data source"))
        );
        for (variable, label) in variables[1..3].iter().zip(["Job", "Instance"]) {
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
            assert_eq!((&variable["type"], &variable["label"]), (&json!("query"), &json!(label)));
            assert_eq!(
                (&variable["multi"], &variable["allValue"], &variable["refresh"]),
                (&json!(true), &json!(".+"), &json!(2))
            );
            let query = variable["query"]["query"].as_str().unwrap();
            let (series, of) =
                query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
            assert_eq!(of, variable["name"].as_str().unwrap());
            let series = parse(&without_variables(series));
            assert_eq!(problems(&series, &FAMILIES, &BTreeSet::new()), [""; 0]);
        }
    }
}
