//! Runs the real binary, on ports that the system picks, and talks to it over TCP.

mod client;
mod service;

mod api;
mod configuration;
#[cfg(unix)]
mod full_disk;
mod grpc;
mod jobs;
mod lifecycle;
mod metrics;
mod model;
mod tenants;
mod traffic;
