//! Asks the parts of the service how they are, and shows it.

use std::sync::Arc;
use std::time::Duration;

use quipu_catalog::health::ServiceState;

use crate::jobs::Desk;
use crate::log::complain;
use crate::store::BACKEND;

const EVERY: Duration = Duration::from_secs(1);
/// After this time a part that does not answer is down.
const WITHIN: Duration = Duration::from_millis(800);

/// Asks until `stop` resolves.
pub(crate) async fn watch(desk: Arc<Desk>, stop: impl Future<Output = ()>) {
    let health = desk.operations.catalog.health.clone();
    let of_database = desk.clone();
    let database = health.watch("database", EVERY, WITHIN, move || database(of_database.clone()));
    let of_queues = desk.clone();
    let queues = health.watch("queues", EVERY, WITHIN, move || {
        let is_behind = of_queues.operations.queues.is_behind();
        async move { if is_behind { ServiceState::Degraded } else { ServiceState::Healthy } }
    });
    let llm = health.watch("llm", EVERY, WITHIN, move || {
        let state = desk.llm.state();
        async move { state }
    });
    tokio::select! {
        () = stop => {}
        () = database => {}
        () = queues => {}
        () = llm => {}
    }
}

/// Writes a page, and looks how large the file is by now.
async fn database(desk: Arc<Desk>) -> ServiceState {
    let store = &desk.operations.store;
    let size = store.write(|database| {
        database.check()?;
        database.size()
    });
    match size.await {
        Ok(bytes) => {
            desk.operations.catalog.storage.set_size_bytes(BACKEND, bytes);
            ServiceState::Healthy
        }
        Err(error) => {
            complain(&error);
            ServiceState::Down
        }
    }
}
