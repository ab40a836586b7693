//! What pint asks of rules, and that alerts tell what they know.

use crate::promql::{Selector, by, is_regex, operator, parse, selectors, walk};
use crate::selectors::{labels, problems};
use crate::{FAMILIES, settings, yaml};
use promql_parser::parser::Expr;
use quipu_ops::rules::{Alert, Rule, Severity};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

struct Rules {
    records: Vec<(String, String)>,
    alerts: Vec<Alert>,
}

fn all() -> Rules {
    let mut rules = Rules { records: Vec::new(), alerts: Vec::new() };
    for rule in quipu_ops::rules::all(&FAMILIES, &settings())
        .unwrap()
        .into_iter()
        .flat_map(|file| file.groups)
        .flat_map(|group| group.rules)
    {
        match rule {
            Rule::Record { name, query } => rules.records.push((name, query)),
            Rule::Alert(alert) => rules.alerts.push(alert),
        }
    }
    rules
}

impl Rules {
    fn queries(&self) -> impl Iterator<Item = (&str, &str)> {
        let records = self.records.iter().map(|(name, query)| (&**name, &**query));
        records.chain(self.alerts.iter().map(|alert| (alert.name, &*alert.query)))
    }

    fn recorded(&self) -> BTreeSet<String> {
        self.records.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Fails with what `problem` says of any query.
#[track_caller]
fn assert_queries(problem: impl Fn(&Expr) -> Vec<String>) {
    let rules = all();
    let found = rules.queries().flat_map(|(name, query)| {
        problem(&parse(query)).into_iter().map(move |problem| format!("{name}: {problem}\n  {query}"))
    });
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

/// A ratio within a sum or a mean: one 0/0 makes the whole of it nothing.
pub(crate) fn sums_of_ratios(query: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    walk(query, &mut |part, around| {
        let is_sum = |part: &&&Expr| ["sum", "avg", "stddev", "stdvar"].contains(&&*operator(part));
        if ["/", "%"].contains(&&*operator(part)) && around.iter().any(|part| is_sum(&part)) {
            found.push("a ratio within a sum".to_owned());
        }
    });
    found
}

#[test]
fn the_files_hold_the_rules() {
    for file in quipu_ops::rules::all(&FAMILIES, &settings()).unwrap() {
        let read = yaml::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("rules/{}.yml", file.name)));
        let groups = read["groups"].as_array().unwrap();
        assert_eq!(groups.len(), file.groups.len());
        for (read, group) in groups.iter().zip(&file.groups) {
            assert_eq!(read["name"], group.name);
            let rules = read["rules"].as_array().unwrap();
            assert_eq!(rules.len(), group.rules.len());
            rules.iter().zip(&group.rules).for_each(|(read, rule)| assert_same(read, rule));
        }
    }
}

#[track_caller]
fn assert_same(read: &Value, rule: &Rule) {
    match rule {
        Rule::Record { name, query } => assert_eq!(*read, serde_json::json!({ "record": name, "expr": query })),
        Rule::Alert(alert) => assert_eq!(
            *read,
            serde_json::json!({
                "alert": alert.name,
                "expr": alert.query,
                "for": alert.hold,
                "labels": { "severity": alert.severity.as_str() },
                "annotations": {
                    "summary": alert.summary,
                    "description": alert.description,
                    "runbook_url": format!("docs/runbooks/{}.md", alert.name),
                },
            })
        ),
    }
}

#[test]
fn queries_select_what_is_exported_or_recorded() {
    let recorded = all().recorded();
    assert_queries(|query| problems(query, &FAMILIES, &recorded));
}

#[test]
fn selectors_are_of_the_job() {
    assert_queries(|query| {
        let selectors = selectors(query);
        let wrong = selectors
            .iter()
            .filter(|selector| !selector.matchers().iter().any(|matcher| matcher.name == "job" && !is_regex(matcher)));
        wrong.map(|selector| format!("`{}` of any job", selector.name())).collect()
    });
}

#[test]
fn aggregations_keep_the_job() {
    assert_queries(|query| {
        let mut found = Vec::new();
        walk(query, &mut |part, _| {
            if matches!(part, Expr::Aggregate(aggregate) if !by(aggregate).contains("job")) {
                found.push("an aggregation loses `job`".to_owned());
            }
        });
        found
    });
}

#[test]
fn queries_are_steady() {
    assert_queries(|query| {
        let mut found = sums_of_ratios(query);
        walk(query, &mut |part, around| {
            if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&&*operator(part)) {
                found.push("which series are chosen changes".to_owned());
            }
            let series = match part {
                Expr::VectorSelector(series) => series,
                Expr::MatrixSelector(range) => &range.vs,
                _ => return,
            };
            let is_new = around.iter().any(|part| operator(part) == "unless");
            if (series.offset.is_some() && !is_new) || series.at.is_some() {
                found.push("what is kept may not go back so far".to_owned());
            }
        });
        found
    });
}

/// `increase` does not see what a series begins with. Where that is all there is, the alert would never fire.
#[test]
fn what_begins_counts() {
    assert_queries(|query| {
        let mut found = Vec::new();
        walk(query, &mut |part, around| {
            if !matches!(part, Expr::Call(call) if call.func.name == "increase") {
                return;
            }
            let begins = |part: &&Expr| operator(part) == "or" && part.to_string().contains(" unless ");
            if !around.last().is_some_and(begins) {
                found.push("`increase` alone".to_owned());
            }
        });
        found
    });
}

#[test]
fn both_sides_of_an_operator_have_the_same_labels() {
    fn outer(part: &Expr) -> Option<BTreeSet<&str>> {
        match part {
            Expr::Paren(paren) => outer(&paren.expr),
            Expr::Aggregate(aggregate) => Some(by(aggregate)),
            Expr::Binary(binary) => outer(&binary.lhs).or(outer(&binary.rhs)),
            _ => None,
        }
    }
    assert_queries(|query| {
        let mut found = Vec::new();
        walk(query, &mut |part, _| {
            let Expr::Binary(binary) = part else { return };
            if let (Some(left), Some(right)) = (outer(&binary.lhs), outer(&binary.rhs)) {
                found.extend((left != right).then(|| format!("{left:?} beside {right:?}")));
            }
        });
        found
    });
}

#[test]
fn regular_expressions_are_needed() {
    assert_queries(|query| {
        let selectors = selectors(query);
        let matchers = selectors.iter().flat_map(|selector| selector.matchers()).filter(|matcher| is_regex(matcher));
        let wrong = matchers.filter(|matcher| {
            let is_plain = !matcher.value.contains(['|', '.', '[', '(', '*', '+', '?', '\\']);
            is_plain || matcher.value.starts_with('^') || matcher.value.ends_with('$')
        });
        wrong.map(|matcher| format!("the regular expression of `{}`", matcher.name)).collect()
    });
}

#[test]
fn names_are_used_once() {
    let rules = all();
    let mut names = BTreeSet::new();
    let mut queries = BTreeMap::new();
    for (name, query) in rules.queries() {
        assert!(names.insert(name), "{name} twice");
        if let Some(other) = queries.insert(parse(query).to_string(), name) {
            panic!("{name} and {other} are the same");
        }
    }
    for (name, _) in &rules.records {
        let parts: Vec<_> = name.split(':').collect();
        assert!(
            matches!(parts[..], ["job", metric, operations] if !metric.is_empty() && !operations.is_empty()),
            "{name}"
        );
    }
}

/// What is recorded anyway is not computed again.
#[test]
fn alerts_use_what_is_recorded() {
    let rules = all();
    let recorded: BTreeMap<_, _> = rules.records.iter().map(|(name, query)| (parse(query).to_string(), name)).collect();
    for alert in &rules.alerts {
        walk(&parse(&alert.query), &mut |part, _| {
            if let Some(name) = recorded.get(&part.to_string()) {
                panic!("{} can use `{name}`", alert.name);
            }
        });
    }
    let queries: Vec<_> = rules.alerts.iter().map(|alert| &*alert.query).collect();
    let unused: Vec<_> = rules
        .records
        .iter()
        .filter(|(name, _)| !queries.iter().any(|query| query.contains(&format!("{name}{{"))))
        .collect();
    assert!(unused.is_empty(), "nobody uses {unused:?}");
}

#[test]
fn alerts_fire_on_a_condition() {
    for alert in all().alerts.iter().filter(|alert| alert.severity != Severity::None) {
        let query = parse(&alert.query);
        let mut conditions = 0;
        walk(&query, &mut |part, _| {
            let is_absent = matches!(part, Expr::Call(call) if call.func.name == "absent");
            let is_comparison = [">", "<", ">=", "<=", "==", "!="].contains(&&*operator(part));
            conditions += usize::from(is_absent || is_comparison);
        });
        assert!(conditions > 0, "{} always fires", alert.name);
    }
}

/// At a start, Prometheus has not scraped all targets yet.
#[test]
fn alerts_about_ratios_and_absence_wait() {
    for alert in all().alerts {
        let mut waits = Duration::ZERO;
        walk(&parse(&alert.query), &mut |part, _| {
            let is_absent = matches!(part, Expr::Call(call) if call.func.name == "absent");
            if is_absent || operator(part) == "/" {
                waits = Duration::from_secs(120);
            }
        });
        let hold = promql_parser::util::parse_duration(alert.hold).unwrap_or_default();
        assert!(hold >= waits, "{} has to wait for two scrapes at least", alert.name);
    }
}

/// An alert whose metrics are not there never fires.
#[test]
fn what_pages_look_at_may_not_be_absent_unnoticed() {
    let rules = all();
    let recorded: BTreeMap<_, _> = rules.records.iter().map(|(name, query)| (&**name, parse(query))).collect();
    let (mut looked_at, mut missed) = (BTreeSet::new(), BTreeSet::new());
    for alert in &rules.alerts {
        let query = parse(&alert.query);
        for selector in selectors(&query) {
            if selector.functions().any(|function| function == "absent") {
                missed.insert(selector.name().to_owned());
            } else if alert.severity == Severity::Page {
                match recorded.get(selector.name()) {
                    Some(query) => looked_at.extend(selectors(query).iter().map(|selector| selector.name().to_owned())),
                    None => drop(looked_at.insert(selector.name().to_owned())),
                }
            }
        }
    }
    let silent: Vec<_> = looked_at.difference(&missed).collect();
    assert!(silent.is_empty() && !looked_at.is_empty(), "nothing fires when these are absent: {silent:?}");
}

#[test]
fn alerts_say_what_and_how_much() {
    for alert in all().alerts {
        let Alert { name, summary, description, query, .. } = &alert;
        assert!(name.chars().all(char::is_alphanumeric) && name.starts_with(char::is_uppercase), "{name}");
        for text in [summary, &**description] {
            assert!(text.ends_with('.') && text.len() > 20, "{name}: {text}");
        }
        assert!(!summary.contains("{{"), "{name}: the summary is the same for all: {summary}");
        assert!(description.contains("{{ $value"), "{name}: no value: {description}");
        let query = parse(query);
        let kept = kept(&query);
        for label in description.split("$labels.").skip(1) {
            let label = label.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap();
            assert!(kept.contains(label), "{name}: no label `{label}`, only {kept:?}");
        }
    }
}

/// The labels of what a query yields.
fn kept(query: &Expr) -> BTreeSet<String> {
    let outermost = {
        let mut found = None;
        walk(query, &mut |part, _| {
            if let (Expr::Aggregate(aggregate), None) = (part, &found) {
                found = Some(by(aggregate).into_iter().filter(|label| *label != "le").map(str::to_owned).collect());
            }
        });
        found
    };
    let first = || selectors(query).first().map(|selector| of_series(selector)).unwrap_or_default();
    outermost.unwrap_or_else(first)
}

fn of_series(selector: &Selector<'_>) -> BTreeSet<String> {
    let is_absent = selector.functions().any(|function| function == "absent");
    match is_absent {
        // Of the matchers, those by `=`.
        true => selector
            .matchers()
            .iter()
            .filter(|matcher| !is_regex(matcher))
            .map(|matcher| matcher.name.clone())
            .collect(),
        false => labels(selector, &FAMILIES).into_iter().collect(),
    }
}
