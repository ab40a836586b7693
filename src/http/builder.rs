//! What can be set.

use std::sync::Arc;

use http::request::Parts;

use super::families::{self, SIZE_BOUNDS};
use super::labels::ExtraLabels;
use super::route::Routes;
use super::{HttpMetrics, Sampled};
use crate::model::DEFAULT_BOUNDS;
use crate::{LabelValue, RegisterError, Registry};

/// Says what [`HttpMetrics`] records, and how; made by [`HttpMetrics::builder`].
///
/// In the patterns of routes that it is given, `*` stands for any characters. They are held against the patterns of routes, with the
/// prefixes of nested routers (`/v1/incidents/{id}`), and, where a request has no route, against the path of its URI.
///
/// Names get a prefix by the registry: [`Registry::with_prefix`].
///
/// ```
/// use quipu::http::HttpMetrics;
///
/// let registry = quipu::Registry::new();
/// let metrics = HttpMetrics::builder()
///     .exclude("/internal/*")
///     .group("/assets/*")
///     .duration_bounds([0.01, 0.1, 1.0])
///     .register(&registry.with_prefix("shop")?)?;
/// assert!(registry.to_text().contains("shop_http_connections_active 0\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpMetricsBuilder {
    pub(super) excluded: Vec<Box<str>>,
    pub(super) groups: Vec<Box<str>>,
    pub(super) sampled: Vec<Sampled>,
    pub(super) extra: ExtraLabels,
    pub(super) duration_bounds: Vec<f64>,
    pub(super) size_bounds: Vec<f64>,
}

impl HttpMetricsBuilder {
    pub(super) fn new() -> Self {
        Self {
            excluded: Vec::new(),
            groups: Vec::new(),
            sampled: Vec::new(),
            extra: ExtraLabels::default(),
            duration_bounds: DEFAULT_BOUNDS.to_vec(),
            size_bounds: SIZE_BOUNDS.to_vec(),
        }
    }

    /// Records nothing about the requests of the routes that `pattern` describes. One that describes no route leaves out nothing, and
    /// is [found](super#mistakes-that-are-found).
    ///
    /// ```
    /// use quipu::http::HttpMetrics;
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = HttpMetrics::builder().exclude("/health").exclude("/internal/*").register(&registry)?;
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn exclude(mut self, pattern: impl Into<Box<str>>) -> Self {
        self.excluded.push(pattern.into());
        self
    }

    /// Records all routes that `pattern` describes as one: the pattern is the value of the label `path`. The first group that describes a
    /// route has it.
    ///
    /// Also for requests without a route: a service that has none is told apart by a few groups.
    ///
    /// ```
    /// use quipu::http::HttpMetrics;
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = HttpMetrics::builder().group("/assets/*").group("/v1/incidents*").register(&registry)?;
    /// let layer = metrics.layer(|_| None);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn group(mut self, pattern: impl Into<Box<str>>) -> Self {
        self.groups.push(pattern.into());
        self
    }

    /// Observes the duration and the size of the response of one in `every` requests to the routes that `pattern` describes, for routes so
    /// hot that each histogram counts. The first of these patterns that describes a route has it; 0 is taken as 1.
    ///
    /// Errors (status 400 and above) are always observed, so compare latencies within a status. Counters, gauges and the sizes of
    /// requests stay exact. `http_histogram_sample_ratio{path}` shows the share, by which to divide the count of a histogram of
    /// durations or responses that are no errors.
    ///
    /// ```
    /// use quipu::http::HttpMetrics;
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = HttpMetrics::builder().sample("/v1/ping", 100).register(&registry)?;
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn sample(mut self, pattern: impl Into<Box<str>>, every: u32) -> Self {
        self.sampled.push(Sampled { pattern: pattern.into(), every: every.max(1) });
        self
    }

    /// Adds a label to all families that have `method` and `path`. Its value is an enum that `classify` finds in the head of the request, so
    /// that no client can make series.
    ///
    /// A value that is not an enum does not compile; [`label_values`](Self::label_values) takes a list of texts. The number of series is
    /// multiplied by that of the values.
    ///
    /// # Cost
    /// A call of `classify`, and two moves of the request's head (about 20 ns).
    ///
    /// ```
    /// use quipu::http::HttpMetrics;
    ///
    /// #[derive(quipu::LabelValue)]
    /// enum Client {
    ///     Browser,
    ///     Other,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = HttpMetrics::builder()
    ///     .label("client", |request| match request.headers.get("user-agent") {
    ///         Some(agent) if agent.as_bytes().starts_with(b"Mozilla/") => Client::Browser,
    ///         _ => Client::Other,
    ///     })
    ///     .register(&registry)?;
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn label<T: LabelValue>(
        mut self,
        name: &'static str,
        classify: impl Fn(&Parts) -> T + Send + Sync + 'static,
    ) -> Self {
        self.extra.add(name, classify);
        self
    }

    /// Adds a label whose values are a list that is made at run time, as [`label`](Self::label) adds an enum. What `classify` finds
    /// is a value if it is in the list, and `other` if it is not, or if there is nothing: no client can make series. The texts live as long
    /// as the program: leak a list that is read at run time, by [`String::leak`], once.
    ///
    /// # Cost
    /// As of [`label`](Self::label), and a search through the list.
    ///
    /// ```
    /// use quipu::http::HttpMetrics;
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = HttpMetrics::builder()
    ///     .label_values("api_version", ["v1", "v2"], |request| request.headers.get("x-api-version")?.to_str().ok())
    ///     .register(&registry)?;
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn label_values(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = &'static str>,
        classify: impl Fn(&Parts) -> Option<&str> + Send + Sync + 'static,
    ) -> Self {
        self.extra.add_list(name, values, classify);
        self
    }

    /// Bounds of durations, in seconds; [`DEFAULT_BOUNDS`](crate::model::DEFAULT_BOUNDS) if this is not called.
    #[must_use]
    pub fn duration_bounds(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.duration_bounds = bounds.into();
        self
    }

    /// Bounds of the sizes of requests and responses, in bytes; [`SIZE_BOUNDS`] if this is not called.
    #[must_use]
    pub fn size_bounds(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.size_bounds = bounds.into();
        self
    }

    /// Registers the HTTP families, or takes those that are there.
    ///
    /// # Errors
    ///
    /// If the registry has another metric under one of these names, a label or bounds make no sense, or the values of added labels, multiplied with
    /// each other, are more than 1,000. Then none of them is registered.
    pub fn register(self, registry: &Registry) -> Result<HttpMetrics, RegisterError> {
        self.extra.check()?;
        let (families, watch) = families::register(registry, &self)?;
        Ok(HttpMetrics { routes: Arc::new(Routes::new(families, watch, self)) })
    }
}
