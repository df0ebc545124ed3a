//! The frames of a packet (RFC 9000 §19, RFC 9221, draft-ietf-quic-ack-frequency, draft-ietf-quic-reliable-stream-reset).

use super::ranges::Ranges;
use crate::encoding::varint::variable_integer;

/// A frame, as far as it is of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'p> {
    /// The sender received packets.
    Acknowledge(Acknowledged<'p>),
    Crypto {
        offset: u64,
        data: &'p [u8],
    },
    Stream(Piece<'p>),
    /// The sender gives its part of a stream up, after so many bytes.
    Reset {
        id: u64,
        size: u64,
    },
    /// The sender wants nothing more of a stream.
    Stop {
        id: u64,
    },
    /// A further identifier of the sender, and what it would end a connection with if it lost its state.
    Identifier {
        id: &'p [u8],
        token: &'p [u8; 16],
    },
    /// The sender closes the connection.
    Close,
    Datagram {
        data: &'p [u8],
    },
    /// PADDING, PING, flow control, paths, tokens.
    Other,
}

/// A part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'p> {
    pub(super) id: u64,
    pub(super) offset: u64,
    pub(super) data: &'p [u8],
    /// The stream ends after it.
    pub(super) last: bool,
}

/// What an ACK frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged<'p> {
    largest: u64,
    first: u64,
    count: u64,
    ranges: &'p [u8],
}

impl Acknowledged<'_> {
    /// Adds what was received to `received`, and all that it is known of, whether received or not, to `told`.
    pub(super) fn tell(&self, received: &mut Ranges, told: &mut Ranges) {
        let Some(mut low) = self.largest.checked_sub(self.first) else { return };
        received.insert(low, self.largest.saturating_add(1));
        let mut rest = self.ranges;
        for _ in 0..self.count {
            let Some((gap, after)) = variable_integer(rest) else { break };
            let Some((length, after)) = variable_integer(after) else { break };
            rest = after;
            let Some(high) = low.checked_sub(gap).and_then(|low| low.checked_sub(2)) else { break };
            let Some(next) = high.checked_sub(length) else { break };
            low = next;
            received.insert(low, high + 1);
        }
        told.insert(low, self.largest.saturating_add(1));
    }
}

/// A frame of a type that is not known, or one that is cut: what follows it has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// The frame at the front, and what follows it.
pub(super) fn frame(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), Unknown> {
    parse(bytes).ok_or(Unknown)
}

fn parse(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (kind, rest) = variable_integer(bytes)?;
    Some(match kind {
        // PADDING: all of it at once.
        0 => {
            let padding = rest.iter().take_while(|byte| **byte == 0).count();
            (Frame::Other, rest.get(padding..)?)
        }
        // PING, HANDSHAKE_DONE, IMMEDIATE_ACK.
        0x01 | 0x1e | 0x1f => (Frame::Other, rest),
        0x02 | 0x03 => acknowledged(rest, kind == 3)?,
        0x04 => {
            let (id, rest) = variable_integer(rest)?;
            let (size, rest) = variable_integer(skip(rest, 1)?)?;
            (Frame::Reset { id, size }, rest)
        }
        0x05 => {
            let (id, rest) = variable_integer(rest)?;
            (Frame::Stop { id }, skip(rest, 1)?)
        }
        0x06 => {
            let (offset, rest) = variable_integer(rest)?;
            let (data, rest) = vector(rest)?;
            (Frame::Crypto { offset, data }, rest)
        }
        // NEW_TOKEN.
        0x07 => (Frame::Other, vector(rest)?.1),
        0x08..=0x0f => stream(kind, rest)?,
        // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID.
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => (Frame::Other, skip(rest, 1)?),
        // MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
        0x11 | 0x15 => (Frame::Other, skip(rest, 2)?),
        0x18 => {
            let (&length, rest) = skip(rest, 2)?.split_first()?;
            let (id, rest) = rest.split_at_checked(length.into())?;
            let (token, rest) = rest.split_first_chunk::<16>()?;
            (Frame::Identifier { id, token }, rest)
        }
        // PATH_CHALLENGE, PATH_RESPONSE.
        0x1a | 0x1b => (Frame::Other, rest.get(8..)?),
        0x1c => (Frame::Close, vector(skip(rest, 2)?)?.1),
        0x1d => (Frame::Close, vector(skip(rest, 1)?)?.1),
        // RESET_STREAM_AT: what comes before the reliable size comes all the same.
        0x24 => {
            let (id, rest) = variable_integer(rest)?;
            let (size, rest) = variable_integer(skip(rest, 1)?)?;
            (Frame::Reset { id, size }, skip(rest, 1)?)
        }
        0x30 => (Frame::Datagram { data: rest }, b""),
        0x31 => {
            let (data, rest) = vector(rest)?;
            (Frame::Datagram { data }, rest)
        }
        // ACK_FREQUENCY, and TIMESTAMP of draft-huitema-quic-ts.
        0xaf => (Frame::Other, skip(rest, 4)?),
        0x2f5 => (Frame::Other, skip(rest, 1)?),
        _ => return None,
    })
}

fn acknowledged(bytes: &[u8], counts: bool) -> Option<(Frame<'_>, &[u8])> {
    let (largest, rest) = variable_integer(bytes)?;
    let (count, rest) = variable_integer(skip(rest, 1)?)?;
    let (first, ranges) = variable_integer(rest)?;
    // Each integer has a byte at least, so that a false count ends with the packet.
    let after = skip(ranges, count.checked_mul(2)?)?;
    let told = ranges.get(..ranges.len() - after.len())?;
    let rest = if counts { skip(after, 3)? } else { after };
    Some((Frame::Acknowledge(Acknowledged { largest, first, count, ranges: told }), rest))
}

fn stream(kind: u64, bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (id, rest) = variable_integer(bytes)?;
    let (offset, rest) = if kind & 4 == 0 { (0, rest) } else { variable_integer(rest)? };
    let (data, rest) = if kind & 2 == 0 { (rest, &b""[..]) } else { vector(rest)? };
    Some((Frame::Stream(Piece { id, offset, data, last: kind & 1 != 0 }), rest))
}

/// Passes so many integers over.
fn skip(bytes: &[u8], count: u64) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..count {
        rest = variable_integer(rest)?.1;
    }
    Some(rest)
}

fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = variable_integer(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn acknowledgments() {
        // RFC 9000 §19.3.1: 20 to 18 and 15 to 15 and 9 to 5 were received.
        let (frame, rest) = frame(b"\x03\x14\x00\x02\x02\x01\x00\x04\x04\x01\x02\x03\x01").unwrap();
        let Frame::Acknowledge(acknowledged) = frame else { panic!("{frame:?}") };
        let (mut received, mut told) = (Ranges::default(), Ranges::default());
        acknowledged.tell(&mut received, &mut told);
        assert_eq!(received.iter().collect::<Vec<_>>(), [(5, 10), (15, 16), (18, 21)]);
        assert_eq!((told.iter().collect::<Vec<_>>(), rest), (vec![(5, 21)], &b"\x01"[..]));
    }

    #[test]
    fn streams() {
        for (bytes, expected) in [
            (&b"\x08\x04abc"[..], Frame::Stream(Piece { id: 4, offset: 0, data: b"abc", last: false })),
            (b"\x0f\x04\x02\x03abc", Frame::Stream(Piece { id: 4, offset: 2, data: b"abc", last: true })),
            (b"\x0d\x04\x02", Frame::Stream(Piece { id: 4, offset: 2, data: b"", last: true })),
            (b"\x04\x04\x01\x09", Frame::Reset { id: 4, size: 9 }),
            (b"\x40\x05\x04\x01", Frame::Stop { id: 4 }),
            (b"\x00\x00\x00", Frame::Other),
        ] {
            assert_eq!(frame(bytes), Ok((expected, &b""[..])));
        }
        assert_eq!(frame(b"\x0f\x04\x02\x04abc"), Err(Unknown));
        assert_eq!(frame(b"\x20"), Err(Unknown));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut rest = bytes.as_slice();
            while let Ok((frame, after)) = frame(rest) {
                if let Frame::Acknowledge(acknowledged) = frame {
                    acknowledged.tell(&mut Ranges::default(), &mut Ranges::default());
                }
                prop_assert!(after.len() < rest.len());
                rest = after;
            }
        }
    }
}
