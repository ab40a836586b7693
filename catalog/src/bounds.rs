//! The upper bounds of the catalogue's histograms, as sets that more than one family has.

/// Seconds of a request or a call within a service: 5 ms to 10 s.
pub const HTTP: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Seconds that people take: a minute to a day.
pub const RESOLUTION: [f64; 8] = [60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0];

/// Seconds of an LLM call: 0.1 s to the 300 s of a reasoning model.
pub const LLM: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Seconds to the first token, or for each of the others: 1 ms to 80 s.
pub const TOKEN: [f64; 17] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0];

/// Seconds of a background job: 0.1 s to a minute.
pub const JOB: [f64; 7] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];

/// Tokens of one request: powers of four up to a million.
pub const COUNT4: [f64; 11] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0];

/// Seconds of a query or of an operation on storage: 1 ms to 0.5 s.
pub const DB: [f64; 8] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];
