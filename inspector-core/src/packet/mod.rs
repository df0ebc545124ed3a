//! Frames to segments: link, tunnel, network and transport headers peeled off one packet at a time.
//!
//! A packet is an onion whose layers come in any order and number (a mirrored VLAN inside GRE inside MPLS …). Each layer's
//! function sees a `Cursor` standing on its header and returns one standing on the next; `walk` turns the crank and
//! counts, so that nesting is bounded and no function calls itself. The common path Ethernet, IPv4, TCP is three turns.
//!
//! Two lengths matter at every layer: the bytes that were captured, and the bytes that were sent. The difference, `cut`,
//! is what the capture's snap length took from the end. An IP header sets both anew from its total length, which drops
//! Ethernet padding and trailers; where that length is 0 (segmentation offload, jumbograms) the frame's own remains.
//!
//! Checksums keep no packet from being read: with offload the captured ones are wrong as a rule. They are looked at where
//! two copies of a segment differ ([`checksum`]).

pub mod checksum;
pub mod defrag;
pub mod frame;
pub mod ipsec;
pub mod link;
pub mod net;
pub mod quic;
pub mod serial;
pub mod tally;
pub mod transport;
pub mod tunnel;
pub mod wireless;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

use self::{
    defrag::{Defragmenter, Piece, Whole},
    tally::{Group, Tally},
};
pub(crate) use defrag::Key as FragmentKey;

use crate::{
    evidence::{At, Endpoint},
    limits::Limits,
    note::{Between, Guess, PacketSkip},
    packet::frame::{Frame, LinkType},
};

/// TCP control bits (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;

    /// Whether the bit is set.
    pub const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// A TCP segment, borrowed from its packet (or from the reassembled datagram).
#[derive(Clone, Copy, Debug)]
pub struct Segment<'p> {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Sequence number of the first byte (of the SYN, if there is one).
    pub sequence: u32,
    /// Acknowledgment number; meaningful with `ACK`.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// The data that was captured.
    pub payload: &'p [u8],
    /// Bytes of data that were sent after `payload` in this segment but cut off by the capture's snap length.
    pub missing: u32,
    /// Where the packet was recorded: interface, VLAN, MPLS and tunnel identifiers and the ends of tunnels hashed together
    /// to an odd number; 0 for the first interface of a recording without any of these. The same packet may be recorded at
    /// several places, and the two directions of a connection at different ones.
    pub encapsulation: u32,
    /// The TCP header and the data, as captured: what its checksum is over. Empty where that is not known.
    pub whole: &'p [u8],
    /// The checksum of the IP header is wrong.
    pub damaged: bool,
    /// The packet.
    pub at: At,
}

/// A UDP datagram; only looked at to recognise QUIC and DNS.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'p> {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// The data that was captured.
    pub payload: &'p [u8],
    /// The packet.
    pub at: At,
}

/// What a frame turned out to carry.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'p> {
    /// TCP.
    Tcp(Segment<'p>),
    /// UDP.
    Udp(Datagram<'p>),
    /// A fragment of a datagram that is not complete yet.
    Fragment,
}

/// A frame that led to no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Why.
    pub what: PacketSkip,
    /// Who sent it to whom.
    pub between: Between,
}

/// The IP header's word on what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// IP protocol number of the next header.
    pub(crate) protocol: u8,
    /// The checksum of the IP header is wrong.
    pub(crate) damaged: bool,
}

/// Which header a [`Cursor`] stands on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layer {
    /// The first header of a frame.
    Link(LinkType),
    /// Ethernet, from the destination address on.
    Ethernet,
    /// What this EtherType announces.
    EtherType(u16),
    /// IEEE 802.2 logical link control.
    Llc,
    /// PPP, with or without address and control field.
    Ppp,
    /// A stack of MPLS labels.
    Mpls,
    /// IP of the version its first nibble tells.
    Ip,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// What the IP protocol number announces.
    Transport(Hosts),
}

/// What kind of identifier is hashed into [`Segment::encapsulation`].
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Tag {
    Vlan,
    Service,
    Mpls,
    Session,
    Key,
    Network,
    Tunnel,
    Interface,
    Ends,
}

/// A place in a packet: the rest of its bytes, and which header they begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'p> {
    pub(crate) layer: Layer,
    /// The captured bytes from the header on.
    pub(crate) bytes: &'p [u8],
    /// Bytes that were sent after `bytes` and not captured.
    pub(crate) cut: usize,
    /// A length field of an outer header has said how many bytes there are: a longer inner length is a contradiction then,
    /// not a cut.
    pub(crate) bounded: bool,
    /// Hash of the identifiers passed so far; 0 without any.
    pub(crate) encapsulation: u32,
    /// A header before this was read by what it looks like.
    pub(crate) guess: Option<Guess>,
}

impl<'p> Cursor<'p> {
    /// Standing on the first header of a frame.
    fn at_link(frame: &Frame<'p>) -> Self {
        Self {
            layer: Layer::Link(frame.link),
            bytes: frame.bytes,
            cut: usize::try_from(frame.original_length).unwrap_or(usize::MAX).saturating_sub(frame.bytes.len()),
            bounded: false,
            encapsulation: interface(frame),
            guess: None,
        }
    }

    /// Inside a tunnel between these hosts; the same for both directions.
    pub(crate) fn within(self, hosts: &Hosts) -> Self {
        let fold = |address: IpAddr| {
            let bits = match address {
                IpAddr::V4(address) => u128::from(address.to_bits()),
                IpAddr::V6(address) => address.to_bits(),
            };
            let half = (bits as u64) ^ ((bits >> 64) as u64).rotate_left(29);
            half.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let ends = fold(hosts.source).wrapping_add(fold(hosts.destination));
        self.tagged(Tag::Ends, (ends >> 32) as u32)
    }

    /// The next `N` bytes and those after them; `what` names the header if they are not there.
    #[inline]
    pub(crate) fn take<const N: usize>(&self, what: &'static str) -> Result<(&'p [u8; N], &'p [u8]), PacketSkip> {
        self.bytes.split_first_chunk::<N>().ok_or(PacketSkip::Malformed(what))
    }

    /// Standing on `layer`, which begins at `bytes`, a tail of this cursor's bytes.
    #[inline]
    pub(crate) const fn on(mut self, layer: Layer, bytes: &'p [u8]) -> Self {
        self.layer = layer;
        self.bytes = bytes;
        self
    }

    /// Standing on `layer` after `count` bytes of the header called `what`.
    #[inline]
    pub(crate) fn skip(self, count: usize, layer: Layer, what: &'static str) -> Result<Self, PacketSkip> {
        self.bytes.get(count..).map(|rest| self.on(layer, rest)).ok_or(PacketSkip::Malformed(what))
    }

    /// With one more identifier in the hash.
    #[inline]
    pub(crate) const fn tagged(mut self, kind: Tag, id: u32) -> Self {
        self.encapsulation = mix(self.encapsulation, kind, id);
        self
    }

    /// Read by what it looks like from here on.
    #[inline]
    pub(crate) const fn guessed(mut self, guess: Guess) -> Self {
        self.guess = Some(guess);
        self
    }

    /// With `sent` bytes from here on, as a length field says; what is captured beyond them is padding.
    #[inline]
    pub(crate) fn clip(mut self, sent: usize) -> Self {
        match self.bytes.get(..sent) {
            Some(bytes) => (self.bytes, self.cut) = (bytes, 0),
            None => {
                let cut = sent.saturating_sub(self.bytes.len());
                self.cut = if self.bounded { cut.min(self.cut) } else { cut };
            }
        }
        self.bounded = true;
        self
    }

    /// Bytes sent from here on.
    #[inline]
    pub(crate) const fn sent(&self) -> usize {
        self.bytes.len().saturating_add(self.cut)
    }
}

/// Where a frame was recorded, as [`Segment::encapsulation`] begins.
#[inline]
const fn interface(frame: &Frame<'_>) -> u32 {
    if frame.interface == 0 { 0 } else { mix(0, Tag::Interface, frame.interface) }
}

/// One more identifier in a hash.
#[inline]
const fn mix(hash: u32, kind: Tag, id: u32) -> u32 {
    let mixed = hash.rotate_left(7) ^ id ^ ((kind as u32 + 1) << 28);
    mixed.wrapping_mul(0x9e37_79b1) | 1
}

/// What one layer led to.
#[derive(Debug)]
pub(crate) enum Step<'p> {
    /// Another header.
    Next(Cursor<'p>),
    /// The end of the headers.
    Packet(Packet<'p>),
    /// A fragment of an IP datagram.
    Fragment(Piece<'p>),
}

/// Peels off headers until the transport layer, a fragment, or something that is not understood. `depth` is how many
/// headers may yet come before the transport's.
fn walk(cursor: Cursor<'_>, at: At, depth: usize) -> Result<Walked<'_>, Skipped> {
    let mut trace = Trace::default();
    let result = peel(cursor, at, depth, &mut trace);
    let between = trace.hosts.map_or(Between::Unknown, |hosts| Between::Hosts(hosts.source, hosts.destination));
    match result {
        Ok(step) => Ok(Walked { step, guess: trace.guess.map(|guess| (guess, between)) }),
        Err(what) => Err(Skipped { what, between }),
    }
}

/// Where the headers led to.
struct Walked<'p> {
    step: Step<'p>,
    /// What the packet was read as by its form, and whom it went between.
    guess: Option<(Guess, Between)>,
}

/// What was passed on the way.
#[derive(Default)]
struct Trace {
    /// Of the innermost IP header.
    hosts: Option<Hosts>,
    guess: Option<Guess>,
}

fn peel<'p>(mut cursor: Cursor<'p>, at: At, depth: usize, trace: &mut Trace) -> Result<Step<'p>, PacketSkip> {
    for left in (0..=depth).rev() {
        if let Layer::Transport(hosts) = cursor.layer {
            trace.hosts = Some(hosts);
            trace.guess = cursor.guess;
        }
        cursor = match cursor.layer {
            Layer::Link(link) => link::link(link, cursor)?,
            Layer::Ethernet => link::ethernet(cursor)?,
            Layer::EtherType(kind) => link::ether_type(kind, cursor)?,
            Layer::Llc => link::llc(cursor)?,
            Layer::Ppp => serial::ppp(cursor)?,
            Layer::Mpls => tunnel::mpls(cursor)?,
            layer @ (Layer::Ip | Layer::Ipv4 | Layer::Ipv6 | Layer::Transport(_)) => {
                let step = match layer {
                    Layer::Ipv4 => net::ipv4(cursor)?,
                    Layer::Ipv6 => net::ipv6(cursor)?,
                    Layer::Transport(hosts) => transport::transport(hosts, cursor, at)?,
                    _ => net::ip(cursor)?,
                };
                match step {
                    Step::Next(cursor) => cursor,
                    Step::Fragment(piece) => return Ok(Step::Fragment(piece.with_depth(left))),
                    packet @ Step::Packet(_) => return Ok(packet),
                }
            }
        };
    }
    Err(PacketSkip::TooDeep)
}

/// The shape of nearly all packets, read in one go: Ethernet without tags, IPv4 without options, captured whole and not
/// fragmented, TCP. `None` for everything else, faulty or not: [`walk`] knows it, and reads this shape the same.
#[inline]
fn common<'p>(frame: &Frame<'p>) -> Option<Segment<'p>> {
    let (ethernet, rest) = frame.bytes.split_first_chunk::<14>()?;
    let (ip, _) = rest.split_first_chunk::<20>()?;
    let &[version, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let is_common = frame.link.0 == 1
        && ethernet.last_chunk() == Some(&[0x08, 0x00])
        && version == 0x45
        && u16::from_be_bytes([f0, f1]) & 0x3fff == 0
        && protocol == net::protocol::TCP;
    if !is_common {
        return None;
    }
    // A total length of 0 (segmentation offload) fails here too.
    let datagram = rest.get(20..usize::from(u16::from_be_bytes([l0, l1])))?;
    let (tcp, _) = datagram.split_first_chunk::<14>()?;
    let &[p0, p1, q0, q1, n0, n1, n2, n3, a0, a1, a2, a3, offset, flags] = tcp;
    let header_length = usize::from(offset >> 4) * 4;
    if header_length < 20 {
        return None;
    }
    Some(Segment {
        source: Endpoint { address: Ipv4Addr::new(s0, s1, s2, s3).into(), port: u16::from_be_bytes([p0, p1]) },
        destination: Endpoint { address: Ipv4Addr::new(d0, d1, d2, d3).into(), port: u16::from_be_bytes([q0, q1]) },
        sequence: u32::from_be_bytes([n0, n1, n2, n3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: Flags(flags),
        payload: datagram.get(header_length..)?,
        missing: 0,
        encapsulation: interface(frame),
        whole: datagram,
        damaged: checksum::is_damaged_header(ip),
        at: frame.at,
    })
}

/// Fragments that led to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Packets that were fragments of datagrams never completed.
    pub packets: u64,
    /// Some of them were given up because of `Limits::fragments`.
    pub limit_reached: bool,
}

/// Turns frames into segments. Holds the fragments of datagrams that are not complete yet, bounded by
/// [`Limits::fragments`], and the last complete one.
#[derive(Debug, Default)]
pub struct Dissector {
    defragmenter: Defragmenter,
    /// The last reassembled datagram, which the returned packet borrows.
    datagram: Vec<u8>,
    /// The buffer that becomes `datagram` when a reassembled datagram holds a fragment that completes another.
    spare: Vec<u8>,
    guessed: Tally<Guess>,
    /// The datagram the last frame was a fragment of, and the one that was a fragment of.
    fragments: Option<(FragmentKey, Option<FragmentKey>)>,
}

impl Dissector {
    /// The datagram the last frame was a fragment of, and, where that was complete and a fragment itself, that one's.
    pub(crate) const fn take_fragments(&mut self) -> Option<(FragmentKey, Option<FragmentKey>)> {
        self.fragments.take()
    }

    /// Dissects one frame. The packet borrows the frame, or this dissector where the frame completed a datagram.
    ///
    /// # Errors
    /// [`Skipped`] names why the frame yields neither TCP nor UDP.
    #[inline]
    pub fn dissect<'p>(&'p mut self, frame: &Frame<'p>, limits: &Limits) -> Result<Packet<'p>, Skipped> {
        if let Some(segment) = common(frame) {
            return Ok(Packet::Tcp(segment));
        }
        self.any(frame, limits)
    }

    /// The packets that are not of the [`common`] shape.
    fn any<'p>(&'p mut self, frame: &Frame<'p>, limits: &Limits) -> Result<Packet<'p>, Skipped> {
        let walked =
            walk(Cursor::at_link(frame), frame.at, limits.encapsulations).map_err(|skipped| located(skipped, frame))?;
        if let Some((guess, between)) = walked.guess {
            self.guessed.add(guess, between, 1, Some(frame.at));
        }
        match walked.step {
            Step::Packet(packet) => Ok(packet),
            Step::Fragment(piece) => self.fragment(&piece, frame.at, limits),
            Step::Next(_) => Err(Skipped { what: PacketSkip::TooDeep, between: Between::Unknown }),
        }
    }

    /// Fragments given up so far. At the end of the input, [`Dissector::finish`] counts the waiting ones too.
    pub const fn unfinished(&self) -> Unfinished {
        self.defragmenter.unfinished()
    }

    /// Gives up all waiting fragments and tells how many packets led to nothing in all. The caller reports them as
    /// [`PacketSkip::Fragment`], from [`Dissector::take_unfinished`].
    pub fn finish(&mut self) -> Unfinished {
        self.defragmenter.finish()
    }

    /// The packets of [`Unfinished`], by whom they went between.
    pub fn take_unfinished(&mut self) -> impl Iterator<Item = (Between, u64)> + use<> {
        self.defragmenter.take_unfinished()
    }

    /// The packets that were read by what they look like.
    pub fn take_guessed(&mut self) -> impl Iterator<Item = (Guess, Between, Group)> + use<> {
        self.guessed.take()
    }

    #[cold]
    fn fragment(&mut self, piece: &Piece<'_>, at: At, limits: &Limits) -> Result<Packet<'_>, Skipped> {
        let skipped = |piece: &Piece<'_>, what| {
            let (source, destination) = piece.hosts();
            Skipped { what, between: Between::Hosts(source, destination) }
        };
        self.fragments = Some((piece.key(), None));
        let whole = self.defragmenter.push(piece, at.time(), limits, &mut self.datagram);
        let Some(mut whole) = whole.map_err(|what| skipped(piece, what))? else {
            return Ok(Packet::Fragment);
        };
        while let Step::Fragment(inner) = walk(whole.cursor(&self.datagram), at, whole.depth)?.step {
            self.fragments = Some((piece.key(), Some(inner.key())));
            let next = self.defragmenter.push(&inner, at.time(), limits, &mut self.spare);
            let Some(next) = next.map_err(|what| skipped(&inner, what))? else {
                return Ok(Packet::Fragment);
            };
            std::mem::swap(&mut self.datagram, &mut self.spare);
            whole = next;
        }
        // Walked again because the borrow of the loop's result cannot leave a loop that replaces the buffer.
        let walked = walk(whole.cursor(&self.datagram), at, whole.depth)?;
        if let Some((guess, between)) = walked.guess {
            self.guessed.add(guess, between, 1, Some(at));
        }
        match walked.step {
            Step::Packet(packet) => Ok(packet),
            Step::Fragment(_) | Step::Next(_) => Ok(Packet::Fragment),
        }
    }
}

/// With the stations of the frame where no host is known.
#[cold]
fn located(mut skipped: Skipped, frame: &Frame<'_>) -> Skipped {
    if let (Between::Unknown, 1, Some((destination, rest))) =
        (skipped.between, frame.link.0, frame.bytes.split_first_chunk::<6>())
        && let Some(source) = rest.first_chunk::<6>()
    {
        skipped.between = Between::Stations(*source, *destination);
    }
    skipped
}

impl Whole {
    const fn cursor<'p>(&self, datagram: &'p [u8]) -> Cursor<'p> {
        Cursor {
            layer: Layer::Transport(self.hosts),
            bytes: datagram,
            cut: self.cut,
            bounded: true,
            encapsulation: self.encapsulation,
            guess: self.guess,
        }
    }
}
