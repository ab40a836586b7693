//! Exposing a registry: [`Scrape`] streams it as text.

mod scrape;

pub use scrape::{Scrape, TEXT_CONTENT_TYPE};
