//! [quipu] for [axum] 0.8: measures requests by their routes, counts connections, and serves the metrics.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use quipu::http::HttpMetrics;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let registry = quipu::Registry::new();
//!     let metrics = HttpMetrics::builder().exclude("/health").register(&registry)?;
//!     let app = Router::new()
//!         .route("/v1/incidents/{id}", get(|| async { "an incident" }))
//!         .route("/health", get(|| async { "ok" }))
//!         .layer(quipu_axum::layer(&metrics)); // after the routes
//!     let app = quipu_axum::router(registry).merge(app); // adds /metrics
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     axum::serve(quipu_axum::listener(&metrics, listener), app).await?;
//!     Ok(())
//! }
//! ```
//!
//! What is recorded is said in [`quipu::http`].

#![cfg(not(quipu_loom))] // as of quipu, whose models see only its store

mod layer;
mod listener;
mod router;

pub use layer::{AxumBody, HttpLayer, layer, matched_path};
pub use listener::{CountedIo, CountedListener, listener};
pub use router::router;
