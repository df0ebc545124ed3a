//! Frames to segments: link, tunnel, network and transport headers peeled off one packet at a time.

pub mod defrag;
pub mod link;
pub mod net;
pub mod transport;
pub mod tunnel;

use std::net::IpAddr;

use crate::evidence::{At, Endpoint};

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
    /// VLAN, MPLS or tunnel identifiers hashed together; 0 without any. Two directions may differ (mirror ports), so
    /// it is no part of a connection's identity.
    pub encapsulation: u32,
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
    /// A complete packet of another protocol between these hosts (ICMP, SCTP, …).
    Other {
        /// Sender, if it is IP.
        source: Option<IpAddr>,
        /// IP protocol number.
        protocol: u8,
    },
}
