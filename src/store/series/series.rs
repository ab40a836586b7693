//! A series: its cells, its key, and the text of its labels, in one allocation that its owners share.

use crate::clock::Clock;
use crate::model::{Buckets, push_escaped_label_value};
use crate::store::cells::block::Cell;
use crate::store::cells::slots::SlotLayout;
use crate::store::lookup::key::{self, Key, QUICK, SPELLED, separator, sum_of_lengths};
use crate::store::series::pool::POOL;
use crate::sync::pair::is_quick;
use crate::sync::{AtomicU32, Ordering, fence};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use std::sync::Arc;

/// What all series of a family have in common.
#[derive(Debug)]
pub(crate) struct FamilyLayout {
    pub(crate) form: SlotLayout,
    pub(crate) label_names: Box<[Box<str>]>,
    /// Length of what stands between the values in the text of the labels.
    separators_len: usize,
    /// A histogram's bounds.
    pub(crate) buckets: Option<Box<Buckets>>,
    /// Where refused values are counted.
    pub(crate) rejected: Option<Series>,
    /// What timers read.
    pub(crate) clock: Clock,
}

impl FamilyLayout {
    /// # Panics
    /// When there are buckets, but not a pair for each of them.
    pub(crate) fn new(
        form: SlotLayout,
        label_names: Box<[Box<str>]>,
        buckets: Option<Buckets>,
        rejected: Option<Series>,
    ) -> FamilyLayout {
        // Whoever finds a bucket by the table writes its pair the quick way.
        let buckets = buckets.map(|buckets| Box::new(if is_quick() { buckets } else { buckets.without_table() }));
        let has_pairs = |buckets: &Buckets| matches!(form, SlotLayout::Pairs(pairs) if buckets.count() <= pairs);
        assert!(buckets.as_deref().is_none_or(has_pairs), "a histogram has a pair for each bucket");
        let separators_len = label_names.iter().enumerate().map(|(n, name)| separator(n, name)).sum();
        FamilyLayout { form, label_names, separators_len, buckets, rejected, clock: Clock::default() }
    }
}

/// An owner's share of a series.
///
/// S3, S4: the slot is given back when the last share is dropped, and every handle owns a share, so no handle can write into
/// a slot that has passed to another series.
#[repr(transparent)]
pub struct Series(NonNull<Header>);

/// Start of the allocation. The *tail* follows: the text of the labels from the first value to the end of the last,
/// `GET",path="/",status="200`, escaped.
///
/// Of an *spelled* series (one with many labels, or with a value that is long or has to be escaped) the tail is: the length
/// of the text and the length of each value (32 bits each), the text, and the values as they were given.
#[repr(C)]
struct Header {
    shares: AtomicU32,
    /// The place in the list of its map; written under the map's lock, while nobody walks.
    place: AtomicU32,
    cell: Cell,
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
    /// Makes a series with a new slot. There are as many values as label names; `place` is its place in the list.
    ///
    /// # Panics
    /// When the labels are longer than 4 GiB.
    pub(in crate::store) fn new(family: Arc<FamilyLayout>, values: &[&str], place: usize) -> Series {
        let is_plain = |value: &&str| !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n'));
        let lengths = key::lengths(values).filter(|_| values.iter().all(is_plain)).unwrap_or(SPELLED);
        let tail = tail(&family.label_names, values, lengths == SPELLED);
        let header = Header {
            shares: AtomicU32::new(1),
            place: AtomicU32::new(place_number(place)),
            cell: crate::store::cells::slots::SLOTS.take(family.form),
            family,
            lengths,
        };
        let layout = layout(tail.len());
        let memory = POOL.allocate(layout).unwrap_or_else(|| std::alloc::handle_alloc_error(layout)).cast::<Header>();
        // SAFETY: freshly allocated with the size and alignment of a header.
        unsafe { memory.write(header) };
        // SAFETY: the tail follows the header in the same allocation.
        let start = unsafe { memory.add(1) }.cast::<u8>();
        // SAFETY: the allocation has room for the tail.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(&tail[..]).cast(), tail.len()) };
        Series(memory)
    }

    /// Makes a series that is in no map: only its handles know it. Its label values are empty.
    pub(crate) fn detached(family: Arc<FamilyLayout>) -> Series {
        let values = vec![""; family.label_names.len()];
        Series::new(family, &values, 0)
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the owner of a share keeps the allocation alive.
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

    /// Of an spelled series, the length of the text and those of the values.
    fn spelled_lengths(&self) -> &[[u8; 4]] {
        // SAFETY: the tail of an spelled series begins with these lengths.
        unsafe {
            core::slice::from_raw_parts(self.start_of_tail().as_ptr().cast(), 1 + self.family().label_names.len())
        }
    }

    #[inline(always)]
    pub(crate) fn cell(&self) -> Cell {
        self.header().cell
    }

    #[inline(always)]
    pub(crate) fn family(&self) -> &Arc<FamilyLayout> {
        &self.header().family
    }

    /// The bytes that it takes, without those in the lanes.
    pub(in crate::store) fn size(&self) -> usize {
        layout(self.tail_len()).size()
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
    /// `false` also for an spelled one, whose [`values`](Self::values) tell.
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

    /// Gives up the share for a pointer that stands for it.
    pub(in crate::store) fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes back the share that [`into_raw`](Self::into_raw) gave up.
    ///
    /// # Safety
    /// The pointer came from `into_raw`, and its share is taken back once.
    pub(in crate::store) unsafe fn from_raw(raw: *mut ()) -> Series {
        // SAFETY: `into_raw` made it from a pointer that is not null.
        Series(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

impl Clone for Series {
    fn clone(&self) -> Series {
        // Relaxed: whoever can clone has a share, or a pin that keeps the set's, so the count is not zero.
        let before = self.header().shares.fetch_add(1, Ordering::Relaxed);
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
        if self.header().shares.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            self.destroy();
        }
    }
}

impl Series {
    #[cold]
    fn destroy(&mut self) {
        let layout = layout(self.tail_len());
        crate::store::cells::slots::SLOTS.give_back(self.cell(), self.family().form, &crate::store::cells::lane::LANES);
        // SAFETY: this was the last share, so nothing else refers to the header.
        unsafe { self.0.drop_in_place() };
        // SAFETY: allocated in `new` with the same layout.
        unsafe { POOL.free(self.0.cast(), layout) };
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

fn layout(tail: usize) -> Layout {
    let tail = Layout::array::<u8>(tail).expect("a tail is shorter than 4 GiB");
    Layout::new::<Header>().extend(tail).expect("a tail is shorter than 4 GiB").0
}

fn tail(names: &[Box<str>], values: &[&str], is_unusual: bool) -> Vec<u8> {
    let mut text = String::new();
    for (n, (name, value)) in names.iter().zip(values).enumerate() {
        if n > 0 {
            text.push_str("\",");
            text.push_str(name);
            text.push_str("=\"");
        }
        push_escaped_label_value(&mut text, value);
    }
    let mut tail = Vec::new();
    if is_unusual {
        for length in core::iter::once(text.len()).chain(values.iter().map(|value| value.len())) {
            let length = u32::try_from(length).expect("labels of one series are shorter than 4 GiB");
            tail.extend_from_slice(&length.to_ne_bytes());
        }
    }
    tail.extend_from_slice(text.as_bytes());
    if is_unusual {
        values.iter().for_each(|value| tail.extend_from_slice(value.as_bytes()));
    }
    tail
}

/// A series that a pin or a lock keeps alive, without a share of its own: the pointer that stands for the share.
#[repr(transparent)]
pub(crate) struct SeriesRef<'a>(ManuallyDrop<Series>, PhantomData<&'a ()>);

impl SeriesRef<'_> {
    /// # Safety
    /// The pointer came from [`Series::into_raw`], and its share is not taken back during the lifetime.
    #[inline(always)]
    pub(in crate::store) unsafe fn new(raw: *mut ()) -> Self {
        // SAFETY: never dropped, so the share stays where it is.
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
