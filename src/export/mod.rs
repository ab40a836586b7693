//! Exposing a registry: [`Scrape`] streams it in some [`Format`]; the rest serves that over HTTP.
//!
//! | to serve | use | feature |
//! |---|---|---|
//! | from a program without async | [`serve`] | `server` |
//! | on a port of its own, inside tokio | [`Server`] | `server` |
//! | a page for people as well | [`ServerBuilder::page`] | `page` |
//! | on the port of an axum application | `router` of the crate `quipu-axum` | |
//! | under a path of one's own, with any tower server | [`ScrapeService`] | `http` |
//! | in any other way | [`Scrape`] | |
//!
//! ```
//! let registry = quipu::Registry::new();
//! registry.counter("jobs_total", "Jobs finished.").register()?.inc();
//! let server = quipu::export::serve("127.0.0.1:0", registry)?; // port 0 is any free port
//! println!("http://{}/metrics", server.local_addr());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod scrape;

#[cfg(feature = "http")]
mod body;
#[cfg(feature = "page")]
mod page;
#[cfg(feature = "http")]
mod places;
#[cfg(feature = "http")]
mod query;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "http")]
mod service;
#[cfg(feature = "http")]
mod timeout;

pub use scrape::{Format, Scrape, ScrapeError};

#[cfg(feature = "config")]
pub(crate) use page::is_at as is_of_page;
#[cfg(feature = "config")]
pub(crate) use server::is_path;

#[cfg(feature = "http")]
pub use body::ScrapeBody;
#[cfg(feature = "server")]
pub use server::{Server, ServerBuilder, ServerHandle, serve};
#[cfg(feature = "http")]
pub use service::{ScrapeFuture, ScrapeService};
