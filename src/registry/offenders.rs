//! Offenders in words: which label values come although there is no room for them.

use super::family::FamilyCore;
use super::registry::Registry;
use crate::guard::{LabelOffenders, Report};
use core::fmt::{self, Write};

/// So many values stand in a line of the log.
#[cfg(feature = "tracing")]
const LOGGED: usize = 3;

impl Registry {
    /// The label values that came although a limit left no room for them, for people to read: of each family and label about how many
    /// different ones, and the ten most frequent, escaped and cut after 48 bytes. Empty while there were none.
    ///
    /// The number of different values is an estimate, which is mostly within 2 %. Which are frequent is found in samples: of the lookups
    /// between two scrapes, or two calls of this, the first 256 of each label.
    ///
    /// A server shows this at the path that [`Server::builder`](crate::export::ServerBuilder::offenders_path) is given. The values are
    /// what clients sent: do not show them to everybody.
    ///
    /// # Cost
    /// Some microseconds for each label with such values. Each takes 64 KiB at most.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant"]).max_values("tenant", 1).register()?;
    /// for tenant in ["a", "mallory-1", "mallory-2", "mallory-2"] {
    ///     logins.with([tenant]).inc();
    /// }
    /// let text = registry.offenders_to_text();
    /// assert!(text.starts_with("logins_total: `tenant` had about 2 values beyond a limit; in 3 samples:\n  66.7 % \"mallory-2\"\n"), "{text}");
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn offenders_to_text(&self) -> String {
        let mut text = String::new();
        for family in self.families() {
            for (label, offenders) in by_label(&family) {
                let report = offenders.report();
                // Writing to a string does not fail.
                let _ = write_report(&mut text, &family.description.name, label, &report);
            }
        }
        text
    }
}

/// The offenders of each label of a family that has any.
pub(super) fn by_label(family: &FamilyCore) -> impl Iterator<Item = (&str, &LabelOffenders)> {
    let labels = &family.description.labels;
    let by_label = family.set.offenders().into_iter().flat_map(|offenders| offenders.by_label());
    by_label.filter_map(|(label, offenders)| Some((&**labels.get(label)?, offenders)))
}

fn write_report(text: &mut String, family: &str, label: &str, report: &Report) -> fmt::Result {
    let Report { distinct, samples, top } = report;
    writeln!(text, "{family}: `{label}` had about {distinct} values beyond a limit; in {samples} samples:")?;
    top.iter().try_for_each(|offender| writeln!(text, "  {:4.1} % {offender}", report.percent(offender)))
}

/// About how many values of each label there were.
pub(super) fn distinct(family: &FamilyCore) -> impl Iterator<Item = (&str, u64)> {
    by_label(family).map(|(label, offenders)| (label, offenders.distinct()))
}

/// Counts the samples, and makes room for others; of each family that has any, one line in a minute goes to the log.
pub(super) fn bring_up_to_date(family: &FamilyCore) {
    if let Some(offenders) = family.set.offenders()
        && offenders.drain(&family.set.family.clock)
    {
        #[cfg(feature = "tracing")]
        super::safe::tell(|| {
            tracing::warn!("`{}`: label values came beyond a limit: {}", family.description.name, summary(family));
        });
    }
}

#[cfg(feature = "tracing")]
fn summary(family: &FamilyCore) -> String {
    let of_label = |(label, offenders): (&str, &LabelOffenders)| {
        let Report { distinct, top, .. } = offenders.report();
        let top: Vec<_> = top.iter().take(LOGGED).map(ToString::to_string).collect();
        format!("about {distinct} of `{label}`, such as {}", top.join(", "))
    };
    by_label(family).map(of_label).collect::<Vec<_>>().join("; ")
}
