//! How long a scraper waits for its scrape.

use http::HeaderMap;
use std::time::Duration;

const HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// What Prometheus gives a scrape unless it is told otherwise.
const USUAL: Duration = Duration::from_secs(10);

/// How long the scraper waits, if it says so: Prometheus and its like do.
pub(super) fn of_scraper(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(HEADER)?.to_str().ok()?.trim().parse().ok()?;
    let timeout = Duration::try_from_secs_f64(seconds).ok()?;
    (!timeout.is_zero()).then_some(timeout)
}

/// How long a scrape waits for what has to be collected first: half of the time that the scraper and the server give it, so that the
/// rest suffices to send it.
pub(super) fn for_collection(headers: &HeaderMap, of_server: Duration) -> Duration {
    of_scraper(headers).unwrap_or(USUAL).min(of_server) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timeout: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), timeout.parse().unwrap())])
    }

    #[test]
    fn a_scraper_says_how_long_it_waits() {
        for (text, milliseconds) in [("10", 10_000), ("0.5", 500), (" 1.25 ", 1_250), ("1e1", 10_000)] {
            assert_eq!(of_scraper(&headers(text)), Some(Duration::from_millis(milliseconds)), "{text:?}");
        }
        for text in ["", "0", "-1", "nan", "inf", "1e300", "10s", "\u{e9}"] {
            assert_eq!(of_scraper(&headers(text)), None, "{text:?}");
        }
    }

    #[test]
    fn half_of_that_is_for_collectors() {
        let [two, minute] = [2, 60].map(Duration::from_secs);
        assert_eq!(for_collection(&HeaderMap::new(), minute), Duration::from_secs(5));
        assert_eq!(for_collection(&headers("3"), minute), Duration::from_millis(1_500));
        assert_eq!(for_collection(&headers("3"), two), two / 2);
        assert_eq!(for_collection(&HeaderMap::new(), two), two / 2);
    }
}
