//! What scrapes see of collectors that take their time.

use super::*;
use crate::model::Snapshot;
use crate::registry::Gather;
use crate::sync::Mutex;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};

/// No test takes so long.
const LONG: Duration = Duration::from_secs(60);

/// What the collector `a` shows, `quipu_collector_up`, and its timeouts.
type Shown = (Option<f64>, Option<f64>, f64);

/// A gauge `a`, read from a channel; 7 when that is closed.
struct Received {
    values: Receiver<f64>,
    timeout: Option<Duration>,
}

impl Collector for Received {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("a", "A.");
        self.timeout.map(|timeout| families.timeout(timeout));
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        samples.set("a", &[], self.values.recv().unwrap_or(7.0));
        Ok(())
    }
}

fn received(timeout: Option<Duration>) -> (Registry, Sender<f64>) {
    let (registry, (send, values)) = (Registry::new(), channel());
    registry.collect(Received { values, timeout }).unwrap();
    (registry, send)
}

async fn scrape(registry: &Registry, within: Duration) -> Shown {
    let gathered = crate::registry::collect(vec![registry.clone()], None, within).await;
    let mut snapshot = Snapshot::default();
    assert!(!Gather::new(gathered).step(&mut snapshot));
    let timeouts = [("collector", "a"), ("reason", "timeout")];
    let timeouts = snapshot.value("quipu_collector_errors_total", &timeouts).unwrap_or(0.0);
    (snapshot.value("a", &[]), snapshot.value("quipu_collector_up", &[("collector", "a")]), timeouts)
}

fn wait(scrape: impl Future<Output = Shown>) -> Shown {
    block_on(scrape, || Some(LONG)).unwrap()
}

/// What a scrape shows without waiting; `None` if it has to wait.
fn poll(scrape: impl Future<Output = Shown>) -> Option<Shown> {
    match pin!(scrape).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(shown) => Some(shown),
        Poll::Pending => None,
    }
}

#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG);
        thread::sleep(Duration::from_millis(1));
    }
}

type BoxedScrape = Pin<Box<dyn Future<Output = Shown> + Send>>;

/// A task as simple executors have them: its waker keeps it alive.
struct Task {
    _scrape: Mutex<BoxedScrape>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// The last reference to a waiting scrape may be the waker of another one.
#[test]
fn a_scrape_can_be_dropped_by_the_drop_of_another_one() {
    let (registry, send) = received(None);
    let begin = |waker: &Waker| {
        let registry = registry.clone();
        let mut scrape: BoxedScrape = Box::pin(async move { scrape(&registry, LONG).await });
        assert!(scrape.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        scrape
    };
    let waker = Waker::from(Arc::new(Task { _scrape: begin(Waker::noop()).into() }));
    let other = begin(&waker);
    drop(waker);
    let (done, is_done) = channel();
    thread::spawn(move || {
        drop(other);
        let _ = done.send(());
    });
    is_done.recv_timeout(LONG).expect("the drop waits for itself");
    drop(send);
    until(|| wait(scrape(&registry, LONG)).0 == Some(7.0));
}

#[test]
fn a_closure_is_read_at_each_scrape() {
    let registry = Registry::new();
    let mut n = 0;
    let read = move || {
        n += 1;
        n
    };
    registry.counter("a_total", "A.").collect(read).unwrap();
    registry.gauge("b_bytes", "B.").unit("bytes").collect(|| 0.5).unwrap();
    assert!(registry.to_text().contains("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"));
    let text = registry.to_text();
    assert!(text.contains("\na_total 2\n") && text.contains("b_bytes 0.5\n"), "{text}");
    assert!(text.contains("quipu_collector_up{collector=\"a_total\"} 1\n"), "{text}");
}

#[test]
fn what_comes_late_is_shown_once_by_the_next_scrape_that_waits_in_vain() {
    let (registry, send) = received(Some(Duration::from_millis(100)));
    let scrape = || scrape(&registry, LONG);
    assert_eq!(wait(scrape()), (None, Some(0.0), 1.0));
    // Nobody waits for the same call again.
    assert_eq!(poll(scrape()), Some((None, Some(0.0), 1.0)));
    // It ends, which can be seen by the next call: that waits for the second value.
    send.send(1.0).unwrap();
    until(|| match wait(scrape()) {
        (Some(1.0), Some(0.0), 2.0) => true,
        shown => {
            assert_eq!(shown, (None, Some(0.0), 1.0));
            false
        }
    });
    assert_eq!(poll(scrape()), Some((None, Some(0.0), 2.0)));
    // From here on, calls end at once.
    drop(send);
    until(|| matches!(wait(scrape()), (Some(7.0), Some(1.0), _)));
}

#[test]
fn a_scrape_that_does_not_wait_changes_nothing() {
    let (registry, send) = received(None);
    for n in (0..10).map(f64::from) {
        // It begins the call.
        let before = wait(scrape(&registry, Duration::from_nanos(1)));
        let good = if n > 0.0 { (Some(n - 1.0), Some(1.0), 0.0) } else { (None, None, 0.0) };
        assert_eq!(before, good);
        let mut patient = pin!(scrape(&registry, LONG));
        assert_eq!(poll(patient.as_mut()), None);
        assert_eq!(poll(scrape(&registry, Duration::ZERO)), Some(good));
        send.send(n).unwrap();
        assert_eq!(wait(patient), (Some(n), Some(1.0), 0.0));
    }
}

/// Tells the thread that drops it.
struct Tell(Sender<Option<String>>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().name().map(str::to_owned));
    }
}

#[test]
fn a_collector_that_is_unregistered_in_a_call_leaves_nothing_behind() {
    let (registry, (send, values), (tell, dropped)) = (Registry::new(), channel(), channel());
    let tell = Tell(tell);
    let read = move || {
        let _tell = &tell;
        values.recv().unwrap_or(7.0)
    };
    registry.gauge("a", "A.").collect(read).unwrap();
    let mut waits = Box::pin(scrape(&registry, LONG));
    assert_eq!(poll(waits.as_mut()), None);
    assert!(registry.unregister("a"));
    send.send(1.0).unwrap();
    // What the call yielded is still shown, but nothing is said about it.
    assert_eq!(wait(waits.as_mut()), (Some(1.0), None, 0.0));
    assert_eq!(wait(scrape(&registry, LONG)), (None, None, 0.0));
    // The scrape's reference may be the last one.
    drop(waits);
    assert_eq!(dropped.recv_timeout(LONG).unwrap().as_deref(), Some("quipu-collect"));
}
