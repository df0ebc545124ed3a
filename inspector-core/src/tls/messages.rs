//! Records to handshake messages: one record can hold several, and one message can span several records.
//!
//! ```text
//!  0      1                    4
//!  +------+------+------+------+----- - - -
//!  | type | length             | body
//!  +------+------+------+------+----- - - -
//! ```

use std::borrow::Cow;

/// Bytes of a message's header.
const HEADER: usize = 4;

/// Gathers one direction's handshake messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    partial: Vec<u8>,
    /// Bytes still to come of a message that is not wanted.
    skip: usize,
    /// A gap left us inside a message: the next one is taken up at the begin of a record.
    adrift: bool,
}

impl Messages {
    /// Bytes of memory it takes besides its own.
    pub(crate) const fn weight(&self) -> usize {
        self.partial.capacity()
    }

    /// Bytes were lost, or keys changed: nothing goes on from here.
    pub(crate) fn reset(&mut self, adrift: bool) {
        *self = Self { adrift, ..Self::default() };
    }

    /// At the begin of a record: whether its content can be read as messages.
    pub(crate) fn begin(&mut self, content: &[u8], limit: usize) -> bool {
        if self.adrift {
            self.adrift = !matches!(length(content), Some(length) if plausible(content) && length <= limit);
        }
        !self.adrift
    }

    /// Takes the next message (with its header) off `content`, or all of `content` if it ends none. Messages that
    /// `wanted` does not want by their type, and those longer than `limit`, are left out.
    pub(crate) fn next<'c>(
        &mut self,
        content: &mut &'c [u8],
        limit: usize,
        wanted: impl Fn(u8) -> bool,
    ) -> Option<Cow<'c, [u8]>> {
        loop {
            take(content, &mut self.skip);
            if content.is_empty() {
                return None;
            }
            let mut missing = HEADER.saturating_sub(self.partial.len());
            if self.partial.is_empty()
                && let Some(length) = length(content)
                && content.first().is_some_and(|kind| wanted(*kind))
                && length <= limit
                && let Some((message, rest)) = content.split_at_checked(HEADER + length)
            {
                *content = rest;
                return Some(Cow::Borrowed(message));
            }
            self.partial.extend_from_slice(take(content, &mut missing));
            let Some(length) = length(&self.partial) else { continue };
            if length > limit || !self.partial.first().is_some_and(|kind| wanted(*kind)) {
                self.skip = length;
                self.partial = Vec::new();
                continue;
            }
            let mut missing = (HEADER + length).saturating_sub(self.partial.len());
            self.partial.extend_from_slice(take(content, &mut missing));
            if missing == 0 {
                return Some(Cow::Owned(std::mem::take(&mut self.partial)));
            }
        }
    }
}

/// Takes up to `missing` bytes off the front and counts them.
fn take<'c>(content: &mut &'c [u8], missing: &mut usize) -> &'c [u8] {
    let (taken, rest) = content.split_at((*missing).min(content.len()));
    *missing -= taken.len();
    *content = rest;
    taken
}

/// Length of the body of the message at the front.
fn length(message: &[u8]) -> Option<usize> {
    let [_, high, middle, low] = *message.first_chunk::<HEADER>()?;
    Some(u32::from_be_bytes([0, high, middle, low]) as usize)
}

/// Whether the type at the front is one of the registry's that take part in a handshake.
const fn plausible(message: &[u8]) -> bool {
    matches!(message, [0..=2 | 4 | 5 | 8 | 11..=16 | 20..=25, ..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, length: usize) -> Vec<u8> {
        let mut message = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        message[0] = kind;
        message.resize(HEADER + length, kind);
        message
    }

    fn run(messages: &mut Messages, mut content: &[u8]) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| messages.next(&mut content, 50, |kind| kind != 12).map(Cow::into_owned)).collect()
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            parts in prop::collection::vec((prop::sample::select(vec![1_u8, 11, 12, 20]), 0_usize..80), 1..6),
            cuts in prop::collection::vec(0_usize..400, 0..6),
        ) {
            let stream: Vec<u8> = parts.iter().flat_map(|(kind, length)| message(*kind, *length)).collect();
            let expected: Vec<_> = parts
                .iter()
                .filter(|(kind, length)| *kind != 12 && *length <= 50)
                .map(|(kind, length)| message(*kind, *length))
                .collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut messages = Messages::default();
            let found: Vec<_> =
                cuts.windows(2).flat_map(|cut| run(&mut messages, &stream[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn after_a_gap_only_a_sound_message_is_taken_up() {
        let mut messages = Messages::default();
        run(&mut messages, &message(11, 40)[..20]);
        messages.reset(true);
        assert!(!messages.begin(&[0x9a; 30], 50));
        assert!(!messages.begin(&message(16, 60), 50));
        assert!(messages.begin(&message(16, 10), 50));
        assert_eq!(run(&mut messages, &message(16, 10)), [message(16, 10)]);
    }
}
