//! A series: its cells, its key, and the text of its labels, in one allocation that its owners share.

mod extra;
mod idle;
#[cfg(quipu_loom)]
mod model;

use extra::Extra;

use super::buckets::shared_buckets;
use super::limits::SharedLimits;
use super::pool::POOL;
use super::summary::{SummaryLayout, Window};
use crate::clock::Clock;
use crate::model::{Buckets, escaped, needs_escape};
use crate::store::cells::block::Cell;
use crate::store::cells::lane::LANES;
use crate::store::cells::shared::SharedSlot;
use crate::store::cells::slots::{SLOTS, SlotLayout};
use crate::store::lookup::key::{self, Key, QUICK, SPELLED, separator, sum_of_lengths};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use std::alloc::handle_alloc_error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// After about so many recordings a series gets a slot in the lanes.
const HOT: u32 = 1024;

/// One of so many later recordings tries again, when there was none. A power of two.
const TRIES: u32 = 64;

/// What all series of a family have in common.
#[derive(Debug)]
pub(crate) struct FamilyLayout {
    pub(crate) slots: SlotLayout,
    pub(crate) label_names: Box<[Box<str>]>,
    /// Length of what stands between the values in the text of the labels.
    separators_len: usize,
    /// A histogram's bounds, with those of other families that have the same.
    pub(crate) buckets: Option<Arc<Buckets>>,
    /// What a summary's series have in common.
    pub(crate) summary: Option<Box<SummaryLayout>>,
    /// Where refused values are counted.
    pub(crate) rejected: Option<Series>,
    /// What timers read.
    pub(crate) clock: Clock,
    /// A limit of memory, beyond which no series gets a slot in the lanes.
    pub(crate) shared: Option<Arc<SharedLimits>>,
}

impl FamilyLayout {
    /// # Panics
    /// When there are buckets, but not a pair for each of them.
    pub(crate) fn new(
        slots: SlotLayout,
        label_names: Box<[Box<str>]>,
        buckets: Option<Buckets>,
        rejected: Option<Series>,
    ) -> FamilyLayout {
        let buckets = buckets.map(shared_buckets);
        let has_pairs = |buckets: &Buckets| matches!(slots, SlotLayout::Pairs(pairs) if buckets.count() <= pairs);
        assert!(buckets.as_deref().is_none_or(has_pairs), "a histogram has a pair for each bucket");
        let separators_len = label_names.iter().enumerate().map(|(n, name)| separator(n, name)).sum();
        let (clock, summary, shared) = (Clock::default(), None, None);
        FamilyLayout { slots, label_names, separators_len, buckets, summary, rejected, clock, shared }
    }
}

/// An owner's reference to a series.
///
/// S3, S4: the slots are given back when the last reference is dropped, and every handle owns one, so no handle can write
/// into a slot that has passed to another series.
#[repr(transparent)]
pub struct Series(NonNull<Header>);

/// The middle of the allocation. Before it is the slot that all threads share; after it the *tail*: the text of the labels from
/// the first value to the end of the last, `GET",path="/",status="200`, escaped.
///
/// Of a *spelled* series (one with many labels, or with a value that is long or has to be escaped) the tail is: the length
/// of the text and the length of each value (32 bits each), the text, and the values as they were given.
#[repr(C)]
pub(in crate::store) struct Header {
    references: AtomicU32,
    /// The place in the list of its map; written under the map's lock, while nobody walks.
    place: AtomicU32,
    /// About how often the shared slot was written, for a series that may get one in the lanes. Threads overwrite each other's
    /// count, which only delays that. Of another series, whether it was used since that was last looked at.
    recorded: AtomicU32,
    /// Seconds of the Unix epoch.
    created: u32,
    /// The slot in the lanes, once there is one: the pointer of a [`Cell`].
    lanes: AtomicPtr<AtomicU64>,
    /// What only few series have: null, or a `Box<Extra>`.
    extra: AtomicPtr<Extra>,
    family: Arc<FamilyLayout>,
    /// The packed [lengths](key::lengths) of the values, or [`SPELLED`].
    lengths: u64,
}

// A comparison reads the eight bytes before the text without synchronisation: see `Pattern::difference`. So the last eight
// bytes of the header must never be written after it is made.
const _: () = assert!(core::mem::offset_of!(Header, lengths) + size_of::<u64>() == size_of::<Header>());

// SAFETY: a series is immutable but for its atomics, and `FamilyLayout` is shared between threads safely.
unsafe impl Send for Series {}
// SAFETY: as above.
unsafe impl Sync for Series {}

impl Series {
    /// Makes a series, with a shared slot at zero. There are as many values as label names; `place` is its place in the list.
    /// `None` when there is no memory.
    pub(in crate::store) fn new(family: Arc<FamilyLayout>, values: &[&str], place: usize) -> Option<Series> {
        SLOTS.prepare();
        let is_plain = values.iter().all(|value| !value.bytes().any(needs_escape));
        let lengths = key::lengths(values).filter(|_| is_plain).unwrap_or(SPELLED);
        let tail_len = tail_len(&family, values, lengths)?;
        let (layout, before) = layout(&family, tail_len)?;
        let start = POOL.allocate(layout)?;
        // SAFETY: the allocation has this many bytes.
        unsafe { start.write_bytes(0, layout.size()) };
        // SAFETY: as above.
        let header = unsafe { start.add(before) }.cast::<Header>();
        let value = Header {
            references: AtomicU32::new(1),
            place: AtomicU32::new(place_number(place)),
            recorded: AtomicU32::new(0),
            created: unix_seconds(),
            lanes: AtomicPtr::new(ptr::null_mut()),
            extra: AtomicPtr::new(ptr::null_mut()),
            family,
            lengths,
        };
        // SAFETY: the layout has room for a header there, aligned.
        unsafe { header.write(value) };
        let series = Series(header);
        #[cfg(quipu_loom)]
        series.make_cells();
        // SAFETY: zeroed above, and nobody else has the series yet.
        let tail = unsafe { core::slice::from_raw_parts_mut(series.start_of_tail().as_ptr(), tail_len) };
        write_tail(tail, &series.family().label_names, values, lengths);
        if let Some(summary) = &series.family().summary {
            series.attach(Box::new(Window::new(summary)?));
        }
        Some(series)
    }

    /// Makes a series that is in no map: only its handles know it. Its label values are empty.
    pub(crate) fn detached(family: Arc<FamilyLayout>) -> Series {
        let values = vec![""; family.label_names.len()];
        Series::new(family, &values, 0).unwrap_or_else(|| handle_alloc_error(Layout::new::<Header>()))
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the owner of a reference keeps the allocation alive.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    fn start_of_tail(&self) -> NonNull<u8> {
        // SAFETY: the tail follows the header in the same allocation.
        unsafe { self.0.add(1) }.cast()
    }

    /// All of the tail.
    #[inline(always)]
    fn tail(&self) -> &[u8] {
        // SAFETY: `new` initialised this many bytes there.
        unsafe { core::slice::from_raw_parts(self.start_of_tail().as_ptr(), self.tail_len()) }
    }

    #[inline(always)]
    fn tail_len(&self) -> usize {
        match self.header().lengths {
            SPELLED => self.spelled_tail_len(),
            lengths => self.family().separators_len + sum_of_lengths(lengths),
        }
    }

    #[cold]
    fn spelled_tail_len(&self) -> usize {
        let lengths = self.spelled_lengths();
        lengths.iter().map(|length| u32::from_ne_bytes(*length) as usize).sum::<usize>() + size_of_val(lengths)
    }

    /// Of a spelled series, the length of the text and those of the values.
    fn spelled_lengths(&self) -> &[[u8; 4]] {
        // SAFETY: the tail of a spelled series begins with these lengths.
        unsafe {
            core::slice::from_raw_parts(self.start_of_tail().as_ptr().cast(), 1 + self.family().label_names.len())
        }
    }

    /// The slot that all threads share.
    #[inline(always)]
    pub(in crate::store) fn shared(&self) -> SharedSlot {
        // SAFETY: the slot ends where the header begins.
        let first = unsafe { self.0.cast::<AtomicU64>().sub(self.family().slots.shared_cells()) };
        // SAFETY: zeroed by `new`, aligned by `layout`; the caller's reference keeps it while it is used.
        unsafe { SharedSlot::new(first) }
    }

    /// The first cell of the shared slot, of a series whose slot is one cell.
    #[inline(always)]
    pub(in crate::store) fn shared_cell(&self) -> SharedSlot {
        // SAFETY: as in `shared`.
        let first = unsafe { self.0.cast::<AtomicU64>().sub(1) };
        // SAFETY: as in `shared`.
        unsafe { SharedSlot::new(first) }
    }

    /// The slot in the lanes, if there is one. Of two calls of which one follows the other, the later one returns it as well.
    #[inline(always)]
    pub(in crate::store) fn lanes(&self) -> Option<Cell> {
        // Acquire pairs with the Release in `LaneSlots::try_take`: the slot is zero in all lanes.
        Cell::from_ptr(self.header().lanes.load(Ordering::Acquire))
    }

    /// Counts a recording in the shared slot; now and then one of a busy series takes a slot in the lanes.
    #[inline(always)]
    pub(in crate::store) fn count_recording(&self) {
        let recorded = &self.header().recorded;
        let count = recorded.load(Ordering::Relaxed).wrapping_add(1);
        recorded.store(count, Ordering::Relaxed);
        if count.is_multiple_of(TRIES) && count >= HOT {
            self.move_to_lanes();
        }
    }

    /// Takes a slot in the lanes, if one is at hand. What is recorded from now on goes there (S9).
    #[cold]
    #[inline(never)]
    pub(in crate::store) fn move_to_lanes(&self) {
        if self.family().shared.as_ref().is_none_or(|shared| shared.has_bytes_for_lanes()) {
            SLOTS.try_take(self.family().slots, &LANES, &self.header().lanes);
        }
    }

    /// When the series was made, in seconds of the Unix epoch.
    pub(crate) fn created(&self) -> u32 {
        self.header().created
    }

    #[inline(always)]
    pub(crate) fn family(&self) -> &Arc<FamilyLayout> {
        &self.header().family
    }

    /// The bytes that it takes, without those in the lanes.
    pub(in crate::store) fn size(&self) -> usize {
        let window_bytes = self.family().summary.as_ref().map_or(0, |summary| summary.window_bytes());
        layout(self.family(), self.tail_len()).map_or(0, |(layout, _)| layout.size()) + window_bytes
    }

    /// The place in the list of its map.
    pub(crate) fn place(&self) -> usize {
        self.header().place.load(Ordering::Relaxed) as usize
    }

    /// For the holder of the map's lock, while nobody walks.
    pub(in crate::store) fn set_place(&self, place: usize) {
        self.header().place.store(place_number(place), Ordering::Relaxed);
    }

    /// The text of the labels, from the first value to the end of the last.
    #[inline(always)]
    pub(crate) fn labels(&self) -> &str {
        let text = match self.header().lengths {
            SPELLED => self.spelled_parts().0,
            _ => self.tail(),
        };
        // SAFETY: the text was put together from strings.
        unsafe { core::str::from_utf8_unchecked(text) }
    }

    /// The text, and what follows it.
    #[cold]
    fn spelled_parts(&self) -> (&[u8], &[u8]) {
        let lengths = self.spelled_lengths();
        self.tail()[size_of_val(lengths)..].split_at(u32::from_ne_bytes(lengths[0]) as usize)
    }

    /// Whether the series has exactly these label values, which are as many as it has (a hash is never taken for a key).
    /// `false` also for a spelled one, whose [`values`](Self::values) tell.
    #[inline(always)]
    pub(in crate::store) fn matches<const N: usize>(&self, key: &Key<'_, N>, separators: &[usize; QUICK]) -> bool {
        self.header().lengths == key.lengths
            // SAFETY: the tail is the text, with the family's separators and values of the same lengths, after the header. (Safe with
            // another number of values, too, though the answer would be wrong: of fewer, a beginning is compared; more would
            // be empty, without separators, at the end.)
            && unsafe { key.matches_at(self.start_of_tail().as_ptr(), separators) }
    }

    /// The label values as they were given.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        let packed = self.header().lengths;
        let mut rest = if packed == SPELLED { self.spelled_parts().1 } else { self.tail() };
        self.family().label_names.iter().enumerate().map(move |(n, name)| {
            let (separator, len) = match packed {
                SPELLED => (0, u32::from_ne_bytes(self.spelled_lengths()[1 + n]) as usize),
                _ => (separator(n, name), key::length(packed, n)),
            };
            let (value, after) = rest[separator..].split_at(len);
            rest = after;
            // SAFETY: these bytes were copied from a string of this length.
            unsafe { core::str::from_utf8_unchecked(value) }
        })
    }

    /// The pointer that would stand for the reference.
    pub(in crate::store) fn as_raw(&self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// Gives up the reference for a pointer that stands for it.
    pub(in crate::store) fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes back the reference that [`into_raw`](Self::into_raw) gave up.
    ///
    /// # Safety
    /// The pointer came from `into_raw`, and its reference is taken back once.
    pub(in crate::store) unsafe fn from_raw(raw: *mut ()) -> Series {
        // SAFETY: `into_raw` made it from a pointer that is not null.
        Series(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

impl Clone for Series {
    fn clone(&self) -> Series {
        // Relaxed: whoever can clone has a reference, or a pin that keeps the map's, so the count is not zero.
        let before = self.header().references.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // Only leaked handles get here; going on would wrap the count and free a series in use.
            std::process::abort();
        }
        Series(self.0)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        // Release pairs with the Acquire below: what each owner did, it did before the last one gives the slot back.
        if self.header().references.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            self.destroy();
        }
    }
}

impl Series {
    #[cold]
    fn destroy(&mut self) {
        let (layout, before) = layout(self.family(), self.tail_len()).expect("the layout that it was made with");
        if let Some(cell) = self.lanes() {
            SLOTS.give_back(cell, self.family().slots, &LANES);
        }
        let extra = self.header().extra.load(Ordering::Relaxed);
        if !extra.is_null() {
            // SAFETY: `attach` leaked it; this was the last reference to the series.
            drop(unsafe { Box::from_raw(extra) });
        }
        #[cfg(quipu_loom)]
        self.forbid_use();
        // SAFETY: this was the last reference, so nothing else refers to the header.
        unsafe { self.0.drop_in_place() };
        // SAFETY: the allocation begins there.
        let start = unsafe { self.0.cast::<u8>().sub(before) };
        // SAFETY: allocated in `new` with the same layout.
        unsafe { POOL.free(start, layout) };
    }
}

impl core::fmt::Debug for Series {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

fn place_number(place: usize) -> u32 {
    u32::try_from(place).expect("a family has fewer than 2^32 series")
}

/// The layout of a series' allocation, and the bytes before its header. `None` when it is too large for any memory.
fn layout(family: &FamilyLayout, tail_len: usize) -> Option<(Layout, usize)> {
    let slot = Layout::array::<AtomicU64>(family.slots.shared_cells()).ok()?;
    let slot = slot.align_to(if matches!(family.slots, SlotLayout::Pairs(_)) { 16 } else { 8 }).ok()?;
    let (with_header, before) = slot.extend(Layout::new::<Header>()).ok()?;
    let tail = Layout::array::<u8>(tail_len).ok()?;
    Some((with_header.extend(tail).ok()?.0, before))
}

/// The length of a tail. `None` when its lengths do not fit 32 bits.
fn tail_len(family: &FamilyLayout, values: &[&str], lengths: u64) -> Option<usize> {
    if lengths != SPELLED {
        return Some(family.separators_len + sum_of_lengths(lengths));
    }
    let raw: usize = values.iter().map(|value| value.len()).sum();
    let fits = u32::try_from(text_len(&family.label_names, values)).is_ok() && u32::try_from(raw).is_ok();
    fits.then(|| size_of::<u32>() * (1 + values.len()) + text_len(&family.label_names, values) + raw)
}

/// The length of the text of the labels, from the first value to the end of the last.
fn text_len(names: &[Box<str>], values: &[&str]) -> usize {
    let escapes = |value: &str| value.bytes().filter(|byte| needs_escape(*byte)).count();
    names
        .iter()
        .zip(values)
        .enumerate()
        .map(|(n, (name, value))| separator(n, name) + value.len() + escapes(value))
        .sum()
}

/// Fills the tail of a series, which is as long as [`tail_len`] says.
fn write_tail(tail: &mut [u8], names: &[Box<str>], values: &[&str], lengths: u64) {
    let mut rest = tail;
    let mut push = |bytes: &[u8]| {
        let (start, after) = core::mem::take(&mut rest).split_at_mut(bytes.len());
        start.copy_from_slice(bytes);
        rest = after;
    };
    if lengths == SPELLED {
        for length in core::iter::once(text_len(names, values)).chain(values.iter().map(|value| value.len())) {
            push(&(length as u32).to_ne_bytes());
        }
    }
    for (n, (name, value)) in names.iter().zip(values).enumerate() {
        if n > 0 {
            ["\",", &**name, "=\""].into_iter().for_each(|part| push(part.as_bytes()));
        }
        if value.bytes().any(needs_escape) {
            escaped(value).for_each(|byte| push(&[byte]));
        } else {
            push(value.as_bytes());
        }
    }
    if lengths == SPELLED {
        values.iter().for_each(|value| push(value.as_bytes()));
    }
    debug_assert!(rest.is_empty());
}

fn unix_seconds() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

/// A series that a pin or a lock keeps alive, without a reference of its own: the pointer that stands for one.
#[repr(transparent)]
pub(crate) struct SeriesRef<'a>(ManuallyDrop<Series>, PhantomData<&'a ()>);

impl Series {
    #[inline(always)]
    pub(in crate::store) fn by_ref(&self) -> SeriesRef<'_> {
        SeriesRef(ManuallyDrop::new(Series(self.0)), PhantomData)
    }
}

impl SeriesRef<'_> {
    /// # Safety
    /// The pointer came from [`Series::into_raw`], and its reference is not taken back during the lifetime.
    #[inline(always)]
    pub(in crate::store) unsafe fn new(raw: *mut ()) -> Self {
        // SAFETY: never dropped, so the reference stays where it is.
        SeriesRef(ManuallyDrop::new(unsafe { Series::from_raw(raw) }), PhantomData)
    }
}

impl core::ops::Deref for SeriesRef<'_> {
    type Target = Series;
    #[inline(always)]
    fn deref(&self) -> &Series {
        &self.0
    }
}
