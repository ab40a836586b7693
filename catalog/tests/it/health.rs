//! The loop that asks a service how it is.

use quipu::Registry;
use quipu_catalog::health::{Health, ServiceState};
use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{advance, sleep};

const EVERY: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(2);

fn state(registry: &Registry) -> Option<f64> {
    registry.snapshot().value("service_health_status", &[("service_name", "db")])
}

/// A loop with this probe, and the registry in which it shows the state.
fn watch<F, R>(probe: F) -> (Registry, JoinHandle<()>)
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output: Into<ServiceState> + Send> + Send + 'static,
{
    let (registry, _) = quipu::testing::registry();
    let health = Health::register(&registry).unwrap();
    (registry, tokio::spawn(health.watch("db", EVERY, LONGEST, probe)))
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_the_state_until_the_next_one() {
    let mut states =
        [ServiceState::Healthy, ServiceState::Degraded, ServiceState::Down, ServiceState::Healthy].into_iter();
    let (registry, watch) = watch(move || ready(states.next().unwrap_or(ServiceState::Down)));
    for expected in [0.0, 1.0, 2.0, 0.0] {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(state(&registry), Some(expected));
        sleep(EVERY - Duration::from_secs(1)).await;
    }
    watch.abort();
    let _ = watch.await;
    assert_eq!(state(&registry), None, "nobody asks any more");
}

#[tokio::test(start_paused = true)]
async fn a_result_is_a_state_and_before_the_first_the_service_is_down() {
    let (registry, _watch) = watch(|| async {
        sleep(Duration::from_secs(1)).await;
        Ok::<_, ()>(())
    });
    yield_now().await;
    assert_eq!(state(&registry), Some(2.0));
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(state(&registry), Some(0.0));
}

/// Counts how many of it are there.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_down_and_dropped() {
    let (is_well, alive) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (registry, _watch) = watch({
        let (is_well, alive) = (is_well.clone(), alive.clone());
        move || {
            alive.fetch_add(1, Ordering::Relaxed);
            let (is_well, alive) = (is_well.load(Ordering::Relaxed), Alive(alive.clone()));
            async move {
                if !is_well {
                    pending::<()>().await;
                }
                drop(alive);
                Ok::<_, ()>(())
            }
        }
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(state(&registry), Some(0.0));
    is_well.store(false, Ordering::Relaxed);
    sleep(EVERY).await;
    assert_eq!(state(&registry), Some(0.0), "it has time to answer");
    sleep(LONGEST).await;
    assert_eq!((state(&registry), alive.load(Ordering::Relaxed)), (Some(2.0), 0));
    is_well.store(true, Ordering::Relaxed);
    sleep(EVERY).await;
    assert_eq!(state(&registry), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_is_down_wherever_it_panics() {
    for panics_early in [true, false] {
        let mut calls = 0;
        let (registry, _watch) = watch(move || {
            calls += 1;
            let panics = calls == 2;
            if panics && panics_early {
                std::panic::resume_unwind(Box::new("of a test"));
            }
            async move {
                if panics {
                    std::panic::resume_unwind(Box::new("of a test"));
                }
                Ok::<_, ()>(())
            }
        });
        for expected in [0.0, 2.0, 0.0] {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(state(&registry), Some(expected));
            sleep(EVERY - Duration::from_secs(1)).await;
        }
    }
}

/// What blocks a thread of its own hangs, and nothing else does.
#[test]
fn a_probe_that_blocks_a_thread_of_its_own_is_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (registry, _) = quipu::testing::registry();
    let health = Health::register(&registry).unwrap();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let probe = move || {
        let blocked = blocked.clone();
        // Until the sender is dropped.
        tokio::task::spawn_blocking(move || assert!(blocked.lock().unwrap().recv().is_err()))
    };
    runtime.spawn(health.watch("db", Duration::from_millis(5), Duration::from_millis(50), probe));
    let wait_for = |expected: f64| {
        for _ in 0..10_000 {
            if state(&registry) == Some(expected) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{:?}", state(&registry));
    };
    wait_for(2.0);
    drop(release);
    wait_for(0.0);
}

#[tokio::test(start_paused = true)]
async fn no_time_between_probes_is_a_millisecond() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (registry, _) = quipu::testing::registry();
    let counted = calls.clone();
    let probe = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(ServiceState::Healthy)
    };
    let watch = tokio::spawn(Health::register(&registry).unwrap().watch("db", Duration::ZERO, LONGEST, probe));
    for _ in 0..50 {
        advance(Duration::from_micros(200)).await;
    }
    assert!((5..=15).contains(&calls.load(Ordering::Relaxed)), "{calls:?}");
    watch.abort();
}

/// What a probe answers is understood by code of its own, which may panic.
#[tokio::test(start_paused = true)]
async fn an_answer_that_panics_is_one_of_a_service_that_is_down() {
    struct Answer(bool);
    impl From<Answer> for ServiceState {
        fn from(answer: Answer) -> ServiceState {
            assert!(answer.0, "as a test");
            ServiceState::Healthy
        }
    }
    let mut answers = [true, false, true].into_iter();
    let (registry, _watch) = watch(move || ready(Answer(answers.next().unwrap_or_default())));
    for expected in [0.0, 2.0, 0.0] {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(state(&registry), Some(expected));
        sleep(EVERY - Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_period_is_one_as_well() {
    let (registry, _) = quipu::testing::registry();
    let health = Health::register(&registry).unwrap();
    let watch = tokio::spawn(health.watch("db", Duration::MAX, Duration::MAX, || ready(ServiceState::Healthy)));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(state(&registry), Some(0.0));
    assert!(!watch.is_finished());
}
