//! Models: loom runs each of them in the orders that its threads can take, in CI those with up to three preemptions (two in
//! `exchange`), and with every value that a load may return.
//!
//! A model puts a few threads around the store's own code. What a thread must not touch at the wrong time is a
//! [`loom::cell::UnsafeCell`] in them, whose unordered uses loom reports.
//!
//! Threads that write are spawned before those that read, and the main thread only waits: loom looks for other orders where
//! an access conflicts with the *last* one to the same atomic, and so forgets a read when a writer reads its own cell.

mod exchange;
mod removal;

use crate::store::cells::block::{CELLS_PER_ROW, Cell};
use crate::store::cells::lane::{LaneAllocator, ROWS};
use crate::store::cells::shared::SharedSlot;
use crate::store::cells::slots::{LaneSlots, SlotLayout};
use crate::store::lookup::index::{Fill, Index, OldTable};
use crate::store::reclaim::pin::{Pin, Pins};
use crate::store::series::list::List;
use crate::sync::pair::Pair;
use core::ptr::NonNull;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use loom::thread;

const LANES: usize = ROWS - 1;

/// What a process has once.
struct World {
    lanes: LaneAllocator,
    slots: LaneSlots,
    pins: Pins,
}

impl World {
    fn new() -> Arc<World> {
        let world = World { lanes: LaneAllocator::new(), slots: LaneSlots::new(), pins: Pins::new() };
        world.slots.prepare();
        Arc::new(world)
    }

    /// The life of a thread that records with `owned` when it finds a lane, and with `shared` when it does not.
    fn short_thread(&self, owned: impl FnOnce(usize), shared: impl FnOnce()) {
        match self.lanes.claim(ROWS) {
            Some(row) => {
                owned(row * CELLS_PER_ROW);
                self.lanes.release(row);
            }
            None => shared(),
        }
    }

    /// A series that is not hot.
    fn cold(&self, layout: SlotLayout) -> Slots {
        let cells: Box<[AtomicU64; 2]> = Box::new([AtomicU64::new(0), AtomicU64::new(0)]);
        // SAFETY: leaked, so there for good, and zero.
        let shared = unsafe { SharedSlot::new(NonNull::from(Box::leak(cells)).cast()) };
        Slots { layout, shared, lanes: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// A series that has a slot in the lanes.
    fn hot(&self, layout: SlotLayout) -> Slots {
        let slots = self.cold(layout);
        self.move_to_lanes(&slots);
        assert!(slots.lanes().is_some());
        slots
    }

    fn move_to_lanes(&self, slots: &Slots) {
        self.slots.try_take(slots.layout, &self.lanes, &slots.lanes);
    }

    fn add(&self, slots: &Slots, n: u64) {
        let shared = || slots.shared.add(n);
        self.short_thread(|lane| slots.lanes().map_or_else(shared, |cell| cell.add_in(lane, n)), shared);
    }

    fn observe(&self, slots: &Slots, value: f64) {
        // SAFETY: the models call this with slots of pairs.
        let shared = || unsafe { slots.shared.observe(0, value) };
        // SAFETY: as above.
        let own = |cell: Cell, lane| unsafe { cell.observe_in(lane, value) };
        self.short_thread(|lane| slots.lanes().map_or_else(shared, |cell| own(cell, lane)), shared);
    }

    fn sum(&self, slots: &Slots) -> u64 {
        slots.lanes().map_or(0, |cell| cell.sum(&self.lanes)) + slots.shared.get()
    }

    fn snapshot(&self, slots: &Slots) -> Pair {
        // SAFETY: the models call this with slots of pairs.
        let shared = unsafe { slots.shared.get_pair(0) };
        let rows = self.lanes.rows().filter_map(|row| slots.lanes().map(|cell| (cell, row)));
        rows.fold(shared, |sum, (cell, row)| {
            // SAFETY: as above.
            let Pair { sum: value, count } = unsafe { cell.get_pair(row) };
            Pair { sum: sum.sum + value, count: sum.count + count }
        })
    }
}

/// The slots of a series.
struct Slots {
    layout: SlotLayout,
    shared: SharedSlot,
    lanes: AtomicPtr<AtomicU64>,
}

// SAFETY: atomics only.
unsafe impl Send for Slots {}
// SAFETY: as above.
unsafe impl Sync for Slots {}

impl Slots {
    fn lanes(&self) -> Option<Cell> {
        // Acquire pairs with the Release in `LaneSlots::try_take`.
        Cell::from_ptr(self.lanes.load(Ordering::Acquire))
    }
}

/// Runs `f` on a thread of its own, with the world.
fn spawn(world: &Arc<World>, f: impl FnOnce(&World) + 'static) -> thread::JoinHandle<()> {
    let world = world.clone();
    thread::spawn(move || f(&world))
}

/// As [`spawn`], with something else as well.
fn spawn_with<T: Send + Sync + 'static>(
    world: &Arc<World>,
    with: &Arc<T>,
    f: impl FnOnce(&World, &T) + 'static,
) -> thread::JoinHandle<()> {
    let with = with.clone();
    spawn(world, move |world| f(world, &with))
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().expect("the thread did not panic")
}

#[test]
fn loom_s1_a_row_has_one_owner() {
    loom::model(|| {
        let world = World::new();
        let rows: Arc<[UnsafeCell<()>; ROWS]> = Arc::new(core::array::from_fn(|_| UnsafeCell::new(())));
        let threads = [(); LANES + 1].map(|()| {
            let rows = rows.clone();
            spawn(&world, move |world| {
                // Touches what only one thread may touch at a time, and each only after the one before.
                world.short_thread(|lane| rows[lane / CELLS_PER_ROW].with_mut(|_| ()), || ());
            })
        });
        threads.into_iter().for_each(join);
        assert_eq!([(); ROWS].map(|()| world.lanes.claim(ROWS)), [Some(1), Some(2), None]);
    });
}

#[test]
fn loom_s3_the_next_owner_goes_on_from_the_values() {
    loom::model(|| {
        let world = World::new();
        let series = Arc::new(world.hot(SlotLayout::Number));
        // One free lane, so that it passes between the threads, or one of them finds none.
        assert_eq!(world.lanes.claim(ROWS), Some(1));
        let threads = [1, 10].map(|n| spawn_with(&world, &series, move |world, series| world.add(series, n)));
        threads.into_iter().for_each(join);
        world.lanes.release(1);
        world.add(&series, 100);
        assert_eq!(world.sum(&series), 111);
    });
}

#[test]
fn loom_s3_more_threads_than_lanes_share_a_slot() {
    loom::model(|| {
        let world = World::new();
        let series = Arc::new(world.hot(SlotLayout::Number));
        let float = Arc::new(world.cold(SlotLayout::Stripes));
        assert_eq!([(); LANES].map(|()| world.lanes.claim(ROWS)), [Some(1), Some(2)]);
        let [first, second] = [1, 10].map(|n| {
            let float = float.clone();
            spawn_with(&world, &series, move |world, series| {
                world.add(series, n);
                float.shared.update_float(|sum| Some(sum + n as f64));
            })
        });
        // Whoever knows of one thread's end sees what that one recorded.
        join(second);
        assert!(matches!(world.sum(&series), 10 | 11));
        join(first);
        assert_eq!(world.sum(&series), 11);
        assert_eq!(f64::from_bits(float.shared.get()), 11.0);
    });
}

#[test]
fn loom_s4_a_slot_is_reused_at_zero_and_out_of_reach() {
    /// Stands for a series: gives its slot back when the last reference to it is dropped.
    struct Series(Slots, Arc<World>);

    impl Drop for Series {
        fn drop(&mut self) {
            let cell = self.0.lanes().expect("it is hot");
            self.1.slots.give_back(cell, SlotLayout::Number, &self.1.lanes);
        }
    }

    loom::model(|| {
        let world = World::new();
        let series = Arc::new(Series(world.hot(SlotLayout::Number), world.clone()));
        let old_handle = spawn_with(&world, &series, |world, series| world.add(&series.0, 1));
        world.add(&series.0, 2);
        drop(series);
        let next = world.hot(SlotLayout::Number);
        assert_eq!(world.sum(&next), 0);
        world.add(&next, 4);
        join(old_handle);
        assert_eq!(world.sum(&next), 4);
    });
}

/// Stands for a series in an index or a list: good until it is freed.
struct Entry {
    hash: u64,
    is_good: UnsafeCell<bool>,
}

impl Entry {
    /// A few starts and fewer tags, so that searches meet other entries.
    fn hash_of(n: u64) -> u64 {
        n << 61 | n % 2
    }

    fn leak(n: u64) -> *mut () {
        let entry = Entry { hash: Entry::hash_of(n), is_good: UnsafeCell::new(true) };
        Box::into_raw(Box::new(entry)).cast()
    }

    fn of<'a>(raw: *mut ()) -> &'a Entry {
        // SAFETY: entries are leaked; `free` only marks them.
        unsafe { &*raw.cast::<Entry>() }
    }

    fn read(raw: *mut ()) -> u64 {
        let entry = Entry::of(raw);
        let is_good = entry.is_good.with(|is_good| {
            // SAFETY: loom reports a use that is not ordered.
            unsafe { *is_good }
        });
        assert!(is_good, "used after it was freed");
        entry.hash
    }

    fn free(raw: *mut ()) {
        Entry::of(raw).is_good.with_mut(|is_good| {
            // SAFETY: as in `read`.
            unsafe { *is_good = false }
        });
    }
}

/// What a family has, and the part of it that only its writer has.
struct Family {
    index: Index,
    list: List,
}

impl Family {
    /// With entries 0 to `entries`.
    fn new(entries: u64) -> (Arc<Family>, Fill) {
        let family = Family { index: Index::new(), list: List::new() };
        let mut fill = Fill::default();
        for n in 0..entries {
            assert!(family.insert(&mut fill, n).is_none(), "the first table has room");
        }
        (Arc::new(family), fill)
    }

    fn insert(&self, fill: &mut Fill, n: u64) -> Option<OldTable> {
        let (entry, hash) = (Entry::leak(n), Entry::hash_of(n));
        // SAFETY: each model has one writer.
        let old = unsafe { self.index.reserve(fill, hash, Entry::read) }.expect("there is memory");
        // SAFETY: as above, and there is room.
        unsafe { self.index.insert(fill, hash, entry) };
        self.push(entry);
        old
    }

    fn push(&self, entry: *mut ()) {
        self.list.reserve().expect("there is memory");
        self.list.push(entry);
    }

    fn find(&self, n: u64, _: &Pin<'_>) -> Option<*mut ()> {
        let hash = Entry::hash_of(n);
        // Another entry perhaps, but a whole one that is not freed.
        // SAFETY: the caller is pinned.
        unsafe { self.index.first(hash) }.map(Entry::read);
        // SAFETY: as above.
        unsafe { self.index.find(hash, |entry| Entry::read(entry) == hash) }
    }

    /// Takes entry `n` out of the index and the list.
    fn unlink(&self, fill: &mut Fill, n: usize) -> *mut () {
        let entry = self.list.get(n);
        // SAFETY: each model has one writer.
        let unlinked = unsafe { self.index.remove(fill, Entry::read(entry), |found| found == entry) };
        assert_eq!(unlinked, Some(entry));
        self.list.set(n, core::ptr::null_mut());
        entry
    }
}

/// Runs a writer and some readers. Each reader gets the row that it finds, with `lanes` lanes between them.
fn read_while<const N: usize>(
    lanes: usize,
    entries: u64,
    write: fn(&World, &Family, &mut Fill),
    readers: [fn(&Family, &Pins, usize); N],
) -> (Arc<World>, Arc<Family>) {
    let world = World::new();
    (lanes..LANES).for_each(|_| assert!(world.lanes.claim(ROWS).is_some()));
    let (family, mut fill) = Family::new(entries);
    let writer = {
        let family = family.clone();
        spawn(&world, move |world| write(world, &family, &mut fill))
    };
    let readers = readers.map(|read| {
        let family = family.clone();
        spawn(&world, move |world| {
            let read = |row| read(&family, &world.pins, row);
            world.short_thread(|lane| read(lane / CELLS_PER_ROW), || read(0));
        })
    });
    join(writer);
    readers.into_iter().for_each(join);
    assert!(world.pins.is_quiet(), "no pin is left");
    (world, family)
}

#[test]
fn loom_s2_segments_are_published_with_their_entries() {
    loom::model(|| {
        // Fills the first segment, and makes the second.
        let write = |_: &World, family: &Family, _: &mut Fill| (0..3).for_each(|n| family.push(Entry::leak(n)));
        let read = |family: &Family, _: &Pins, _| {
            for n in 0..family.list.len() {
                assert_eq!(Entry::read(family.list.get(n)), Entry::hash_of(n as u64));
            }
        };
        let (_, family) = read_while(0, 0, write, [read]);
        assert_eq!(family.list.len(), 3);
    });
}

#[test]
fn loom_a_vacant_place_is_filled_whole() {
    loom::model(|| {
        let write = |_: &World, family: &Family, _: &mut Fill| {
            family.list.set(0, core::ptr::null_mut());
            family.list.set(0, Entry::leak(1));
        };
        let read = |family: &Family, _: &Pins, _| {
            let entry = family.list.get(0);
            assert!(entry.is_null() || Entry::read(entry) <= Entry::hash_of(1));
        };
        read_while(0, 1, write, [read]);
    });
}

#[test]
fn loom_insertion_is_found_whole_or_not_at_all() {
    loom::model(|| {
        let write = |_: &World, family: &Family, fill: &mut Fill| assert!(family.insert(fill, 2).is_none());
        let read = |family: &Family, pins: &Pins, row| {
            let pin = pins.pin(row);
            let new = family.find(2, &pin);
            assert!(family.find(0, &pin).is_some());
            assert!(new.is_none() || family.find(2, &pin) == new);
        };
        let (world, family) = read_while(0, 1, write, [read]);
        assert!(family.find(2, &world.pins.pin(0)).is_some());
    });
}

#[test]
fn loom_an_entry_in_the_place_of_a_removed_one_is_found_whole() {
    loom::model(|| {
        let write = |_: &World, family: &Family, fill: &mut Fill| {
            family.unlink(fill, 0);
            assert!(family.insert(fill, 0).is_none(), "there is room");
        };
        let read = |family: &Family, pins: &Pins, row| {
            family.find(0, &pins.pin(row)).map(Entry::read);
        };
        let (world, family) = read_while(1, 1, write, [read]);
        assert!(family.find(0, &world.pins.pin(0)).is_some());
    });
}

/// One insertion begins to replace the table, the next one ends it. What is there all the while is found all the while.
fn growth(lanes: usize) {
    let write = |world: &World, family: &Family, fill: &mut Fill| {
        assert!(family.insert(fill, 2).is_none(), "the third entry is one too many");
        let old = family.insert(fill, 3).expect("the first table had one group");
        if world.pins.is_quiet() {
            drop(old);
        } else {
            core::mem::forget(old);
        }
    };
    let read = |family: &Family, pins: &Pins, row| {
        let pin = pins.pin(row);
        assert!(family.find(1, &pin).is_some());
        family.find(2, &pin).map(Entry::read);
    };
    let (world, family) = read_while(lanes, 2, write, [read]);
    let pin = world.pins.pin(0);
    assert!((0..4).all(|n| family.find(n, &pin).is_some()));
}

#[test]
fn loom_growth_hides_nothing_and_frees_nothing_in_use() {
    loom::model(|| growth(1));
}

#[test]
fn loom_growth_frees_nothing_in_use_under_the_shared_pin() {
    loom::model(|| growth(0));
}

/// An entry that was taken over stands in two tables.
#[test]
fn loom_a_removed_entry_is_in_neither_table() {
    loom::model(|| {
        let (world, (family, mut fill)) = (World::new(), Family::new(2));
        assert!(family.insert(&mut fill, 2).is_none(), "the third entry is one too many");
        let is_removed = Arc::new(AtomicU64::new(0));
        let writer = {
            let (family, is_removed) = (family.clone(), is_removed.clone());
            spawn(&world, move |_| {
                family.unlink(&mut fill, 1);
                is_removed.store(1, Ordering::Release);
                core::mem::forget(family.insert(&mut fill, 3));
            })
        };
        let reader = {
            let family = family.clone();
            spawn(&world, move |world| {
                let (is_removed, pin) = (is_removed.load(Ordering::Acquire), world.pins.pin(1));
                assert!(family.find(0, &pin).is_some());
                assert!(is_removed == 0 || family.find(1, &pin).is_none());
            })
        };
        [writer, reader].into_iter().for_each(join);
    });
}
