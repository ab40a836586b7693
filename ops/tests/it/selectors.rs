//! What queries select is exported: names, labels, and values where they are known.

use crate::promql::{Selector, by, is_regex, operator, selectors, walk};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::Expr;
use quipu::model::MetricType;
use quipu::registry::FamilyDescription;
use quipu_ops::Families;
use std::collections::BTreeSet;

/// What Prometheus adds to each series, and what it stores itself.
const OF_TARGETS: [&str; 2] = ["job", "instance"];
const OF_PROMETHEUS: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];
const OF_ALERTS: [&str; 3] = ["alertname", "alertstate", "severity"];
const MEMORY: [&str; 3] = ["used", "available", "total"];

/// What is wrong with a query's selectors, in words.
pub(crate) fn problems(query: &Expr, families: &Families, recorded: &BTreeSet<String>) -> Vec<String> {
    let mut problems: Vec<_> =
        selectors(query).iter().flat_map(|selector| of_selector(selector, families, recorded)).collect();
    walk(query, &mut |part, _| {
        let Expr::Aggregate(aggregate) = part else { return };
        let known: BTreeSet<String> =
            selectors(&aggregate.expr).iter().flat_map(|selector| labels(selector, families)).collect();
        let unknown = by(aggregate).into_iter().filter(|label| !known.contains(*label));
        problems.extend(unknown.map(|label| format!("nothing inside has the label `{label}` of `by`")));
    });
    problems
}

/// The labels that the series of a selector have.
pub(crate) fn labels(selector: &Selector<'_>, families: &Families) -> Vec<String> {
    let name = selector.name();
    let own = match families.of_series(name) {
        Some(family) => family.labels().map(|label| label.name().to_owned()).collect(),
        None if name == "ALERTS" => OF_ALERTS.map(str::to_owned).to_vec(),
        None => Vec::new(),
    };
    let le = name.ends_with("_bucket").then(|| "le".to_owned());
    // What is recorded is by job alone.
    let of_target =
        OF_TARGETS.iter().filter(|label| !name.contains(':') || **label == "job").map(|label| (*label).to_owned());
    own.into_iter().chain(le).chain(of_target).collect()
}

fn of_selector(selector: &Selector<'_>, families: &Families, recorded: &BTreeSet<String>) -> Vec<String> {
    let name = selector.name();
    let family = families.of_series(name);
    if family.is_none() && name != "ALERTS" && !OF_PROMETHEUS.contains(&name) && !recorded.contains(name) {
        return vec![format!("nothing exports `{name}`")];
    }
    let known = labels(selector, families);
    let mut problems = Vec::new();
    for matcher in selector.matchers() {
        if !known.contains(&matcher.name) {
            problems.push(format!("`{name}` has no label `{}`", matcher.name));
        } else if let Some(values) = family.and_then(|family| values(family, &matcher.name)) {
            problems.extend(of_value(name, matcher, &values));
        }
    }
    problems.extend(family.and_then(|family| of_kind(selector, family)));
    problems
}

/// The values that a label can have, if that is known.
fn values(family: &FamilyDescription, label: &str) -> Option<Vec<String>> {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let closed = family.labels().find(|known| known.name() == label).and_then(|label| label.values());
    match (family.name(), label) {
        (_, _) if closed.is_some() => closed.map(owned),
        (_, "le") => {
            // In both forms that Prometheus stores, and the last one.
            let bounds = family.bounds().iter().flat_map(|bound| [format!("{bound}"), format!("{bound:?}")]);
            Some(bounds.chain(["+Inf".to_owned()]).collect())
        }
        (name, "status") if name.starts_with("http_") => Some((100..600).map(|status| status.to_string()).collect()),
        ("system_memory_bytes", "type") => Some(owned(&MEMORY)),
        _ => None,
    }
}

fn of_value(name: &str, matcher: &Matcher, values: &[String]) -> Vec<String> {
    let is_one = |text: &str| values.iter().any(|value| value == text);
    let Matcher { name: label, value, .. } = matcher;
    // Each alternative has to match something, or it is misspelt.
    let alternatives: Vec<_> = match is_regex(matcher) {
        true => value
            .split('|')
            .map(|regex| Matcher::new_matcher(regex_id(matcher), label.clone(), regex.to_owned()).unwrap())
            .collect(),
        false => Vec::new(),
    };
    let is_positive =
        |matcher: &Matcher, value: &String| matcher.is_match(value) == matches!(matcher.op, MatchOp::Re(_));
    let dead = alternatives.iter().filter(|matcher| !values.iter().any(|value| is_positive(matcher, value)));
    let dead = dead.map(|matcher| format!("no value of `{label}` of `{name}` matches `{}`", matcher.value));
    let unknown = (!is_regex(matcher) && !is_one(value)).then(|| format!("`{label}` of `{name}` is never `{value}`"));
    dead.chain(unknown).collect()
}

fn regex_id(matcher: &Matcher) -> u16 {
    use promql_parser::parser::token::{T_EQL_REGEX, T_NEQ_REGEX};
    if matches!(matcher.op, MatchOp::Re(_)) { T_EQL_REGEX } else { T_NEQ_REGEX }
}

/// What only goes up is read by its rate, and what goes up and down is not; buckets make quantiles, heat maps, or a part below a bound.
fn of_kind(selector: &Selector<'_>, family: &FamilyDescription) -> Option<String> {
    let is_absent = selector.functions().any(|function| function == "absent");
    let is_rate = selector.is_range
        && selector.functions().next().is_some_and(|function| ["rate", "increase"].contains(&function));
    let is_counter = matches!(family.metric_type(), MetricType::Counter | MetricType::Histogram);
    // Whether a series is new; see `what_begins_counts`.
    let is_of_presence = selector.around.iter().any(|part| operator(part) == "unless");
    let name = selector.name();
    if is_counter && !is_rate && !is_absent && !is_of_presence {
        return Some(format!("`{name}` is a counter: take its `rate` or `increase`"));
    }
    if !is_counter && is_rate {
        return Some(format!("`{name}` is no counter: it has no rate"));
    }
    let reads_buckets = selector.is_kept("le") || selector.matchers().iter().any(|matcher| matcher.name == "le");
    (name.ends_with("_bucket") && !reads_buckets && !is_absent).then(|| format!("the buckets of `{name}` are added up"))
}
