//! Queries as they are written in the layouts, and as they are sent.

/// From which series queries select.
///
/// In a layout, a metric is written as `@http_requests_total{status="500"}`. What stands for `@` here: the prefix of the service's
/// metrics before the name, and the matchers of the deployment behind it.
#[derive(Clone, Debug)]
pub struct Scope {
    prefix: String,
    matchers: String,
}

/// What Prometheus itself stores about a target.
const OF_PROMETHEUS: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

/// What stands behind no namespace: the engine's own metrics, and those that other dashboards look for.
const WITHOUT_PREFIX: [&str; 2] = ["quipu_", "process_"];

impl Scope {
    /// Names begin with `prefix`, and each selector has these matchers as well.
    pub fn new(prefix: impl Into<String>, matchers: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), matchers: matchers.into() }
    }

    /// The query of a layout.
    pub fn query(&self, layout: &str) -> String {
        let mut parts = layout.split('@');
        let mut query = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            if !WITHOUT_PREFIX.iter().any(|start| name.starts_with(start)) && !OF_PROMETHEUS.contains(&name) {
                query.push_str(&self.prefix);
            }
            query.push_str(name);
            query.push('{');
            query.push_str(&self.matchers);
            match rest.strip_prefix('{') {
                Some(matchers) => query.extend([",", matchers]),
                None => query.extend(["}", rest]),
            }
        }
        query
    }
}

/// How much a counter has gained in a quarter of an hour, added up by `sum`.
///
/// `increase` does not see what a series begins with, and a counter of losses begins with what was lost. So of a series that is new,
/// all counts. It is new if the quarter of an hour before has nothing of it: one scrape that failed does not make an old series new.
pub(crate) fn gained(sum: &str, counter: &str) -> String {
    format!(
        "{sum} (\n  (@{counter} unless last_over_time(@{counter}[15m] offset 15m))\n  or\n  increase(@{counter}[15m])\n)"
    )
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn each_selector_gets_the_matchers_and_names_of_the_service_get_its_prefix() {
        let scope = Scope::new("shop_", "job=\"a\"");
        let expected =
            "sum(rate(shop_a_total{job=\"a\",b=\"c\"}[5m])) / up{job=\"a\"} > quipu_series{job=\"a\"} + job:a:b";
        assert_eq!(scope.query("sum(rate(@a_total{b=\"c\"}[5m])) / @up > @quipu_series + job:a:b"), expected);
        assert_eq!(scope.query("1"), "1");
    }
}
