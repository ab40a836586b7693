//! How the registries stand, as JSON, a piece at a time.

use super::json::{List, Maybe, Number, Text};
use crate::Registry;
use crate::registry::{
    BreakerStatus, CollectorStatus, FamilyDescription, FamilyStatus, LabelDescription, LastError, Offending,
    PushStatus, Status,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// A piece ends with the family that reaches so many bytes.
const PIECE: usize = 64 * 1024;

/// The summary of some registries, in pieces of JSON that are written when they are asked for.
#[derive(Debug)]
pub(in crate::export) struct Summary {
    /// All but the families.
    head: Option<String>,
    families: std::vec::IntoIter<FamilyStatus>,
    /// What stands before the next family.
    separator: &'static str,
    is_ended: bool,
}

impl Summary {
    /// Of families of one name, the first one is described, with the series of all.
    pub(in crate::export) fn of(registries: &[Registry]) -> Summary {
        let mut statuses: Vec<Status> = Vec::new();
        for (n, registry) in registries.iter().enumerate() {
            if !registries[..n].iter().any(|before| before.is_same(registry)) {
                statuses.push(registry.status());
            }
        }
        let mut families: BTreeMap<String, FamilyStatus> = BTreeMap::new();
        for family in statuses.iter_mut().flat_map(|status| std::mem::take(&mut status.families)) {
            match families.entry(family.description.name().to_owned()) {
                Entry::Vacant(place) => drop(place.insert(family)),
                Entry::Occupied(mut known) => known.get_mut().add(&family),
            }
        }
        let families: Vec<_> = families.into_values().collect();
        Summary { head: Some(head(&statuses)), families: families.into_iter(), separator: "", is_ended: false }
    }
}

impl Iterator for Summary {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        let mut piece = self.head.take().unwrap_or_default();
        while piece.len() < PIECE {
            let Some(family) = self.families.next() else {
                piece.push_str("]}\n");
                self.is_ended = true;
                break;
            };
            // Writing to a string does not fail.
            let _ = write!(piece, "{}\n{}", self.separator, Family(&family));
            self.separator = ",";
        }
        Some(piece.into())
    }
}

fn head(statuses: &[Status]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // The lanes are the same in all registries, of which a server has one at least.
    let lanes = statuses[0].lanes;
    format!(
        "{{\"time\":{},\n\"registries\":{},\n\"lanes\":{{\"bytes\":{},\"max_bytes\":{},\"threads_without\":{}}},\n\
         \"breakers\":{},\n\"collectors\":{},\n\"pushes\":{},\n\"offenders\":{},\n\"families\":[",
        Number(now),
        List(statuses.iter().map(Limits)),
        lanes.bytes,
        lanes.most_bytes,
        lanes.threads_without,
        List(statuses.iter().flat_map(|status| &status.breakers).map(Breaker)),
        List(statuses.iter().flat_map(|status| &status.collectors).map(Collector)),
        List(statuses.iter().flat_map(|status| &status.pushes).map(Push)),
        List(statuses.iter().flat_map(|status| &status.offenders).map(Offenders)),
    )
}

struct Limits<'a>(&'a Status);

impl fmt::Display for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { series, most_series, bytes, most_bytes, .. } = self.0;
        let (max_series, max_bytes) = (Maybe(*most_series), Maybe(*most_bytes));
        write!(f, "{{\"series\":{series},\"max_series\":{max_series},\"bytes\":{bytes},\"max_bytes\":{max_bytes}}}")
    }
}

struct Breaker<'a>(&'a BreakerStatus);

impl fmt::Display for Breaker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BreakerStatus { name, state, opened, rejections } = self.0;
        let name = Text(name);
        write!(f, "{{\"name\":{name},\"state\":\"{state}\",\"opened\":{opened},\"rejections\":{rejections}}}")
    }
}

struct Collector<'a>(&'a (String, CollectorStatus));

impl fmt::Display for Collector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, CollectorStatus { is_up, seconds, last_error, .. }) = self.0;
        let (name, up, seconds) = (Text(name), Maybe(*is_up), Maybe(seconds.map(Number)));
        let error = Maybe(last_error.as_ref().map(Failed));
        write!(f, "{{\"name\":{name},\"up\":{up},\"seconds\":{seconds},\"error\":{error}}}")
    }
}

struct Push<'a>(&'a PushStatus);

impl fmt::Display for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PushStatus { url, is_up, last_success, last_error } = self.0;
        let (url, up, success) = (Text(url), Maybe(*is_up), Maybe(last_success.map(Number)));
        let error = Maybe(last_error.as_ref().map(Failed));
        write!(f, "{{\"url\":{url},\"up\":{up},\"success\":{success},\"error\":{error}}}")
    }
}

struct Failed<'a>(&'a LastError);

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LastError { reason, message, time } = self.0;
        let (message, time) = (Maybe(message.as_deref().map(Text)), Number(*time));
        write!(f, "{{\"reason\":\"{reason}\",\"message\":{message},\"time\":{time}}}")
    }
}

struct Offenders<'a>(&'a Offending);

impl fmt::Display for Offenders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Offending { family, label, report } = self.0;
        let (family, label) = (Text(family), Text(label));
        let (distinct, samples) = (report.distinct, report.samples);
        write!(f, "{{\"family\":{family},\"label\":{label},\"distinct\":{distinct},\"samples\":{samples},\"top\":[")?;
        for (n, offender) in report.top.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let (value, is_cut, samples) = (Text(offender.value()), offender.is_cut(), offender.samples);
            write!(f, "{comma}{{\"value\":{value},\"is_cut\":{is_cut},\"samples\":{samples}}}")?;
        }
        f.write_str("]}")
    }
}

struct Family<'a>(&'a FamilyStatus);

impl fmt::Display for Family<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FamilyStatus { description: family, series, bytes, values, overflowed } = self.0;
        let (name, help, unit) = (Text(family.name()), Text(family.help()), Maybe(family.unit().map(Text)));
        let kind = family.metric_type().as_str();
        write!(f, "{{\"name\":{name},\"kind\":\"{kind}\",\"unit\":{unit},\"help\":{help},\"labels\":[")?;
        for (n, label) in family.labels().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let count = values.get(n).copied().flatten();
            let overflowed = overflowed.get(n).copied().unwrap_or_default();
            write!(f, "{comma}{}", Label { label, count, overflowed })?;
        }
        let [bounds, quantiles] =
            [family.bounds(), family.quantiles()].map(|all| List(all.iter().copied().map(Number)));
        let (samples, max_series) = (series * samples_each(family), Maybe(family.max_series()));
        let (bytes, collector, own) = (Maybe(*bytes), Maybe(family.collector().map(Text)), family.is_own());
        write!(
            f,
            "],\"series\":{series},\"samples\":{samples},\"max_series\":{max_series},\"bytes\":{bytes},\
             \"bounds\":{bounds},\"quantiles\":{quantiles},\"collector\":{collector},\"own\":{own}}}"
        )
    }
}

/// So many lines has a series in a text.
fn samples_each(family: &FamilyDescription) -> usize {
    match family.metric_type().as_str() {
        "histogram" => family.bounds().len() + 3,
        "summary" => family.quantiles().len() + 2,
        "stateset" => family.labels().last().and_then(|states| states.values()).map_or(1, <[_]>::len),
        _ => 1,
    }
}

struct Label<'a> {
    label: LabelDescription<'a>,
    count: Option<usize>,
    overflowed: u64,
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Label { label, count, overflowed } = self;
        let values = Maybe(label.values().map(|values| List(values.iter().copied().map(Text))));
        let (name, count, max_values) = (Text(label.name()), Maybe(*count), Maybe(label.max_values()));
        write!(f, "{{\"name\":{name},\"values\":{values},\"count\":{count},")?;
        write!(f, "\"max_values\":{max_values},\"overflowed\":{overflowed}}}")
    }
}
