//! Sixteen bytes at once.

#[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable))))]
pub(in crate::store) use portable::Vector;
#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
pub(in crate::store) use sse2::Vector;

#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
mod sse2 {
    use core::arch::x86_64::*;

    /// Sixteen bytes, in a register of SSE2, which is part of x86-64.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Vector(__m128i);

    impl Vector {
        #[inline(always)]
        pub(crate) fn zero() -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_setzero_si128() })
        }

        /// The word, then zeros.
        #[inline(always)]
        pub(crate) fn of_word(word: u64) -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_cvtsi64_si128(word.cast_signed()) })
        }

        /// Eight bytes, then zeros.
        ///
        /// # Safety
        /// They can be read.
        #[inline(always)]
        pub(crate) unsafe fn of_eight(bytes: *const u8) -> Vector {
            // SAFETY: passed on; see `Vector`.
            Vector(unsafe { _mm_loadl_epi64(bytes.cast()) })
        }

        /// # Safety
        /// Sixteen bytes can be read.
        #[inline(always)]
        pub(crate) unsafe fn of_sixteen(bytes: *const u8) -> Vector {
            // SAFETY: passed on; see `Vector`.
            Vector(unsafe { _mm_loadu_si128(bytes.cast()) })
        }

        /// The low half of this one, then that of another.
        #[inline(always)]
        pub(crate) fn with_high(self, high: Vector) -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_unpacklo_epi64(self.0, high.0) })
        }

        /// Each half without its lowest bits, as many as the low half of `bits` says, from 0 to 64.
        #[inline(always)]
        pub(crate) fn shifted_right(self, bits: Vector) -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_srl_epi64(self.0, bits.0) })
        }

        #[inline(always)]
        pub(crate) fn is_zero(self) -> bool {
            // SAFETY: see `Vector`.
            let zeros = unsafe { _mm_cmpeq_epi8(self.0, Vector::zero().0) };
            // SAFETY: see `Vector`.
            unsafe { _mm_movemask_epi8(zeros) == 0xffff }
        }
    }

    impl core::ops::BitXor for Vector {
        type Output = Vector;
        #[inline(always)]
        fn bitxor(self, other: Vector) -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_xor_si128(self.0, other.0) })
        }
    }

    impl core::ops::BitOr for Vector {
        type Output = Vector;
        #[inline(always)]
        fn bitor(self, other: Vector) -> Vector {
            // SAFETY: see `Vector`.
            Vector(unsafe { _mm_or_si128(self.0, other.0) })
        }
    }
}

/// The same by words.
#[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable))))]
mod portable {
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Vector([u64; 2]);

    impl Vector {
        #[inline(always)]
        pub(crate) fn zero() -> Vector {
            Vector([0; 2])
        }

        #[inline(always)]
        pub(crate) fn of_word(word: u64) -> Vector {
            Vector([word, 0])
        }

        /// # Safety
        /// Eight bytes can be read.
        #[inline(always)]
        pub(crate) unsafe fn of_eight(bytes: *const u8) -> Vector {
            // SAFETY: passed on.
            Vector([u64::from_le_bytes(unsafe { bytes.cast::<[u8; 8]>().read() }), 0])
        }

        /// # Safety
        /// Sixteen bytes can be read.
        #[inline(always)]
        pub(crate) unsafe fn of_sixteen(bytes: *const u8) -> Vector {
            // SAFETY: passed on.
            Vector(unsafe { bytes.cast::<[[u8; 8]; 2]>().read() }.map(u64::from_le_bytes))
        }

        #[inline(always)]
        pub(crate) fn with_high(self, high: Vector) -> Vector {
            Vector([self.0[0], high.0[0]])
        }

        #[inline(always)]
        pub(crate) fn shifted_right(self, bits: Vector) -> Vector {
            Vector(self.0.map(|half| half.checked_shr(bits.0[0] as u32).unwrap_or(0)))
        }

        #[inline(always)]
        pub(crate) fn is_zero(self) -> bool {
            self.0 == [0; 2]
        }
    }

    impl core::ops::BitXor for Vector {
        type Output = Vector;
        #[inline(always)]
        fn bitxor(self, other: Vector) -> Vector {
            Vector([self.0[0] ^ other.0[0], self.0[1] ^ other.0[1]])
        }
    }

    impl core::ops::BitOr for Vector {
        type Output = Vector;
        #[inline(always)]
        fn bitor(self, other: Vector) -> Vector {
            Vector([self.0[0] | other.0[0], self.0[1] | other.0[1]])
        }
    }
}
