//! Scraping, without a word about HTTP.

use crate::Registry;
use crate::encode::Encoder;
pub use crate::encode::{Format, ScrapeError};
use crate::registry::Gather;

/// One scrape: a registry in some [`Format`], chunk by chunk. Made by [`Registry::scrape`] and its like.
///
/// Families come sorted by name, the series of a family in the order of their creation, and each exactly once; series that are
/// made while a scrape runs may be in it or not. Any number of scrapes may run at the same time, and series may be registered,
/// made and removed meanwhile: a scrape holds no lock between its chunks, and recording never waits for one.
///
/// Values of a chunk are read when it is made. Of two scrapes that follow one another, no counter is lower in the later one.
///
/// # Cost
/// 8 to 25 ns a line. Memory: the caller's buffer, which grows to a little more than 64 KiB (more only where a help
/// text or a single series is longer), and the list of families, however many series there are.
#[derive(Debug)]
pub struct Scrape {
    gather: Gather,
    encoder: Encoder,
    format: Format,
    is_done: bool,
}

impl Scrape {
    /// Replaces what is in `chunk` by the next 64 KiB or so, in whole lines or messages. `false` when nothing was left; the
    /// buffer is then empty.
    ///
    /// # Errors
    /// When the scrape cannot go on; see [`ScrapeError`]. It stays so.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?.inc();
    /// let (mut scrape, mut chunk, mut text) = (registry.scrape(), Vec::new(), Vec::new());
    /// while scrape.next_chunk(&mut chunk)? {
    ///     text.extend_from_slice(&chunk); // or write it to a socket
    /// }
    /// assert_eq!(String::from_utf8(text)?, registry.to_text());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, ScrapeError> {
        self.encoder.begin(std::mem::take(chunk));
        if !self.is_done {
            let is_more = match &mut self.encoder {
                Encoder::Text(text) => self.gather.step(&mut **text),
                Encoder::Protobuf(protobuf) => self.gather.step(&mut **protobuf),
            };
            self.is_done = !is_more;
        }
        *chunk = self.encoder.finish()?;
        Ok(!chunk.is_empty())
    }

    /// The format, whose [`content_type`](Format::content_type) a response needs.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Registry {
    /// Begins to expose the registry in the Prometheus text format 0.0.4.
    ///
    /// # Cost
    /// Takes the registry's lock, once, and looks each family up in `quipu_series`. The rest is what a [`Scrape`] costs.
    pub fn scrape(&self) -> Scrape {
        self.scrape_as(Format::Text)
    }

    /// Begins to expose the registry in any format.
    ///
    /// ```
    /// use quipu::export::Format;
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?.inc();
    /// let (mut scrape, mut chunk) = (registry.scrape_as(Format::Protobuf), Vec::new());
    /// assert!(scrape.format().content_type().contains("io.prometheus.client.MetricFamily"));
    /// assert!(scrape.next_chunk(&mut chunk)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// As [`scrape`](Self::scrape); of a [`Scrape`] as protobuf, 30 to 80 ns a series.
    pub fn scrape_as(&self, format: Format) -> Scrape {
        Scrape { gather: Gather::new(self.clone()), encoder: Encoder::new(format), format, is_done: false }
    }

    /// The whole registry in the Prometheus text format 0.0.4. For tests and small tools; servers stream a
    /// [`scrape`](Self::scrape).
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?.with(["mail"]).inc();
    /// let text = registry.to_text();
    /// assert!(text.starts_with("# HELP jobs_total Jobs finished.\n# TYPE jobs_total counter\njobs_total{queue=\"mail\"} 1\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn to_text(&self) -> String {
        let (mut scrape, mut chunk, mut text) = (self.scrape(), Vec::new(), String::new());
        // Text is never broken off.
        while let Ok(true) = scrape.next_chunk(&mut chunk) {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        text
    }
}
