//! The integration tests of quipu, in one binary.
//!
//! Each module is a place where a user meets the crate.

mod alone;
mod churn;
mod collectors;
mod derive;
mod describe;
mod detached;
mod expiry;
mod export;
mod exposition;
mod families;
#[cfg(unix)]
mod fork;
mod formats;
mod grpc;
mod guard;
mod house;
mod http_layer;
mod invariants;
mod lanes;
#[cfg(unix)]
mod memory;
mod metric_set;
mod names;
mod offenders;
mod oracle;
mod push;
mod readme;
mod rivals_failings;
mod several;
mod sides;
mod states;
mod summaries;
mod testing;
mod threads;
mod timed;
mod timers;
mod values;
mod warnings;

#[path = "../decoder/mod.rs"]
mod decoder;
#[path = "../reader/mod.rs"]
mod reader;

/// What a scrape says, read strictly.
#[track_caller]
fn read(registry: &quipu::Registry) -> reader::Exposition {
    let text = registry.to_text();
    reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// All that a scrape yields.
fn bytes(mut scrape: quipu::export::Scrape) -> Vec<u8> {
    let (mut bytes, mut chunk) = (Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}
