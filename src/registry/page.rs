//! A reference page of the families of a registry.

use super::Registry;
use super::describe::{FamilyDescription, LabelDescription};
use core::fmt::{self, Write as _};

impl Registry {
    /// A reference page of all families in Markdown: name, type, help, unit, labels with what is known of their values, bounds or
    /// quantiles, and limits. quipu's metrics about itself are left out.
    ///
    /// Keep it in the repository, and let a test compare it with what is registered:
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).max_series(100).register()?;
    /// assert_eq!(
    ///     registry.to_markdown(),
    ///     "## `jobs_total`\n\n\
    ///      Counter. Jobs finished.\n\n\
    ///      - Label `queue`\n\
    ///      - At most 100 series\n",
    /// );
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn to_markdown(&self) -> String {
        let families = self.describe();
        let sections = families.iter().filter(|family| !family.is_own()).map(|family| Section(family).to_string());
        sections.collect::<Vec<_>>().join("\n")
    }
}

/// What the page says of a family.
struct Section<'a>(&'a FamilyDescription);

impl fmt::Display for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = self.0;
        let mut kind = family.metric_type().to_string();
        kind[..1].make_ascii_uppercase();
        writeln!(f, "## `{}`\n\n{kind}. {}", family.name(), Escaped(family.help()))?;
        let facts = self.facts();
        if !facts.is_empty() {
            writeln!(f, "\n- {}", facts.join("\n- "))?;
        }
        Ok(())
    }
}

impl Section<'_> {
    fn facts(&self) -> Vec<String> {
        let family = self.0;
        let mut facts: Vec<String> = family.unit().map(|unit| format!("Unit: {}", Escaped(unit))).into_iter().collect();
        facts.extend(family.labels().map(|label| of_label(&label)));
        for (what, numbers) in [("Buckets", family.bounds()), ("Quantiles", family.quantiles())] {
            if !numbers.is_empty() {
                let numbers: Vec<_> = numbers.iter().map(f64::to_string).collect();
                facts.push(format!("{what}: {}", numbers.join(", ")));
            }
        }
        let has_open_labels = family.labels().any(|label| label.values().is_none());
        let most = family.max_series().filter(|_| has_open_labels);
        facts.extend(most.map(|most| match family.collector() {
            Some(_) => format!("At most {most} series of the collector"),
            None => format!("At most {most} series"),
        }));
        facts.extend(family.expire_after().map(|idle| format!("Series go when they have been idle for {idle:?}")));
        facts.extend(family.collector().map(|collector| format!("Read at a scrape, by the collector `{collector}`")));
        facts
    }
}

fn of_label(label: &LabelDescription<'_>) -> String {
    let mut line = format!("Label `{}`", label.name());
    if let Some(values) = label.values() {
        let values: Vec<_> = values.iter().map(|value| Code(value).to_string()).collect();
        let _ = write!(line, ": {}", values.join(", "));
    }
    if let Some(most) = label.max_values() {
        let _ = write!(line, ", at most {most} values");
    }
    line
}

/// Text as code, whatever it holds.
struct Code<'a>(&'a str);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if !text.contains('`') {
            return write!(f, "`{text}`");
        }
        let fence = "`".repeat(1 + text.split(|c| c != '`').map(str::len).max().unwrap_or_default());
        write!(f, "{fence} {text} {fence}")
    }
}

/// Text in which nothing is Markdown.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' | '\r' => f.write_char(' ')?,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '~' => write!(f, "\\{character}")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
