//! WebSocket messages (RFC 6455, permessage-deflate after RFC 7692), as far as tokens in text messages are concerned.
//!
//! ```text
//! |F|R|R|R| opcode|M| length 7    | length 16 or 64 if 126 or 127 | masking key if M | payload
//! ```
//!
//! Text messages are kept up to a bound per side; they become the content of the exchange that upgraded the connection,
//! so that tokens in them are found where tokens are looked for. Binary messages are passed over by their lengths.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{flow::Side, limits::Limits};

/// Largest control or header part of a frame: two octets, eight of length, four of mask.
const HEADER: usize = 14;

/// Bytes of memory a decompressor takes, about: most is its window.
const INFLATE: usize = 48 << 10;

/// The messages of one connection.
#[derive(Debug)]
pub struct WebSocket {
    directions: [Direction; 2],
}

#[derive(Debug)]
struct Direction {
    header: Vec<u8>,
    frame: Option<Frame>,
    /// The message a continuation frame belongs to is text.
    text: bool,
    compressed: bool,
    inflate: Option<Box<Decompress>>,
    /// Text messages so far, one a line.
    kept: Vec<u8>,
    cut: bool,
    lost: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    left: u64,
    mask: Option<[u8; 4]>,
    /// Position in the mask.
    turn: usize,
    last: bool,
    control: bool,
}

/// What the text messages of one side were.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The messages, each followed by a line feed.
    pub kept: Vec<u8>,
    /// More was sent than is kept.
    pub cut: bool,
    /// Frames are missing or broken; messages after them were not read.
    pub lost: bool,
}

impl WebSocket {
    /// A connection that agreed on the extensions of `Sec-WebSocket-Extensions` (the response's value).
    pub fn new(extensions: &[u8]) -> Self {
        let deflate = memchr::memmem::find(extensions, b"permessage-deflate").is_some();
        let direction = || Direction {
            header: Vec::new(),
            frame: None,
            text: false,
            compressed: false,
            inflate: deflate.then(|| Box::new(Decompress::new(false))),
            kept: Vec::new(),
            cut: false,
            lost: false,
        };
        Self { directions: [direction(), direction()] }
    }

    /// Takes the next bytes of one side.
    pub fn data(&mut self, side: Side, bytes: &[u8], limits: &Limits) {
        let direction = self.direction(side);
        let mut rest = bytes;
        while !rest.is_empty() && !direction.lost {
            rest = match direction.frame {
                None => direction.header(rest, limits),
                Some(frame) => direction.payload(frame, rest, limits),
            };
        }
    }

    /// Bytes of memory it takes besides its own, about: the texts, and the windows of compressed ones.
    pub fn weight(&self) -> usize {
        self.directions.iter().fold(0_usize, |sum, direction| {
            sum.saturating_add(direction.kept.capacity())
                .saturating_add(direction.inflate.as_ref().map_or(0, |_| INFLATE))
        })
    }

    /// Bytes of one side are missing: where its next frame begins is not known.
    pub fn gap(&mut self, side: Side) {
        self.direction(side).lost = true;
    }

    /// The text messages of one side.
    pub fn into_texts(self) -> [Texts; 2] {
        self.directions.map(|direction| Texts { kept: direction.kept, cut: direction.cut, lost: direction.lost })
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }
}

impl Direction {
    fn header<'b>(&mut self, bytes: &'b [u8], limits: &Limits) -> &'b [u8] {
        let mut rest = bytes;
        // A header is whole at the latest when it has its longest form.
        while self.header.len() <= HEADER {
            if let Some(frame) = parse(&self.header) {
                let (frame, opcode, reserved) = frame;
                self.header.clear();
                match opcode {
                    // Text or binary begins; the first reserved bit says that it is compressed.
                    1 | 2 => (self.text, self.compressed) = (opcode == 1, reserved & 0x40 != 0),
                    0 | 8..=10 => {}
                    _ => self.lost = true,
                }
                self.lost |= reserved & 0x30 != 0;
                self.frame = Some(frame);
                if frame.left == 0 {
                    self.finish(frame, limits);
                }
                return rest;
            }
            let Some((byte, tail)) = rest.split_first() else { return rest };
            self.header.push(*byte);
            rest = tail;
        }
        self.header.clear();
        self.lost = true;
        rest
    }

    fn payload<'b>(&mut self, mut frame: Frame, bytes: &'b [u8], limits: &Limits) -> &'b [u8] {
        let taken = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at_checked(taken).unwrap_or((bytes, b""));
        if self.text && !frame.control {
            match frame.mask {
                None => self.take(piece, limits),
                Some(mask) => {
                    let turn = frame.turn;
                    let plain: Vec<u8> =
                        piece.iter().zip(mask.iter().cycle().skip(turn)).map(|(byte, key)| byte ^ key).collect();
                    self.take(&plain, limits);
                }
            }
        }
        frame.left -= taken as u64;
        frame.turn = (frame.turn + taken) % 4;
        self.frame = Some(frame);
        if frame.left == 0 {
            self.finish(frame, limits);
        }
        rest
    }

    fn finish(&mut self, frame: Frame, limits: &Limits) {
        self.frame = None;
        if !frame.last || frame.control || !self.text || self.lost {
            return;
        }
        if self.compressed {
            // RFC 7692 §7.2.2: the sender took these four octets off.
            self.take(&[0, 0, 0xff, 0xff], limits);
        }
        self.keep(b"\n", limits);
    }

    fn take(&mut self, piece: &[u8], limits: &Limits) {
        if !self.compressed {
            return self.keep(piece, limits);
        }
        let Some(mut inflate) = self.inflate.take() else {
            self.lost = true;
            return;
        };
        let mut rest = piece;
        let mut buffer = [0; 4096];
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut buffer, FlushDecompress::Sync);
            let read = usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(inflate.total_out() - written).unwrap_or(usize::MAX);
            self.keep(buffer.get(..written).unwrap_or_default(), limits);
            rest = rest.get(read..).unwrap_or_default();
            match status {
                Err(_) => {
                    self.lost = true;
                    return;
                }
                Ok(Status::StreamEnd) => inflate.reset(false),
                Ok(_) => {}
            }
            // Past the bound nothing is kept: a bomb costs no more than that.
            if self.cut || (rest.is_empty() && written < buffer.len()) || (read == 0 && written == 0) {
                break;
            }
        }
        self.lost |= self.cut;
        self.inflate = Some(inflate);
    }

    fn keep(&mut self, piece: &[u8], limits: &Limits) {
        let room = limits.body.saturating_sub(self.kept.len());
        let (kept, beyond) = piece.split_at_checked(room).unwrap_or((piece, b""));
        self.kept.extend_from_slice(kept);
        self.cut |= !beyond.is_empty();
    }
}

/// A frame header with its opcode and reserved bits, if `bytes` are a whole one.
fn parse(bytes: &[u8]) -> Option<(Frame, u8, u8)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (left, rest) = match second & 0x7f {
        126 => rest.split_first_chunk::<2>().map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
        127 => rest.split_first_chunk::<8>().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
        length => (u64::from(length), rest),
    };
    let mask = if second & 0x80 != 0 { Some(*rest.first_chunk::<4>()?) } else { None };
    let opcode = first & 0x0f;
    let frame = Frame { left, mask, turn: 0, last: first & 0x80 != 0, control: opcode >= 8 };
    Some((frame, opcode, first & 0x70))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extensions: &[u8], side: Side, pieces: &[&[u8]]) -> Texts {
        let mut socket = WebSocket::new(extensions);
        for piece in pieces {
            socket.data(side, piece, &Limits::default());
        }
        let [client, server] = socket.into_texts();
        if side == Side::Client { client } else { server }
    }

    fn texts(kept: &[u8]) -> Texts {
        Texts { kept: kept.to_vec(), cut: false, lost: false }
    }

    /// RFC 6455 §5.7.
    #[test]
    fn rfc_6455_examples() {
        let hello = texts(b"Hello\n");
        assert_eq!(read(b"", Side::Server, &[b"\x81\x05Hello"]), hello);
        assert_eq!(read(b"", Side::Client, &[b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"]), hello);
        assert_eq!(read(b"", Side::Server, &[b"\x01\x03Hel", b"\x89\x05Hello", b"\x80\x02lo"]), hello);
        let long =
            [b"\x82\x7e\x01\x00".as_slice(), &[0; 256], b"\x82\x7f\0\0\0\0\0\x01\0\0", &[0; 65536], b"\x81\x01x"]
                .concat();
        assert_eq!(read(b"", Side::Server, &[&long]), texts(b"x\n"));
    }

    /// RFC 7692 §7.2.3: a message, one that uses its window, and one with a final block.
    #[test]
    fn rfc_7692_examples() {
        let deflate = b"permessage-deflate";
        let first = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
        let second = b"\xc1\x05\xf2\x00\x11\x00\x00";
        assert_eq!(read(deflate, Side::Server, &[first, second]), texts(b"Hello\nHello\n"));
        assert_eq!(read(deflate, Side::Server, &[b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"]), texts(b"Hello\n"));
        assert_eq!(read(deflate, Side::Server, &[b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"]).kept, b"Hello\n");
    }

    #[test]
    fn any_split_gives_the_same() {
        let stream = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x81\x7e\x00\x02ab\x8a\x00\x81\x01c";
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(b"", Side::Client, &bytes), texts(b"Hello\nab\nc\n"));
        assert_eq!(read(b"", Side::Client, &[stream]), texts(b"Hello\nab\nc\n"));
    }

    #[test]
    fn the_longest_header_is_one() {
        // A client's frame of 64 KiB and more: length in eight octets, and a mask.
        for length in [65_536_u64, 70_000] {
            let frame = [b"\x81\xff".as_slice(), &length.to_be_bytes(), &[0; 4], &vec![b'a'; length as usize]].concat();
            let stream = [&frame[..], b"\x81\x81\0\0\0\0b"].concat();
            for at_once in [1, 13, 14, 15, 1 << 20] {
                let pieces: Vec<&[u8]> = stream.chunks(at_once).collect();
                let read = read(b"", Side::Client, &pieces);
                assert!(!read.lost && read.kept.ends_with(b"a\nb\n"), "{length} {at_once}");
            }
        }
    }

    #[test]
    fn what_is_broken_ends_the_same_in_any_split() {
        let deflate = b"permessage-deflate";
        for stream in [
            b"\xc1\x05\xff\xff\xff\xff\xff\x81\x01x".as_slice(),
            b"\xc1\x85\x00\x00\x00\x00\xff\xff\xff\xff\xff",
            b"\x83\x00\x81\x01x",
            b"\xb1\x00\x81\x01x",
        ] {
            let whole = read(deflate, Side::Server, &[stream]);
            assert!(whole.lost && !whole.kept.ends_with(b"\n"), "{whole:?}");
            for at_once in 1..stream.len() {
                let pieces: Vec<&[u8]> = stream.chunks(at_once).collect();
                assert_eq!(read(deflate, Side::Server, &pieces), whole, "{stream:?} in pieces of {at_once}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(read(b"", Side::Server, &[b"\x83\x01x\x81\x01y"]).lost);
        assert!(read(b"", Side::Server, &[b"\xc1\x01x"]).lost);
        let limits = Limits { body: 3, ..Limits::default() };
        let mut socket = WebSocket::new(b"");
        socket.data(Side::Server, b"\x81\x05Hello", &limits);
        let [_, server] = socket.into_texts();
        assert_eq!(server, Texts { kept: b"Hel".to_vec(), cut: true, lost: false });
    }
}
