//! A series: its cells, its key, and the text of its labels, in one allocation that its owners share.

use super::block::Cell;
use super::key::{Key, UNUSUAL, gap_around};
use super::slots::Form;
use crate::model::{Buckets, push_escaped_label_value};
use crate::sync::{AtomicUsize, Ordering, fence};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use std::sync::Arc;

/// What all series of a family have in common.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) form: Form,
    pub(crate) label_names: Box<[Box<str>]>,
    /// A histogram's bounds.
    pub(crate) buckets: Option<Buckets>,
    /// Where refused values are counted.
    pub(crate) rejected: Option<Series>,
}

/// An owner's share of a series.
///
/// S3, S4: the slot is given back when the last share is dropped, and every handle owns a share, so no handle can write into
/// a slot that has passed to another series.
pub struct Series(NonNull<Header>);

/// Start of the allocation. The *tail* follows: the text `a="x",b="y"`, and [`PADDING`]. When `lengths` is [`UNUSUAL`], because
/// there are many labels, or a value is long or had to be escaped, the length of each value in 32 bits stands before the
/// text, and the values as they were given after it.
#[repr(C)]
struct Header {
    shares: AtomicUsize,
    cell: Cell,
    shape: Arc<Shape>,
    lengths: u64,
    /// Without the padding.
    tail_len: u32,
    place: u32,
}

// SAFETY: a series is immutable but for its atomics, and `Shape` is shared between threads safely.
unsafe impl Send for Series {}
// SAFETY: as above.
unsafe impl Sync for Series {}

/// Readable bytes after the tail: a comparison may load eight bytes at a value's start.
const PADDING: usize = 7;

impl Series {
    /// Makes a series with a new slot. `values` are as many as the shape has label names; `place` is its place in the list.
    ///
    /// # Panics
    /// When the labels are longer than 4 GiB together.
    pub(super) fn new(shape: Arc<Shape>, key: &Key<'_>, place: usize) -> Series {
        let is_plain = |value: &&str| !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n'));
        let lengths = if key.values().iter().all(is_plain) { key.lengths } else { UNUSUAL };
        let tail = tail(&shape.label_names, key.values(), lengths == UNUSUAL);
        let header = Header {
            shares: AtomicUsize::new(1),
            cell: super::slots::SLOTS.take(shape.form),
            shape,
            lengths,
            tail_len: u32::try_from(tail.len()).expect("labels of one series are shorter than 4 GiB"),
            place: u32::try_from(place).expect("a family has fewer than 2^32 series"),
        };
        let layout = layout(tail.len());
        // SAFETY: the layout is not empty.
        let memory = unsafe { std::alloc::alloc(layout) }.cast::<Header>();
        let Some(memory) = NonNull::new(memory) else { std::alloc::handle_alloc_error(layout) };
        // SAFETY: freshly allocated with the size and alignment of a header.
        unsafe { memory.write(header) };
        // SAFETY: the tail follows the header in the same allocation.
        let start = unsafe { memory.add(1) }.cast::<u8>();
        // SAFETY: the allocation has room for the tail.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(&tail[..]).cast(), tail.len()) };
        // SAFETY: the padding follows the tail.
        let padding = unsafe { start.add(tail.len()) };
        // SAFETY: the allocation has room for the padding.
        unsafe { padding.write_bytes(0, PADDING) };
        Series(memory)
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the owner of a share keeps the allocation alive.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    fn tail(&self) -> &[u8] {
        let len = self.header().tail_len as usize;
        // SAFETY: the tail follows the header in the same allocation.
        let start = unsafe { self.0.add(1) }.cast::<u8>();
        // SAFETY: `new` initialised this many bytes there.
        unsafe { core::slice::from_raw_parts(start.as_ptr(), len) }
    }

    #[inline(always)]
    pub(crate) fn cell(&self) -> Cell {
        self.header().cell
    }

    #[inline(always)]
    pub(crate) fn shape(&self) -> &Arc<Shape> {
        &self.header().shape
    }

    /// The place in the list of its set.
    pub(crate) fn place(&self) -> usize {
        self.header().place as usize
    }

    /// The labels as they are exposed: `a="x",b="y"`, escaped; empty without labels.
    #[inline]
    pub(crate) fn text(&self) -> &str {
        let tail = self.tail();
        let text = if self.header().lengths == UNUSUAL { &tail[self.unusual_text()] } else { tail };
        // SAFETY: the text was put together from strings.
        unsafe { core::str::from_utf8_unchecked(text) }
    }

    /// Where the text is in the tail of an unusual series.
    #[cold]
    fn unusual_text(&self) -> core::ops::Range<usize> {
        let labels = self.shape().label_names.len();
        let raw: usize = (0..labels).map(|n| self.length(n)).sum();
        4 * labels..self.tail().len() - raw
    }

    /// Length of a value.
    fn length(&self, n: usize) -> usize {
        if self.header().lengths != UNUSUAL {
            return (self.header().lengths >> (16 * n)) as usize & 0xffff;
        }
        let length = self.tail()[4 * n..].first_chunk().expect("the tail starts with the lengths");
        u32::from_ne_bytes(*length) as usize
    }

    /// Whether the series has exactly these label values: a hash is never taken for a key.
    #[inline(always)]
    pub(super) fn has(&self, key: &Key<'_>, gaps: &[usize; 4]) -> bool {
        let lengths = self.header().lengths;
        if lengths == key.lengths && lengths != UNUSUAL {
            // SAFETY: the tail is the text, with the family's gaps and with values of the same lengths; padding follows.
            return unsafe { key.stands_in(self.tail().as_ptr(), gaps) };
        }
        // What had to be escaped may have usual lengths in the key.
        lengths == UNUSUAL && self.has_unusual(key.values())
    }

    #[cold]
    #[inline(never)]
    fn has_unusual(&self, values: &[&str]) -> bool {
        self.with_values(|mine| mine == values)
    }

    /// Calls `use_values` with the label values as they were given.
    pub(super) fn with_values<R>(&self, use_values: impl FnOnce(&[&str]) -> R) -> R {
        let names = &self.shape().label_names;
        let is_unusual = self.header().lengths == UNUSUAL;
        let mut rest = if is_unusual { &self.tail()[self.unusual_text().end..] } else { self.tail() };
        let values: Vec<&str> = (0..names.len())
            .map(|n| {
                let gap = if is_unusual { 0 } else { names[n].len() + gap_around(n) };
                let (value, after) = rest[gap..].split_at(self.length(n));
                rest = after;
                // SAFETY: these bytes were copied from a string of this length.
                unsafe { core::str::from_utf8_unchecked(value) }
            })
            .collect();
        use_values(&values)
    }

    /// Gives up the share for a pointer that stands for it.
    pub(super) fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes back the share that [`into_raw`](Self::into_raw) gave up.
    ///
    /// # Safety
    /// The pointer came from `into_raw`, and its share is taken back once.
    pub(super) unsafe fn from_raw(raw: *mut ()) -> Series {
        // SAFETY: `into_raw` made it from a pointer that is not null.
        Series(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

impl Clone for Series {
    fn clone(&self) -> Series {
        // Relaxed: whoever can clone has a share, which keeps the count from zero.
        let before = self.header().shares.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
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
        let layout = layout(self.header().tail_len as usize);
            super::slots::SLOTS.give_back(self.cell(), self.shape().form, &super::lane::ROSTER);
        // SAFETY: this was the last share, so nothing else refers to the header.
        unsafe { self.0.drop_in_place() };
        // SAFETY: allocated in `new` with the same layout.
        unsafe { std::alloc::dealloc(self.0.as_ptr().cast(), layout) };
    }
}

impl core::fmt::Debug for Series {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{{{}}}", self.text())
    }
}

fn layout(tail: usize) -> Layout {
    let tail = Layout::array::<u8>(tail + PADDING).expect("a tail is shorter than 4 GiB");
    Layout::new::<Header>().extend(tail).expect("a tail is shorter than 4 GiB").0
}

fn tail(names: &[Box<str>], values: &[&str], is_unusual: bool) -> Vec<u8> {
    debug_assert_eq!(names.len(), values.len());
    let mut tail = Vec::new();
    if is_unusual {
        for value in values {
            let length = u32::try_from(value.len()).expect("a label value is shorter than 4 GiB");
            tail.extend_from_slice(&length.to_ne_bytes());
        }
    }
    for (n, (name, value)) in names.iter().zip(values).enumerate() {
        if n > 0 {
            tail.push(b',');
        }
        tail.extend_from_slice(name.as_bytes());
        tail.extend_from_slice(br#"=""#);
        push_escaped_label_value(&mut tail, value);
        tail.push(b'"');
    }
    if is_unusual {
        values.iter().for_each(|value| tail.extend_from_slice(value.as_bytes()));
    }
    tail
}

/// A series that a pin or a lock keeps alive, without a share of its own.
pub(crate) struct Found<'a>(ManuallyDrop<Series>, PhantomData<&'a ()>);

impl Found<'_> {
    /// # Safety
    /// The pointer came from [`Series::into_raw`], and its share is not taken back during the lifetime.
    #[inline(always)]
    pub(super) unsafe fn new(raw: *mut ()) -> Self {
        // SAFETY: never dropped, so the share stays where it is.
        Found(ManuallyDrop::new(unsafe { Series::from_raw(raw) }), PhantomData)
    }
}

impl core::ops::Deref for Found<'_> {
    type Target = Series;
    #[inline(always)]
    fn deref(&self) -> &Series {
        &self.0
    }
}
