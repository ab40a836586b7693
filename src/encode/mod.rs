//! Exposition formats. Sees [`model`](crate::model), and no store and no socket.

mod buffer;
mod number;
mod protobuf;
mod text;

pub(crate) use protobuf::Protobuf;
pub(crate) use text::Text;

use crate::model::debug_as_message;
use core::fmt;

/// How much a buffer holds before it is handed on.
const CHUNK: usize = 64 * 1024;

/// A format that a registry can be exposed in.
///
/// ```
/// use quipu::export::Format;
/// assert_eq!(Format::default(), Format::Text);
/// assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The Prometheus text format, version 0.0.4, which every scraper reads.
    #[default]
    Text,
    /// Delimited protobuf messages, each an `io.prometheus.client.MetricFamily`, for scrapers that ask for it.
    ///
    /// A family that does not fit into a chunk comes as several messages of one name. Prometheus takes all of them; a Pushgateway
    /// keeps only the last, so push [`Text`](Self::Text) to it.
    Protobuf,
}

impl Format {
    /// The `Content-Type` of a response in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// Why a scrape was broken off. What was written until then is not a whole exposition: do not end the response as if it were.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The labels of a series are longer than the format allows (2 GiB in protobuf).
    SeriesTooLong {
        /// The family's name.
        family: String,
    },
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScrapeError::SeriesTooLong { family } => write!(
                f,
                "a series of `{family}` is longer than a protobuf message may be; scrape text, or remove the series"
            ),
        }
    }
}

debug_as_message!(ScrapeError);

impl core::error::Error for ScrapeError {}

/// The encoder of a scrape.
#[derive(Debug)]
pub(crate) enum Encoder {
    Text(Box<Text>),
    Protobuf(Box<Protobuf>),
}

impl Encoder {
    pub(crate) fn new(format: Format) -> Encoder {
        match format {
            Format::Text => Encoder::Text(Box::default()),
            Format::Protobuf => Encoder::Protobuf(Box::default()),
        }
    }

    /// Begins a chunk, in place of what is in `buffer`.
    pub(crate) fn begin(&mut self, buffer: Vec<u8>) {
        match self {
            Encoder::Text(text) => text.begin(buffer),
            Encoder::Protobuf(protobuf) => protobuf.begin(buffer),
        }
    }

    /// Ends the chunk and returns it; empty when nothing was shown.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, ScrapeError> {
        match self {
            Encoder::Text(text) => Ok(text.finish()),
            Encoder::Protobuf(protobuf) => protobuf.finish(),
        }
    }
}
