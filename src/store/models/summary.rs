//! Summaries: the window slides while others record, and nothing is lost.

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::SummaryConfig;
use crate::store::series::summary::{SummaryHandle, SummaryLayout};
use core::time::Duration;

/// A summary of few buckets, whose window has two steps of a millisecond.
fn summary(clock: &ManualClock) -> Series {
    make_statics();
    let config = SummaryConfig {
        window: Duration::from_millis(2),
        steps: 2,
        relative_error: 0.5,
        range: [1.0, 1.5],
        ..SummaryConfig::DEFAULT
    };
    let summary = SummaryLayout::new(&config);
    let mut family = FamilyLayout::new(SlotLayout::Pairs(summary.pairs()), Box::default(), None, None);
    family.summary = Some(Box::new(summary));
    family.clock = Clock::Manual(clock.clone());
    Series::detached(Arc::new(family))
}

/// Threads record so many times each, two in all, before time goes on by a step; one reads, and may be first to come in a step.
fn a_window_slides<const N: usize>(lanes: usize, times: [usize; N]) {
    let clock = ManualClock::new();
    let series = summary(&clock);
    series.move_to_lanes();
    leave_lanes(lanes);
    let both = Arc::new((SummaryHandle::new(series), clock));
    let writers = times.map(|times| {
        run(&both, move |both| {
            let (summary, clock) = &**both;
            for _ in 0..times {
                summary.observe(1.0);
                clock.advance(Duration::from_millis(1));
            }
        })
    });
    let read = |(summary, _): &(SummaryHandle, ManualClock)| {
        let snapshot = summary.snapshot();
        // Of no bucket was more copied than it has now.
        assert!(snapshot.window_count() <= snapshot.count() && snapshot.sum() == snapshot.count() as f64);
        (snapshot.count(), snapshot.window_count())
    };
    let reader = run(&both, move |both| assert!(read(both).0 <= 2));
    writers.into_iter().for_each(join);
    join(reader);
    assert_eq!(read(&both).0, 2);
    both.1.advance(Duration::from_millis(2));
    assert_eq!(read(&both), (2, 0));
    join(run(&both, |both| both.0.observe(1.0)));
    assert_eq!(read(&both), (3, 1));
}

#[test]
fn loom_s7_a_window_slides_and_nothing_is_lost() {
    heavy_model(|| a_window_slides(0, [1, 1]));
}

#[test]
fn loom_s7_a_window_slides_and_nothing_is_lost_in_the_lanes() {
    // One thread, as two take many minutes.
    heavy_model(|| a_window_slides(1, [2]));
}
