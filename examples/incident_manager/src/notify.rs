//! Notifications. The senders are pretended: each takes its time, and fails now and then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use quipu::LabelValue;
use tokio::time::sleep;

use crate::incident::{Incident, Severity};

#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
#[label(rename_all = "lowercase")]
pub(crate) enum Channel {
    Email,
    Slack,
    PagerDuty,
    Webhook,
    Sms,
}

impl Channel {
    /// Who hears of an incident.
    pub(crate) fn of(severity: Severity) -> &'static [Channel] {
        match severity {
            Severity::P0 => &[Channel::PagerDuty, Channel::Sms, Channel::Slack, Channel::Email, Channel::Webhook],
            Severity::P1 => &[Channel::PagerDuty, Channel::Slack, Channel::Email],
            Severity::P2 => &[Channel::Slack, Channel::Webhook],
            Severity::P3 | Severity::P4 => &[Channel::Email],
        }
    }

    /// Milliseconds that its sender takes.
    fn takes_ms(self) -> std::ops::Range<u64> {
        match self {
            Channel::Email => 10..60,
            Channel::Slack => 5..30,
            Channel::PagerDuty => 10..50,
            Channel::Webhook => 5..80,
            Channel::Sms => 20..100,
        }
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
            (rng.u64(channel.takes_ms()), rng.f64() < self.failures)
        };
        sleep(Duration::from_millis(takes)).await;
        if fails { Err(Undelivered) } else { Ok(()) }
    }
}
