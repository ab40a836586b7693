//! Closes incidents that were resolved a while ago, and deletes old ones.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Desk;
use crate::incident::Change;
use crate::log::complain;
use crate::operations::Refusal;
use crate::store::StoreError;

const EVERY: Duration = Duration::from_secs(1);
/// How long people have to look at what was resolved. It is little, as it is a demonstration.
const CLOSE_AFTER: Duration = Duration::from_secs(2);
/// Incidents that are closed in one go.
const BATCH: u32 = 200;
/// Resolved incidents beyond the newest so many are deleted, so that the file stops growing.
const KEEP_RESOLVED: u32 = 10_000;

impl Desk {
    /// Keeps house until `stop` resolves.
    pub(crate) async fn keep_house(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            let block = self.operations.catalog.code.start_block("housekeeping");
            if let Err(error) = self.tidy().await {
                block.error();
                complain(&error);
            }
        }
    }

    async fn tidy(&self) -> Result<(), StoreError> {
        let store = &self.operations.store;
        let due = store.list(|database| database.resolved_before(due(), BATCH)).await?;
        if !due.is_empty() {
            let mut batch = self.operations.catalog.code.start_batch("close_resolved");
            for id in due {
                match self.operations.change(id, Change::Close).await {
                    Err(Refusal::Store(error)) if error.is_of_the_store() => return Err(error),
                    // Somebody was faster, or it was deleted.
                    closed => batch.record(&closed),
                }
            }
            batch.finish();
        }
        store.delete(|database| database.prune(KEEP_RESOLVED)).await
    }

    /// Waits until no job waits or is being done, and nothing is to be closed.
    pub(crate) async fn idle(&self) {
        loop {
            self.operations.queues.idle().await;
            let open = self.operations.store.list(|database| database.resolved_before(Timestamp::now(), 1)).await;
            if open.is_ok_and(|open| open.is_empty()) {
                return;
            }
            sleep(EVERY / 10).await;
        }
    }
}

fn due() -> Timestamp {
    Timestamp::now().checked_sub(CLOSE_AFTER).unwrap_or(Timestamp::MIN)
}
