//! Slots in the lanes: how they are taken, given back, and come to a series that is in use.

use super::*;

/// Takes a slot in the lanes, as a series does.
fn take(layout: SlotLayout) -> Cell {
    let place = AtomicPtr::default();
    loop {
        SLOTS.prepare();
        SLOTS.try_take(layout, &LANES, &place);
        if let Some(cell) = Cell::from_ptr(place.load(Ordering::Relaxed)) {
            return cell;
        }
    }
}

/// The cells of a slot, of which one that is wider than a row has some in the next block.
fn cells(slot: Cell, layout: SlotLayout) -> impl Iterator<Item = Cell> {
    (0..layout.lane_cells()).map(move |n| {
        // SAFETY: the slot has this many cells.
        let block = unsafe { slot.in_block(n / CELLS_PER_ROW) };
        // SAFETY: as above.
        unsafe { block.offset(n % CELLS_PER_ROW) }
    })
}

/// Every value of the slots that are taken is still in them, whatever else was taken and given back.
fn check_slots(slots: &[(SlotLayout, Cell, u64)], row: usize) {
    for (layout, slot, mark) in slots {
        let values = cells(*slot, *layout).map(|cell| cell.get(row));
        assert!(values.zip(*mark..).all(|(value, expected)| value == expected), "{slots:?}");
    }
}

fn slot_layout() -> impl Strategy<Value = SlotLayout> {
    let pairs = prop_oneof![1..4usize, 1..40usize, 200..800usize].prop_map(SlotLayout::Pairs);
    prop_oneof![4 => Just(SlotLayout::Number), 2 => Just(SlotLayout::Stripes), 4 => pairs]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 64 }))]

    #[test]
    fn s4_slots_do_not_overlap_and_are_taken_at_zero(
        steps in prop::collection::vec((slot_layout(), any::<prop::sample::Index>(), prop::bool::weighted(0.7)), 1..STEPS),
    ) {
        let _alone = alone();
        let lane = claim_lane();
        let row = lane / CELLS_PER_ROW;
        let mut slots: Vec<(SlotLayout, Cell, u64)> = Vec::new();
        for (step, (layout, which, is_taking)) in steps.into_iter().enumerate() {
            if is_taking || slots.is_empty() {
                let mark = 1 + step as u64 * 10_000;
                let slot = take(layout);
                prop_assert!(!matches!(layout, SlotLayout::Pairs(_)) || slot.as_ptr().align_offset(16) == 0);
                for (cell, value) in cells(slot, layout).zip(mark..) {
                    prop_assert_eq!(cell.get(row), 0);
                    cell.add_in(lane, value);
                }
                slots.push((layout, slot, mark));
            } else {
                let given_back = slots.swap_remove(which.index(slots.len()));
                check_slots(&[given_back], row);
                SLOTS.give_back(given_back.1, given_back.0, &LANES);
            }
        }
        check_slots(&slots, row);
        slots.into_iter().for_each(|(layout, slot, _)| SLOTS.give_back(slot, layout, &LANES));
    }
}

/// What is recorded while a series gets a slot in the lanes is counted once, in every order of the two.
#[test]
fn s9_nothing_is_lost_when_a_series_moves_to_the_lanes() {
    let _alone = alone();
    let (integers, floats) = (set_of(SlotLayout::Number, &[]), set_of(SlotLayout::Stripes, &[]));
    let histograms = set_of(SlotLayout::Pairs(2), &[1.0]);
    for round in 0..ROUNDS / 40 + 1 {
        let name = round.to_string();
        let (count, amount) = (handle(&integers, &name), handle(&floats, &name));
        let sizes = HistogramHandle::new(series(&histograms, &name));
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    for n in 0..200 {
                        count.add(1);
                        amount.add_float(0.5);
                        sizes.observe((n % 2 * 2) as f64);
                    }
                });
            }
            barrier.wait();
            [&integers, &floats, &histograms].into_iter().for_each(|set| drop(hot(set, &name)));
        });
        assert_eq!((count.sum(), amount.sum_float()), (400, 200.0));
        let snapshot = sizes.snapshot();
        assert_eq!((snapshot.bucket_counts(), snapshot.sum()), (&[200, 200][..], 400.0));
    }
}

#[test]
fn s9_a_busy_series_gets_a_slot_in_the_lanes_and_others_do_not() {
    let _alone = alone();
    let sets = [SlotLayout::Number, SlotLayout::Stripes, SlotLayout::Pairs(2)].map(|layout| set_of(layout, &[]));
    let gauges = set_of(SlotLayout::Shared, &[]);
    for set in &sets {
        let (busy, quiet) = (series(set, "busy"), series(set, "quiet"));
        (0..100).for_each(|_| quiet.count_recording());
        // More often than once, as another thread may be taking a slot.
        (0..100_000).take_while(|_| busy.lanes().is_none()).for_each(|_| busy.count_recording());
        assert!(busy.lanes().is_some() && quiet.lanes().is_none());
    }
    let gauge = handle(&gauges, "");
    (0..5_000).for_each(|_| gauge.add_shared(1));
    assert!(series(&gauges, "").lanes().is_none());
}

#[test]
fn a_series_knows_when_it_was_made_and_frees_what_was_attached() {
    let set = set_of(SlotLayout::Number, &[]);
    let series = series(&set, "");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(u64::from(series.created()).abs_diff(now) < 60);
    let extra = Arc::new(());
    assert!(series.extra().is_none());
    assert!(series.attach(Box::new(extra.clone())).is::<Arc<()>>());
    // The first one stays.
    assert!(series.attach(Box::new(0)).is::<Arc<()>>() && series.extra().is_some_and(|extra| extra.is::<Arc<()>>()));
    assert!(set.remove(&[""]));
    drop(series);
    collect(&set);
    assert_eq!(Arc::strong_count(&extra), 1);
}
