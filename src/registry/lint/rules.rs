//! The rules, each a function of what it looks at. A rule that is broken says what to do about it.

use super::LintRule;
use super::units::{self, ABBREVIATIONS};
use crate::model::{MetricType, check_metric_name};
use crate::registry::FamilyDescription;

/// A rule that is broken, and the way out.
pub(super) type Broken = (LintRule, String);

/// Of a family, what is not about one of its labels.
pub(super) fn family(family: &FamilyDescription) -> impl Iterator<Item = Broken> {
    let (name, kind) = (family.name(), family.metric_type());
    let help = family.help().trim().is_empty().then(|| (LintRule::Help, "it has no help text; give one".to_owned()));
    let labels = family.labels().filter_map(|label| label_in_name(name, label.name()));
    help.into_iter()
        .chain(convention(name, kind))
        .chain(count_or_sum(name, kind))
        .chain(base_unit(name))
        .chain(plural_unit(name))
        .chain(abbreviation(name))
        .chain(ratio(name))
        .chain(timestamp(name))
        .chain(type_in_name(name))
        .chain(snake_case(name))
        .chain(labels.collect::<Vec<_>>())
}

/// Of a label, be it a family's or global.
pub(super) fn label(name: &str) -> impl Iterator<Item = Broken> {
    let is_set_by_prometheus = ["job", "instance"].contains(&name);
    let target = is_set_by_prometheus.then(|| {
        let advice =
            format!("Prometheus sets `{name}` itself, and renames this one to `exported_{name}`; use another name");
        (LintRule::TargetLabel, advice)
    });
    target.into_iter().chain(snake_case(name))
}

pub(super) fn reserved_label(kind: MetricType, name: &str) -> Option<Broken> {
    // Of the type that has it, it is an error at registration.
    let owner = match (name, kind.as_str()) {
        ("le", kind) if kind != "histogram" => "histograms",
        ("quantile", kind) if kind != "summary" => "summaries",
        _ => return None,
    };
    Some((LintRule::ReservedLabel, format!("`{name}` is the label of {owner}; use another name")))
}

/// What a registry with lenient names accepts.
fn convention(name: &str, kind: MetricType) -> Option<Broken> {
    let problem = check_metric_name(name, kind).err().filter(|problem| problem.is_convention())?;
    let rule = match kind {
        MetricType::Info => LintRule::Info,
        _ if kind == MetricType::Counter || name.ends_with("_total") => LintRule::Total,
        _ => LintRule::ReservedSuffix,
    };
    Some((rule, problem.to_string()))
}

fn count_or_sum(name: &str, kind: MetricType) -> Option<Broken> {
    let is_plain = !["histogram", "summary"].contains(&kind.as_str());
    let suffix = ["_count", "_sum"].into_iter().find(|suffix| is_plain && name.ends_with(suffix))?;
    let advice = format!("the suffix `{suffix}` is reserved for histograms and summaries; use another name");
    Some((LintRule::ReservedSuffix, advice))
}

/// The words of a name.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_')
}

fn base_unit(name: &str) -> Option<Broken> {
    let (word, base) = words(name).find_map(|word| Some((word, units::base_of(word)?)))?;
    (word != base).then(|| (LintRule::BaseUnit, format!("use the base unit `{base}` instead of `{word}`")))
}

/// The last word, without `_total`.
fn last_word(name: &str) -> &str {
    words(name.strip_suffix("_total").unwrap_or(name)).last().unwrap_or_default()
}

fn plural_unit(name: &str) -> Option<Broken> {
    let last = last_word(name);
    let plural = format!("{last}s");
    let is_singular = units::base_of(last).is_none() && units::base_of(&plural).is_some_and(|base| base == plural);
    is_singular.then(|| (LintRule::PluralUnit, format!("write the unit in the plural, `{plural}`")))
}

fn abbreviation(name: &str) -> Option<Broken> {
    let is_short = |word: &&str| ABBREVIATIONS.contains(&&*word.to_ascii_lowercase());
    let word = words(name).skip(1).find(is_short)?;
    Some((LintRule::UnitAbbreviation, format!("`{word}` reads as an abbreviated unit; write it out")))
}

fn ratio(name: &str) -> Option<Broken> {
    let word = words(name).find(|word| ["percent", "percents", "percentage"].contains(word))?;
    Some((LintRule::Ratio, format!("use `ratio` instead of `{word}`, with values from 0 to 1")))
}

fn timestamp(name: &str) -> Option<Broken> {
    let is_other = words(name).any(|word| word == "timestamp") && !name.ends_with("_timestamp_seconds");
    is_other.then(|| (LintRule::Timestamp, "let the name end in `_timestamp_seconds`".to_owned()))
}

fn type_in_name(name: &str) -> Option<Broken> {
    const TYPES: [&str; 4] = ["counter", "gauge", "histogram", "summary"];
    let lower = name.to_ascii_lowercase();
    let word = words(&lower).skip(1).find(|word| TYPES.contains(word))?;
    Some((LintRule::TypeInName, format!("leave the type, `{word}`, out of the name")))
}

fn label_in_name(name: &str, label: &str) -> Option<Broken> {
    let said = [format!("_by_{label}"), format!("_per_{label}")].into_iter().find(|said| {
        name.find(&**said).is_some_and(|at| matches!(name.as_bytes().get(at + said.len()), None | Some(b'_')))
    })?;
    Some((LintRule::LabelInName, format!("leave the label, `{said}`, out of the name")))
}

fn snake_case(name: &str) -> Option<Broken> {
    let is_camel = name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    is_camel.then(|| (LintRule::SnakeCase, "write it in `snake_case`".to_owned()))
}
