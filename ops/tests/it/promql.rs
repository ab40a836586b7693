//! Queries, parsed by a parser that shares no code with what writes them.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, AggregateExpr, Expr, LabelModifier, VectorSelector};
use std::collections::BTreeSet;

/// What stands for `$__rate_interval` and `$__range` here; nothing else is of this length.
pub(crate) const RATE_INTERVAL: &str = "7m";
const RANGE: &str = "11m";

/// A query, whose types fit.
#[track_caller]
pub(crate) fn parse(query: &str) -> Expr {
    parser::parse(query).unwrap_or_else(|problem| panic!("{query}\n{problem}"))
}

/// A query of a dashboard without Grafana's variables.
pub(crate) fn without_variables(query: &str) -> String {
    let known = [
        ("$__rate_interval", RATE_INTERVAL),
        ("$__range", RANGE),
        ("${namespace}", ""),
        ("$job", ".+"),
        ("$instance", ".+"),
    ];
    let plain = known.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
    assert!(!plain.contains('$'), "{query} has a variable that the dashboard has not");
    plain
}

/// Calls `seen` with each part of a query and with those around it, the nearest last.
pub(crate) fn walk<'a>(query: &'a Expr, seen: &mut dyn FnMut(&'a Expr, &[&'a Expr])) {
    fn below<'a>(part: &'a Expr, around: &mut Vec<&'a Expr>, seen: &mut dyn FnMut(&'a Expr, &[&'a Expr])) {
        seen(part, around);
        around.push(part);
        children(part).into_iter().for_each(|child| below(child, around, seen));
        around.pop();
    }
    below(query, &mut Vec::new(), seen);
}

fn children(part: &Expr) -> Vec<&Expr> {
    match part {
        Expr::Aggregate(aggregate) => aggregate.param.iter().map(|param| &**param).chain([&*aggregate.expr]).collect(),
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(|argument| &**argument).collect(),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::VectorSelector(_) | Expr::MatrixSelector(_) => {
            Vec::new()
        }
        Expr::Extension(_) => unreachable!("nobody extends the parser"),
    }
}

/// A selector of series, and what surrounds it.
pub(crate) struct Selector<'a> {
    pub(crate) series: &'a VectorSelector,
    /// Of a range.
    pub(crate) is_range: bool,
    pub(crate) around: Vec<&'a Expr>,
}

impl Selector<'_> {
    pub(crate) fn name(&self) -> &str {
        self.series.name.as_deref().expect("each selector names a metric")
    }

    pub(crate) fn matchers(&self) -> &[Matcher] {
        &self.series.matchers.matchers
    }

    /// The functions around it, the nearest first.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.around.iter().rev().filter_map(|part| match part {
            Expr::Call(call) => Some(call.func.name),
            _ => None,
        })
    }

    /// The labels by which something around it aggregates.
    pub(crate) fn is_kept(&self, label: &str) -> bool {
        self.around.iter().any(|part| matches!(part, Expr::Aggregate(aggregate) if by(aggregate).contains(label)))
    }
}

pub(crate) fn selectors(query: &Expr) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    walk(query, &mut |part, around| {
        let (series, is_range) = match part {
            Expr::VectorSelector(series) => (series, false),
            Expr::MatrixSelector(range) => (&range.vs, true),
            _ => return,
        };
        found.push(Selector { series, is_range, around: around.to_vec() });
    });
    found
}

/// The labels that an aggregation keeps.
pub(crate) fn by(aggregate: &AggregateExpr) -> BTreeSet<&str> {
    match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().map(String::as_str).collect(),
        Some(LabelModifier::Exclude(_)) => panic!("write `by`, so that a new label changes nothing"),
        None => BTreeSet::new(),
    }
}

/// The name of an aggregation, or of an operator.
pub(crate) fn operator(part: &Expr) -> String {
    match part {
        Expr::Aggregate(aggregate) => aggregate.op.to_string(),
        Expr::Binary(binary) => binary.op.to_string(),
        _ => String::new(),
    }
}

pub(crate) fn is_regex(matcher: &Matcher) -> bool {
    matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_))
}
