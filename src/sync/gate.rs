//! The gate that every lock of ours passes, so that a `fork` finds none of them held.
//!
//! A child of `fork` has one thread. What another thread had locked, or was in the middle of initialising, would stay so in
//! the child for good. So a thread that forks first closes the gate and waits until nobody is inside; parent and child open it
//! again. Only the outermost lock of a thread passes the gate: a thread inside never waits at it, and so comes out.

#![allow(unsafe_code, reason = "to be called at a fork")]

/// While it lives, no other thread forks.
pub(crate) use imp::Pass;

/// Goes in. For whatever waits like a lock, but is none.
pub(crate) use imp::pass;

/// Goes in if that needs no waiting, and nothing was to be prepared for it.
pub(crate) use imp::try_pass;

pub(crate) use imp::{forks, in_child};

#[cfg(all(unix, not(miri), not(quipu_loom)))]
mod imp {
    use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
    use core::cell::Cell;
    use core::marker::PhantomData;
    use core::ptr;
    use std::time::Duration;

    /// The number of threads inside, and [`CLOSED`].
    static GATE: AtomicU32 = AtomicU32::new(0);

    /// Nobody goes in: a thread forks.
    const CLOSED: u32 = 1 << 31;

    static FORKS: AtomicU64 = AtomicU64::new(0);

    /// Whether the handlers are registered.
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);

    /// Null, or what the child calls.
    static IN_CHILD: AtomicPtr<fn()> = AtomicPtr::new(ptr::null_mut());

    // Without destructors, so that they work at any time of a thread's life.
    thread_local! {
        /// Passes that this thread holds; it is inside once.
        static DEPTH: Cell<u32> = const { Cell::new(0) };
        /// Whether this thread has closed the gate.
        static HAS_CLOSED: Cell<bool> = const { Cell::new(false) };
    }

    #[derive(Debug)]
    pub(crate) struct Pass(PhantomData<*const ()>);

    pub(crate) fn pass() -> Pass {
        let depth = DEPTH.get();
        if depth == 0 {
            // Before the thread is inside: registering takes a lock of the C library, which a thread that forks may hold.
            if !IS_REGISTERED.load(Ordering::Relaxed) {
                register();
            }
            go_in();
        }
        DEPTH.set(depth + 1);
        Pass(PhantomData)
    }

    pub(crate) fn try_pass() -> Option<Pass> {
        let depth = DEPTH.get();
        let is_inside = depth > 0 || (IS_REGISTERED.load(Ordering::Relaxed) && try_go_in());
        is_inside.then(|| {
            DEPTH.set(depth + 1);
            Pass(PhantomData)
        })
    }

    impl Drop for Pass {
        fn drop(&mut self) {
            let depth = DEPTH.get() - 1;
            DEPTH.set(depth);
            if depth == 0 {
                // Release pairs with the Acquire in `close`: what this thread did inside is done before the fork.
                GATE.fetch_sub(1, Ordering::Release);
            }
        }
    }

    fn go_in() {
        wait_until(try_go_in);
    }

    /// Fails when the gate is closed, and not because others go in or out at the same time.
    fn try_go_in() -> bool {
        let mut gate = GATE.load(Ordering::Relaxed);
        while gate & CLOSED == 0 {
            // Relaxed: what threads do inside, their locks order.
            match GATE.compare_exchange_weak(gate, gate + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => gate = now,
            }
        }
        false
    }

    /// By looking again and again, since a wait of the system's could not be carried over a fork.
    fn wait_until(is_done: impl Fn() -> bool) {
        let mut looks = 0;
        while !is_done() {
            looks += 1;
            if looks < 100 {
                std::thread::yield_now();
            } else {
                // A thread of lower priority may have to run first.
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    /// Without a `Once`, in the middle of which another thread could fork. So two threads may both register, and the handlers of
    /// one fork may run twice.
    #[cold]
    fn register() {
        // SAFETY: the handlers can be called at any fork. It fails for want of memory only; forks are then as if there was no gate.
        unsafe { libc::pthread_atfork(Some(close), Some(open), Some(open_in_child)) };
        IS_REGISTERED.store(true, Ordering::Relaxed);
    }

    /// Before the fork. A thread that forks inside (no code of ours does) waits for nobody, who may wait for what it holds.
    extern "C" fn close() {
        if HAS_CLOSED.get() || DEPTH.get() > 0 {
            return;
        }
        wait_until(|| GATE.fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0);
        HAS_CLOSED.set(true);
        // Acquire pairs with the Release in the drop of `Pass`.
        wait_until(|| GATE.load(Ordering::Acquire) == CLOSED);
    }

    extern "C" fn open() {
        if HAS_CLOSED.replace(false) {
            GATE.fetch_and(!CLOSED, Ordering::Relaxed);
        }
    }

    /// After the fork, in the child: its one thread is inside or not, and no other.
    extern "C" fn open_in_child() {
        HAS_CLOSED.set(false);
        GATE.store(DEPTH.get().min(1), Ordering::Relaxed);
        FORKS.fetch_add(1, Ordering::Relaxed);
        let hook = IN_CHILD.load(Ordering::Relaxed);
        // SAFETY: null, or a pointer to a static, from `in_child`.
        if let Some(hook) = unsafe { hook.as_ref() } {
            hook();
        }
    }

    /// Has the child of each fork call this function before anything else of ours runs there. For one caller: the store.
    #[inline]
    pub(crate) fn in_child(hook: &'static fn()) {
        if IN_CHILD.load(Ordering::Relaxed).is_null() {
            IN_CHILD.store(ptr::from_ref(hook).cast_mut(), Ordering::Relaxed);
        }
    }

    /// The forks between the first process and this one.
    pub(crate) fn forks() -> u64 {
        FORKS.load(Ordering::Relaxed)
    }
}

#[cfg(not(all(unix, not(miri), not(quipu_loom))))]
mod imp {
    #[derive(Debug)]
    pub(crate) struct Pass;

    pub(crate) fn pass() -> Pass {
        Pass
    }

    pub(crate) fn try_pass() -> Option<Pass> {
        Some(pass())
    }

    pub(crate) fn in_child(_: &'static fn()) {}

    pub(crate) fn forks() -> u64 {
        0
    }
}
