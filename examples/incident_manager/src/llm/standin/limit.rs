//! Limits on the rate of requests to each model.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tokens that one request may cost, in what is said to remain.
const TOKENS_PER_REQUEST: u32 = 500;

/// A bucket for each model, which holds the requests of a second.
#[derive(Debug)]
pub(super) struct Limits {
    per_second: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    requests: f64,
    filled: Instant,
}

impl Limits {
    pub(super) fn new(per_second: u32) -> Limits {
        Limits { per_second, buckets: Mutex::default() }
    }

    /// What remains of requests and tokens after this request, or how long to wait.
    pub(super) fn take(&self, model: &str) -> Result<(u32, u32), Duration> {
        let now = Instant::now();
        let most = f64::from(self.per_second);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(model.to_owned()).or_insert(Bucket { requests: most, filled: now });
        bucket.requests = most.min(bucket.requests + (now - bucket.filled).as_secs_f64() * most);
        bucket.filled = now;
        if bucket.requests < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.requests) / most));
        }
        bucket.requests -= 1.0;
        let remaining = bucket.requests as u32;
        Ok((remaining, remaining * TOKENS_PER_REQUEST))
    }
}
