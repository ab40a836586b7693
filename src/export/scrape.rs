//! Scraping, without a word about HTTP.

use crate::Registry;
use crate::encode::{Parts, Text};
use crate::registry::Gather;

/// The `Content-Type` of what a [`Scrape`] writes.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One scrape: the registry as text, chunk by chunk. Made by [`Registry::scrape`].
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
    parts: Parts,
    is_done: bool,
}

impl Scrape {
    /// Replaces what is in `chunk` by the next 64 KiB or so of text, in whole lines. `false` when nothing was left; the
    /// buffer is then empty.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?.inc();
    /// let (mut scrape, mut chunk, mut text) = (registry.scrape(), Vec::new(), Vec::new());
    /// while scrape.next_chunk(&mut chunk) {
    ///     text.extend_from_slice(&chunk); // or write it to a socket
    /// }
    /// assert_eq!(String::from_utf8(text)?, registry.to_text());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_chunk(&mut self, chunk: &mut Vec<u8>) -> bool {
        let mut text = Text::new(&mut self.parts, std::mem::take(chunk));
        self.is_done = self.is_done || !self.gather.step(&mut text);
        *chunk = text.finish();
        !chunk.is_empty()
    }
}

impl Registry {
    /// Begins to expose the registry in the Prometheus text format 0.0.4.
    ///
    /// # Cost
    /// Takes the registry's lock, once, and looks each family up in `quipu_series`. The rest is what a [`Scrape`] costs.
    pub fn scrape(&self) -> Scrape {
        Scrape { gather: Gather::new(self.clone()), parts: Parts::default(), is_done: false }
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
        while scrape.next_chunk(&mut chunk) {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        text
    }
}
