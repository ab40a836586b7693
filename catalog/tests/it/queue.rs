//! What waits in queues, beside a plain list of it.

use proptest::prelude::*;
use quipu::testing::value;
use quipu_catalog::jobs::QueueName;
use quipu_catalog::notifications::Channel;
use std::sync::mpsc;
use std::time::Duration;

const QUEUE: [(&str, &str); 1] = [("queue_name", "standard")];

#[test]
fn items_left_in_a_closed_queue_wait_no_more_and_are_not_processed() {
    let (catalog, registry, clock) = crate::catalog();
    let queue = catalog.jobs.queue(QueueName::Standard);
    let (sender, receiver) = mpsc::channel();
    for n in 0..5 {
        sender.send(queue.put(n)).unwrap();
        clock.advance(Duration::from_secs(10));
    }
    // Closed for new ones, those that wait grow old and can be taken out.
    drop(sender);
    clock.advance(Duration::from_secs(50));
    assert_eq!(value(&registry, "jobs_queue_oldest_item_age_seconds", QUEUE), 100.0);
    let first = receiver.recv().unwrap();
    assert_eq!(*first.item(), 0);
    assert_eq!(first.take(), 0);
    let read = || {
        ["jobs_queue_depth", "jobs_queue_oldest_item_age_seconds", "queue_items_processed_total"]
            .map(|family| value(&registry, family, QUEUE))
    };
    assert_eq!(read(), [4.0, 90.0, 1.0]);
    // Nobody takes out the others.
    drop(receiver);
    assert_eq!(read(), [0.0, 0.0, 1.0]);
    assert_eq!(queue.oldest_age(), None);
}

#[test]
fn an_item_that_nobody_receives_any_more_comes_back_and_waits_no_more() {
    let (catalog, _, _) = crate::catalog();
    let queue = catalog.jobs.queue(QueueName::HighPriority);
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    assert!(sender.send(queue.put(1)).is_err());
    assert_eq!(queue.depth(), 0);
}

#[test]
fn notifications_wait_by_their_channel() {
    let (catalog, registry, _) = crate::catalog();
    let waiting = catalog.notifications.queue(Channel::Email).put(1);
    let size = || value(&registry, "notification_queue_size", [("channel", "email")]);
    assert_eq!(size(), 1.0);
    waiting.take();
    assert_eq!(size(), 0.0);
}

#[test]
fn threads_leave_nothing_behind() {
    let (catalog, registry, _) = crate::catalog();
    let queue = catalog.jobs.queue(QueueName::Standard);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut held = Vec::new();
                for n in 0..1_000 {
                    held.push(queue.put(n));
                    if n % 3 == thread % 3 {
                        held.swap_remove(n % held.len()).take();
                    }
                }
            });
        }
    });
    assert_eq!((queue.depth(), queue.oldest_age()), (0, None));
    assert!(value(&registry, "queue_items_processed_total", QUEUE) > 1_300.0);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Put,
    /// The item at this place, of those that wait.
    Take(prop::sample::Index),
    Drop(prop::sample::Index),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Put),
        1 => any::<prop::sample::Index>().prop_map(Step::Take),
        1 => any::<prop::sample::Index>().prop_map(Step::Drop),
        1 => (1..100u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn depth_and_age_are_those_of_a_list(steps in prop::collection::vec(step(), 0..80)) {
        let (catalog, registry, clock) = crate::catalog();
        let queue = catalog.jobs.queue(QueueName::Standard);
        let (mut now, mut processed, mut waiting) = (0, 0, Vec::new());
        for step in steps {
            match step {
                Step::Put => waiting.push((now, queue.put(now))),
                Step::Take(index) if !waiting.is_empty() => {
                    let (since, item) = waiting.remove(index.index(waiting.len()));
                    prop_assert_eq!(item.take(), since);
                    processed += 1;
                }
                Step::Drop(index) if !waiting.is_empty() => drop(waiting.remove(index.index(waiting.len()))),
                Step::Take(_) | Step::Drop(_) => {}
                Step::Wait(seconds) => {
                    clock.advance(Duration::from_secs(seconds));
                    now += seconds;
                }
            }
            let oldest = waiting.iter().map(|(since, _)| Duration::from_secs(now - since)).max();
            prop_assert_eq!((queue.depth(), queue.oldest_age()), (waiting.len() as u64, oldest));
        }
        prop_assert_eq!(value(&registry, "queue_items_processed_total", QUEUE), f64::from(processed));
    }
}
