//! S4: nothing is freed that a pin keeps.

use super::*;
use crate::store::reclaim::retired::Retired;
use crate::sync::{Mutex, lock};

/// Removes the first entry, and frees it when it may.
fn remove_first(world: &World, family: &Family, fill: &mut Fill) {
    let entry = family.unlink(fill, 0);
    if world.pins.is_quiet() {
        Entry::free(entry);
    }
}

/// Reads an entry, if it is still there, under a pin of its own.
fn read_nth(family: &Family, pins: &Pins, row: usize, n: usize) {
    let _pin = pins.pin(row);
    let entry = family.list.get(n);
    if !entry.is_null() {
        Entry::read(entry);
    }
}

/// One thread removes an entry and frees it when it may; one searches, one walks.
fn removal(lanes: usize) {
    let search = |family: &Family, pins: &Pins, row| {
        let pin = pins.pin(row);
        let found = family.find(0, &pin);
        // A second pin of the same thread ends before the first.
        drop(pins.pin(row));
        found.map(Entry::read);
    };
    let walk = |family: &Family, pins: &Pins, row| read_nth(family, pins, row, 0);
    let (world, family) = read_while(lanes, 2, remove_first, [search, walk]);
    let pin = world.pins.pin(0);
    assert!(family.find(0, &pin).is_none());
    assert!(family.find(1, &pin).is_some());
}

#[test]
fn loom_s4_nothing_is_freed_under_the_pin_of_a_lane() {
    loom::model(|| removal(2));
}

#[test]
fn loom_s4_nothing_is_freed_under_a_pin_that_passes_on_with_its_lane() {
    loom::model(|| removal(1));
}

#[test]
fn loom_s4_nothing_is_freed_under_the_shared_pin() {
    loom::model(|| removal(0));
}

/// Frees what no thread can hold any more.
fn free(retired: &Mutex<Retired<*mut ()>>, pins: &Pins) {
    let period = lock(retired).close(pins);
    if let Some(period) = period.filter(|period| pins.has_ended(*period)) {
        lock(retired).take(period).into_iter().for_each(Entry::free);
    }
}

/// One thread removes two entries, one after the other, and frees when it may; one reads both, under two pins.
fn removal_of_two(lanes: usize) {
    let write = |world: &World, family: &Family, fill: &mut Fill| {
        let retired = Mutex::new(Retired::default());
        // The last time, a period can begin for what was unlinked under the first one.
        for n in [Some(0), Some(1), None] {
            n.map(|n| lock(&retired).push(family.unlink(fill, n)));
            free(&retired, &world.pins);
        }
    };
    let read = |family: &Family, pins: &Pins, row| [0, 1].into_iter().for_each(|n| read_nth(family, pins, row, n));
    read_while(lanes, 2, write, [read]);
}

#[test]
fn loom_s4_a_period_of_many_looks_frees_nothing_younger() {
    loom::model(|| removal_of_two(1));
}

#[test]
fn loom_s4_a_period_of_many_looks_frees_nothing_younger_under_the_shared_pin() {
    loom::model(|| removal_of_two(0));
}

/// After a period has ended, another thread may be first to take what waited for it, and then close a batch that a pin keeps.
#[test]
fn loom_s4_a_batch_is_not_taken_for_the_one_before() {
    loom::model(|| {
        let world = World::new();
        let (family, mut fill) = Family::new(2);
        let retired = Arc::new(Mutex::new(Retired::default()));
        lock(&retired).push(family.unlink(&mut fill, 0));
        let other = {
            let retired = retired.clone();
            spawn(&world, move |world| free(&retired, &world.pins))
        };
        let writer = {
            let family = family.clone();
            spawn(&world, move |world| {
                lock(&retired).push(family.unlink(&mut fill, 1));
                (0..2).for_each(|_| free(&retired, &world.pins));
            })
        };
        let reader = spawn(&world, move |world| read_nth(&family, &world.pins, 1, 1));
        [other, writer, reader].into_iter().for_each(join);
        assert!(world.pins.is_quiet());
    });
}

/// The writer of another family begins and ends periods at any time.
#[test]
fn loom_s4_families_share_their_periods() {
    loom::model(|| {
        let world = World::new();
        let (family, mut fill) = Family::new(1);
        let other = spawn(&world, |world| _ = world.pins.is_quiet());
        let writer = {
            let family = family.clone();
            spawn(&world, move |world| remove_first(world, &family, &mut fill))
        };
        // The other family's period may begin under the first pin, and end under the second.
        let reader = spawn(&world, move |world| (0..2).for_each(|_| read_nth(&family, &world.pins, 1, 0)));
        [other, writer, reader].into_iter().for_each(join);
        assert!(world.pins.is_quiet());
    });
}
