//! Counts the messages in a body, without keeping any of it.

/// Before each message: whether it is compressed, and how long it is.
const PREFIX: u8 = 5;

/// Where in the messages of a body the next byte stands. Each has a prefix of one byte and a length of four, most significant first; pieces of a
/// body begin and end anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    /// How many bytes of the prefix have come; all of them while a message is under way.
    prefix: u8,
    /// What is known of the length; then, how much of the message is still to come.
    remaining: u32,
}

impl Frames {
    /// The number of messages that end in `bytes`, which come next.
    #[inline]
    pub(super) fn completed_by(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0;
        // Mostly a whole prefix and a whole message come at once.
        while let (0, Some((prefix, rest))) = (self.prefix, bytes.split_first_chunk::<5>()) {
            let [_, length @ ..] = *prefix;
            let length = u32::from_be_bytes(length);
            match rest.split_at_checked(length as usize) {
                Some((_, rest)) => bytes = rest,
                None => {
                    *self = Frames { prefix: PREFIX, remaining: length - rest.len() as u32 };
                    return messages;
                }
            }
            messages += 1;
        }
        match bytes {
            [] => messages,
            _ => messages + self.completed_by_parts(bytes),
        }
    }

    #[cold]
    fn completed_by_parts(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0;
        loop {
            while self.prefix < PREFIX {
                let Some((&byte, rest)) = bytes.split_first() else { return messages };
                // The first byte says whether the message is compressed, and goes out at the top.
                self.remaining = self.remaining << 8 | u32::from(if self.prefix == 0 { 0 } else { byte });
                self.prefix += 1;
                bytes = rest;
            }
            match bytes.split_at_checked(self.remaining as usize) {
                Some((_, rest)) => bytes = rest,
                None => {
                    self.remaining -= bytes.len() as u32;
                    return messages;
                }
            }
            *self = Frames::default();
            messages += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn body(lengths: &[usize]) -> Vec<u8> {
        let message = |&length: &usize| {
            let prefix = (length as u32).to_be_bytes();
            std::iter::once(1).chain(prefix).chain(std::iter::repeat_n(7, length))
        };
        lengths.iter().flat_map(message).collect()
    }

    /// How many messages have ended after so many bytes.
    fn ended(lengths: &[usize], bytes: usize) -> u64 {
        let ends = lengths.iter().scan(0, |end, length| {
            *end += 5 + length;
            Some(*end)
        });
        ends.filter(|&end| end <= bytes).count() as u64
    }

    proptest! {
        #[test]
        fn messages_count_when_their_last_byte_has_come(
            lengths in vec(prop_oneof![0..4_usize, 0..700_usize], 0..20),
            cuts in vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let body = body(&lengths);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.push(body.len());
            cuts.sort_unstable();
            let (mut frames, mut at, mut messages) = (Frames::default(), 0, 0);
            for cut in cuts {
                messages += frames.completed_by(&body[at..cut]);
                at = cut;
                prop_assert_eq!(messages, ended(&lengths, at));
            }
            prop_assert_eq!(frames, Frames::default());
        }
    }

    #[test]
    fn every_byte_alone_makes_the_same_count() {
        let lengths = [0, 1, 300, 0, 70_000];
        let mut frames = Frames::default();
        let counts: u64 = body(&lengths).chunks(1).map(|byte| frames.completed_by(byte)).sum();
        assert_eq!(counts, 5);
    }

    #[test]
    fn a_message_of_4_gib_is_waited_for() {
        let mut frames = Frames::default();
        assert_eq!(frames.completed_by(&[0, 255, 255, 255, 255, 1, 2, 3]), 0);
        assert_eq!(frames, Frames { prefix: 5, remaining: u32::MAX - 3 });
    }
}
