//! Notifications: sent, delivered, waiting.
//!
//! ```
//! use quipu_catalog::notifications::{Channel, Notifications};
//!
//! # fn post(text: &str) -> Result<(), std::io::Error> { Ok(()) }
//! let registry = quipu::Registry::new();
//! let notifications = Notifications::register(&registry)?;
//!
//! let waiting = notifications.queue(Channel::Slack).put("P0 in checkout"); // goes through any channel
//! let text = waiting.take();
//!
//! let notification = notifications.start(Channel::Slack);
//! notification.record(&post(text));
//!
//! let line = "notifications_total{channel=\"slack\",status=\"success\"} 1\n";
//! assert!(registry.to_text().contains(line));
//! # Ok::<(), quipu::RegisterError>(())
//! ```

use crate::bounds;
use crate::jobs::Queue;
use crate::values::label_values;
use crate::work::{Status, Work, WorkSeries};
use quipu::{Counter, Family, Histogram, InFlightGauge, MetricSet, RegisterError, Registry};
use std::sync::Arc;

label_values! {
    /// The way that a notification takes.
    pub enum Channel {
        /// A mail.
        Email = "email",
        /// A message in Slack.
        Slack = "slack",
        /// A page by PagerDuty.
        PagerDuty = "pagerduty",
        /// A request to a URL.
        Webhook = "webhook",
        /// A text message.
        Sms = "sms",
        /// Any other.
        Other = "other",
    }
    else Other
}

/// The families of notifications. [`Notifications`] records into them.
#[derive(Debug, MetricSet)]
pub struct NotificationMetrics {
    /// Notifications that were sent, or were to be.
    #[metric(labels(channel: Channel, status: Status))]
    pub notifications_total: Family<Counter, NotificationLabels>,
    /// Time to deliver a notification, if that was not cancelled.
    #[metric(unit = "seconds", bounds = bounds::HTTP, labels(channel: Channel))]
    pub notification_delivery_duration_seconds: Family<Histogram, ChannelLabels>,
    /// Notifications that wait.
    pub notification_queue_size: Family<InFlightGauge, ChannelLabels>,
}

/// Tracks notifications. A clone is another handle to the same. The [module](self) has an example.
#[derive(Clone, Debug)]
pub struct Notifications(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: NotificationMetrics,
    channels: [(Arc<WorkSeries>, Queue); Channel::ALL.len()],
}

impl Notifications {
    /// Registers the families of notifications, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Notifications, RegisterError> {
        let metrics = NotificationMetrics::register(registry)?;
        let clock = registry.clock();
        let channels = core::array::from_fn(|n| {
            let channel = Channel::ALL[n];
            let ended = |status| metrics.notifications_total.handle(NotificationLabels { channel, status });
            let seconds = metrics.notification_delivery_duration_seconds.handle(ChannelLabels { channel });
            let size = metrics.notification_queue_size.handle(ChannelLabels { channel });
            (Arc::new(WorkSeries::new(clock, ended, seconds)), Queue::new(clock, size, None))
        });
        Ok(Notifications(Arc::new(Inner { metrics, channels })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &NotificationMetrics {
        &self.0.metrics
    }

    /// Starts to deliver a notification.
    pub fn start(&self, channel: Channel) -> Work {
        Work::start(self.0.channels[channel as usize].0.clone())
    }

    /// What waits to be sent this way.
    pub fn queue(&self, channel: Channel) -> &Queue {
        &self.0.channels[channel as usize].1
    }
}
