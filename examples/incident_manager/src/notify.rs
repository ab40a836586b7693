//! Notifications. The senders are pretended: each takes its time, and fails now and then.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use quipu_catalog::notifications::Channel;
use tokio::time::sleep;

use crate::incident::{Incident, Severity};

/// Who hears of an incident.
pub(crate) fn channels(severity: Severity) -> &'static [Channel] {
    match severity {
        Severity::P0 => &[Channel::PagerDuty, Channel::Sms, Channel::Slack, Channel::Email, Channel::Webhook],
        Severity::P1 => &[Channel::PagerDuty, Channel::Slack, Channel::Email],
        Severity::P2 => &[Channel::Slack, Channel::Webhook],
        Severity::P3 | Severity::P4 => &[Channel::Email],
    }
}

/// Milliseconds that a sender takes.
fn takes_ms(channel: Channel) -> Range<u64> {
    match channel {
        Channel::Email => 10..60,
        Channel::Slack => 5..30,
        Channel::PagerDuty => 10..50,
        Channel::Webhook | Channel::Other => 5..80,
        Channel::Sms => 20..100,
    }
}

/// The sender did not take it.
#[derive(Debug)]
pub(crate) struct Undelivered;

#[derive(Debug)]
pub(crate) struct Senders {
    rng: Mutex<Rng>,
    failures: f64,
}

impl Senders {
    /// Senders of which this part of the notifications fails.
    pub(crate) fn new(rng: Rng, failures: f64) -> Senders {
        Senders { rng: Mutex::new(rng), failures }
    }

    pub(crate) async fn send(&self, channel: Channel, _about: &Incident) -> Result<(), Undelivered> {
        let (takes, fails) = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            (rng.u64(takes_ms(channel)), rng.f64() < self.failures)
        };
        sleep(Duration::from_millis(takes)).await;
        if fails { Err(Undelivered) } else { Ok(()) }
    }
}
