//! What tokens cost.

use super::Usage;
use arc_swap::ArcSwap;
use core::fmt;
use std::sync::Arc;

/// Dollars for 1,000 tokens.
///
/// ```
/// use quipu_catalog::llm::Price;
/// let price = Price { cached_read: Some(0.00125), ..Price::new(0.0025, 0.01) };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Of the prompt.
    pub prompt: f64,
    /// Of the answer, those used to reason included.
    pub completion: f64,
    /// Of the prompt, read from the provider's cache. `None` is the price of the prompt.
    pub cached_read: Option<f64>,
    /// Of the prompt, written to the provider's cache. `None` is the price of the prompt.
    pub cached_write: Option<f64>,
}

impl Price {
    /// A price without another one for cached tokens.
    pub const fn new(prompt: f64, completion: f64) -> Price {
        Price { prompt, completion, cached_read: None, cached_write: None }
    }

    /// Dollars of a request. Of tokens of the prompt that are said to be cached, no more count than the prompt has.
    pub(super) fn of(&self, usage: &Usage) -> f64 {
        let read = usage.cached_read.min(usage.prompt);
        let written = usage.cached_write.min(usage.prompt - read);
        let parts = [
            (usage.prompt - read - written, self.prompt),
            (read, self.cached_read.unwrap_or(self.prompt)),
            (written, self.cached_write.unwrap_or(self.prompt)),
            (usage.completion, self.completion),
        ];
        parts.iter().map(|(tokens, dollars)| *tokens as f64 * dollars).sum::<f64>() / 1000.0
    }

    fn problem(&self) -> Option<(&'static str, f64)> {
        let parts = [
            ("prompt", Some(self.prompt)),
            ("completion", Some(self.completion)),
            ("cached_read", self.cached_read),
            ("cached_write", self.cached_write),
        ];
        let is_good = |dollars: f64| dollars.is_finite() && dollars >= 0.0;
        parts.into_iter().find_map(|(part, dollars)| Some((part, dollars.filter(|dollars| !is_good(*dollars))?)))
    }
}

/// The prices of models, by the beginning of their names.
///
/// The longest beginning wins: `gpt-4o-mini-2024-07-18` has the price of `gpt-4o-mini` and not that of `gpt-4o`. A model without a price
/// costs nothing in `llm_cost_dollars_total`, and its requests are counted in `llm_unpriced_requests_total`. A price for the beginning
/// `""` is one for all other models.
///
/// ```
/// use quipu_catalog::llm::{Price, Prices};
///
/// let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01)), ("gpt-4o-mini", Price::new(0.00015, 0.0006))])?;
/// assert_eq!(prices.of("gpt-4o-mini-2024-07-18"), Some(&Price::new(0.00015, 0.0006)));
/// assert_eq!(prices.of("gpt-4"), None);
/// # Ok::<(), quipu_catalog::llm::PriceError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// The longest beginning first.
    by_prefix: Vec<(String, Price)>,
}

impl Prices {
    /// The prices of these models.
    ///
    /// # Errors
    /// When a price is negative, infinite or NaN, or two are for the same beginning.
    pub fn new<N: Into<String>>(prices: impl IntoIterator<Item = (N, Price)>) -> Result<Prices, PriceError> {
        let mut by_prefix: Vec<(String, Price)> = Vec::new();
        for (model, price) in prices {
            let model = model.into();
            if let Some((part, dollars)) = price.problem() {
                return Err(PriceError::NoPrice { model, part, dollars });
            }
            if by_prefix.iter().any(|(prefix, _)| *prefix == model) {
                return Err(PriceError::Twice { model });
            }
            by_prefix.push((model, price));
        }
        by_prefix.sort_by_key(|(prefix, _)| core::cmp::Reverse(prefix.len()));
        Ok(Prices { by_prefix })
    }

    /// No prices: every request that succeeds is an unpriced one.
    pub fn none() -> Prices {
        Prices::default()
    }

    /// The price of a model.
    pub fn of(&self, model: &str) -> Option<&Price> {
        self.by_prefix.iter().find(|(prefix, _)| model.starts_with(&**prefix)).map(|(_, price)| price)
    }
}

/// Prices that can change while calls are under way. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct LivePrices(Arc<ArcSwap<Prices>>);

/// The price of one model, looked up anew when the prices are others.
#[derive(Debug)]
pub(super) struct LivePrice {
    prices: LivePrices,
    model: Box<str>,
    found: ArcSwap<Found>,
}

#[derive(Debug)]
struct Found {
    of: Arc<Prices>,
    price: Option<Price>,
}

impl LivePrices {
    pub(super) fn new(prices: Prices) -> LivePrices {
        LivePrices(Arc::new(ArcSwap::from_pointee(prices)))
    }

    pub(super) fn set(&self, prices: Prices) {
        self.0.store(Arc::new(prices));
    }

    pub(super) fn of_model(&self, model: &str) -> LivePrice {
        let found = ArcSwap::from_pointee(Found::new(self.0.load_full(), model));
        LivePrice { prices: self.clone(), model: model.into(), found }
    }
}

impl Found {
    fn new(of: Arc<Prices>, model: &str) -> Found {
        Found { price: of.of(model).copied(), of }
    }
}

impl LivePrice {
    /// The price that holds now. Takes no lock.
    pub(super) fn now(&self) -> Option<Price> {
        let (prices, found) = (self.prices.0.load(), self.found.load());
        if Arc::ptr_eq(&prices, &found.of) {
            return found.price;
        }
        let found = Found::new(Arc::clone(&prices), &self.model);
        let price = found.price;
        self.found.store(Arc::new(found));
        price
    }
}

/// A price that is none. Its message says what to write instead.
///
/// ```
/// use quipu_catalog::llm::{Price, Prices};
///
/// let error = Prices::new([("gpt-4o", Price::new(-0.0025, 0.01))]).unwrap_err();
/// assert_eq!(error.to_string(), "the price of `prompt` tokens of \"gpt-4o\" is -0.0025; give dollars for 1,000 tokens, from 0 on");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PriceError {
    /// A price is negative, infinite or NaN.
    #[non_exhaustive]
    NoPrice {
        /// The beginning of the model's name.
        model: String,
        /// Which tokens: the field of [`Price`].
        part: &'static str,
        /// What was given.
        dollars: f64,
    },
    /// There are two prices for the same beginning.
    #[non_exhaustive]
    Twice {
        /// The beginning of the model's name.
        model: String,
    },
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PriceError::NoPrice { model, part, dollars } => {
                write!(f, "the price of `{part}` tokens of {model:?} is {dollars}; ")?;
                f.write_str("give dollars for 1,000 tokens, from 0 on")
            }
            PriceError::Twice { model } => write!(f, "there are two prices for {model:?}; remove one"),
        }
    }
}

impl core::error::Error for PriceError {}
