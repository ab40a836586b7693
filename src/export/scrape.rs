//! Scraping, without a word about HTTP.

use crate::Registry;
use crate::encode::Encoder;
pub use crate::encode::{Format, ScrapeError};
use crate::registry::{self, Gather, Gathered};
use core::time::Duration;
use std::sync::Arc;

#[cfg(any(feature = "http", feature = "push"))]
use bytes::Bytes;

/// Where a chunk fits without growing.
#[cfg(any(feature = "http", feature = "push"))]
pub(super) const CHUNK_CAPACITY: usize = 72 * 1024;

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
    /// Whether what is shown counts as exposed.
    is_export: bool,
}

impl Scrape {
    /// Begins to expose several registries as one.
    ///
    /// Families of one name and the same description (type, help, unit, labels, bounds) become one family: those that registries have about
    /// themselves, for example. A family that cannot stand beside one of an earlier registry is left out, and so is a series that
    /// an earlier registry has as well. `quipu_left_out_total` of the later registry counts each.
    ///
    /// So of two series with the same labels the earlier registry's value is shown, and no sum of both. Beyond [limits](crate::guard), that
    /// goes for series of `__overflow__`, too. Give each registry a [label](crate::registry::RegistryBuilder::label) of its own if
    /// several have the same family: then all is shown, and a query adds it up.
    ///
    /// ```
    /// use quipu::export::{Format, Scrape};
    /// let (ours, theirs) = (quipu::Registry::new(), quipu::Registry::new());
    /// let jobs = |registry: &quipu::Registry| registry.counter("jobs_total", "Jobs.").labels(["queue"]).register();
    /// jobs(&ours)?.with(["mail"]).inc();
    /// jobs(&theirs)?.with(["print"]).inc();
    /// let (mut scrape, mut chunk) = (Scrape::of([ours, theirs], Format::Text), Vec::new());
    /// assert!(scrape.next_chunk(&mut chunk)?);
    /// let text = String::from_utf8(chunk)?;
    /// assert!(text.contains("# TYPE jobs_total counter\njobs_total{queue=\"mail\"} 1\njobs_total{queue=\"print\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// As [`Registry::scrape`], and a few strings for each family. Waits for [collectors](crate::collect), if there are any, for
    /// 5 s at most. Only while a family is scraped that several registries with the same
    /// global labels have, memory grows with the number of its series: by their labels and about 40 bytes each.
    pub fn of(registries: impl IntoIterator<Item = Registry>, format: Format) -> Scrape {
        Scrape::walk(registry::collect_now(registries.into_iter().collect()), format)
    }

    /// As [`of`](Self::of), without blocking the thread: the future asks all [collectors](crate::collect) at once, and waits for them
    /// at most so long. It needs no runtime.
    ///
    /// ```
    /// use quipu::export::{Format, Scrape};
    /// # async fn serve(registry: quipu::Registry) {
    /// let scrape = Scrape::collect([registry], Format::Text, std::time::Duration::from_secs(5)).await;
    /// # }
    /// ```
    pub fn collect(
        registries: impl IntoIterator<Item = Registry>,
        format: Format,
        within: Duration,
    ) -> impl Future<Output = Scrape> + Send + 'static {
        Scrape::begin(registries.into_iter().collect(), None, format, within)
    }

    /// As [`collect`](Self::collect), only of the families that may expose a sample of one of these names: `a` and, of a histogram,
    /// `a_bucket` are both names of `a`. Nothing is exposed of a name that no family has.
    ///
    /// For requests with `name[]`, which [`ScrapeService`](super::ScrapeService) reads itself.
    ///
    /// ```
    /// use quipu::export::{Format, Scrape};
    /// # async fn serve(registry: quipu::Registry) {
    /// let names = ["jobs_total", "job_duration_seconds_count"];
    /// let scrape = Scrape::collect_only([registry], names, Format::Text, std::time::Duration::from_secs(5)).await;
    /// # }
    /// ```
    ///
    /// # Cost
    /// In proportion to what is exposed. Only the collectors of these families are called. A name that begins with `quipu_` costs a
    /// look at each family.
    pub fn collect_only<N: Into<String>>(
        registries: impl IntoIterator<Item = Registry>,
        names: impl IntoIterator<Item = N>,
        format: Format,
        within: Duration,
    ) -> impl Future<Output = Scrape> + Send + 'static {
        let names = names.into_iter().map(Into::into).collect();
        Scrape::begin(registries.into_iter().collect(), Some(names), format, within)
    }

    pub(super) async fn begin(
        registries: Vec<Registry>,
        names: Option<Arc<[String]>>,
        format: Format,
        within: Duration,
    ) -> Scrape {
        Scrape::walk(registry::collect(registries, names, within).await, format)
    }

    /// The same, which counts as no export by itself: for somebody who only looks, or tells [later](Self::note_exported) that it has
    /// arrived.
    #[cfg(any(feature = "page", feature = "push"))]
    pub(crate) fn uncounted(self) -> Scrape {
        Scrape { is_export: false, ..self }
    }

    /// All there was has arrived: idle series may expire.
    #[cfg(feature = "push")]
    pub(crate) fn note_exported(&mut self) {
        self.gather.note_exported();
    }

    fn walk(gathered: Vec<Gathered>, format: Format) -> Scrape {
        Scrape { gather: Gather::new(gathered), encoder: Encoder::new(format), format, is_done: false, is_export: true }
    }

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
        if chunk.is_empty() && self.is_export {
            // Whoever asks for more has taken all there was.
            self.gather.note_exported();
        }
        Ok(!chunk.is_empty())
    }

    /// The next chunk, as a body has it. A buffer for each costs no more than keeping them for later, and leaves the memory of a scrape
    /// that waits for its client to those that do not.
    #[cfg(any(feature = "http", feature = "push"))]
    pub(crate) fn next_bytes(&mut self) -> Result<Option<Bytes>, ScrapeError> {
        let mut chunk = Vec::with_capacity(CHUNK_CAPACITY);
        Ok(self.next_chunk(&mut chunk)?.then(|| chunk.into()))
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
    /// Takes the registry's lock once, and then each family's, to count its series. Where there are [collectors](crate::collect), it
    /// blocks the thread until all have ended, for 5 s at most; in async code, use [`Scrape::collect`]. The rest is what a
    /// [`Scrape`] costs.
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
    /// As [`scrape`](Self::scrape). As protobuf, a counter or a gauge takes about 40 ns, a histogram of 11 bounds 130 ns.
    pub fn scrape_as(&self, format: Format) -> Scrape {
        Scrape::of([self.clone()], format)
    }

    /// The whole registry in the Prometheus text format 0.0.4. For tests and small tools; servers stream a
    /// [`scrape`](Self::scrape). Like that, it waits for [collectors](crate::collect).
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
