//! What the lines of a family must say together.

use std::collections::HashSet;

use super::number;
use super::{Family, MetricType, ReadError, Sample};

/// Whether a family of this kind can write this sample name.
pub(super) fn belongs(family: &str, kind: MetricType, name: &str) -> bool {
    let suffix = name.strip_prefix(family);
    suffix.is_some_and(|suffix| kind.suffixes().contains(&suffix))
}

/// The rules that a sample must keep by itself.
pub(super) fn sample(family: &str, kind: MetricType, sample: &Sample) -> Result<(), String> {
    let suffix = &sample.name[family.len()..];
    match kind {
        MetricType::Counter if sample.value.is_nan() => Err("counter is NaN".to_owned()),
        MetricType::Counter if sample.value.is_sign_negative() => Err("counter is negative".to_owned()),
        MetricType::Histogram => marked(sample, "le", suffix == "_bucket"),
        MetricType::Summary => marked(sample, "quantile", suffix.is_empty()),
        _ => Ok(()),
    }
}

/// The label is there exactly if it should be, and is a number.
fn marked(sample: &Sample, label: &str, wanted: bool) -> Result<(), String> {
    match (sample.label(label), wanted) {
        (Some(text), true) => match number::float(text)? {
            bound if bound.is_nan() => Err(format!("{label} is NaN")),
            bound if label == "quantile" && !(0.0..=1.0).contains(&bound) => {
                Err(format!("quantile {text} is not within 0 and 1"))
            }
            _ => Ok(()),
        },
        (None, true) => Err(format!("{} without {label}", sample.name)),
        (Some(_), false) => Err(format!("{} with {label}", sample.name)),
        (None, false) => Ok(()),
    }
}

/// The rules that the samples of a family must keep together.
pub(super) fn family(family: &Family) -> Result<(), ReadError> {
    let mark = match family.kind {
        MetricType::Histogram => "le",
        MetricType::Summary => "quantile",
        _ => return Ok(()),
    };
    for samples in groups(family, mark)? {
        let line = samples[0].line;
        let checked = match family.kind {
            MetricType::Histogram => histogram(&family.name, &samples),
            _ => whole(&family.name, &samples).map(drop),
        };
        checked.map_err(|reason| ReadError { line, reason })?;
    }
    Ok(())
}

/// The samples of each series. The lines of a series stand together.
fn groups<'a>(family: &'a Family, mark: &str) -> Result<Vec<Vec<&'a Sample>>, ReadError> {
    let mut groups: Vec<Vec<&Sample>> = Vec::new();
    let mut seen = HashSet::new();
    let mut last = None;
    for sample in &family.samples {
        let mut labels: Vec<_> = sample.labels.iter().filter(|(n, _)| n != mark).collect();
        labels.sort();
        if last.as_ref() != Some(&labels) {
            if !seen.insert(labels.clone()) {
                let reason = format!("the lines of {labels:?} are not in one group");
                return Err(ReadError { line: sample.line, reason });
            }
            groups.push(Vec::new());
            last = Some(labels);
        }
        groups.last_mut().expect("pushed above").push(sample);
    }
    Ok(groups)
}

/// `_sum` and `_count` are both there.
fn whole<'a>(name: &str, samples: &[&'a Sample]) -> Result<(&'a Sample, u64), String> {
    let find = |suffix: &str| {
        let mut all = samples.iter();
        all.find(|sample| sample.name[name.len()..] == *suffix).ok_or_else(|| format!("{name} without {suffix}"))
    };
    Ok((find("_sum")?, number::count(&find("_count")?.text)?))
}

/// Bounds rise, counts rise, and the last bucket is the count.
fn histogram(name: &str, samples: &[&Sample]) -> Result<(), String> {
    let (sum, count) = whole(name, samples)?;
    if count == 0 && sum.value != 0.0 {
        return Err(format!("{name} has a sum without observations"));
    }
    let mut last: Option<(f64, u64)> = None;
    for bucket in samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let text = bucket.label("le").unwrap_or_default();
        let (le, in_bucket) = (number::float(text)?, number::count(&bucket.text)?);
        if let Some((bound, below)) = last {
            if le <= bound {
                return Err(format!("{name}: le {text} does not rise"));
            }
            if in_bucket < below {
                return Err(format!("{name}: le {text} counts less than the bucket before"));
            }
        }
        last = Some((le, in_bucket));
    }
    match last {
        Some((le, total)) if le == f64::INFINITY && total == count => Ok(()),
        Some((le, total)) if le == f64::INFINITY => Err(format!("{name}: +Inf is {total}, _count is {count}")),
        _ => Err(format!("{name} without the +Inf bucket")),
    }
}
