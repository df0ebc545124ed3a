//! What limits the conclusions: facts about the recording, not about the traffic.
//!
//! A [`Note`] never stops the run and is never dropped: notes become coverage figures and COV findings.

use std::{fmt, net::IpAddr};

use crate::evidence::{At, ConnectionId};

/// A fact that limits what can be concluded from an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where, if it has a place.
    pub at: Option<At>,
    /// The connection it concerns.
    pub connection: Option<ConnectionId>,
    /// What it is.
    pub kind: NoteKind,
}

/// The kinds of notes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// The input ends inside a record, block, entry or compressed stream; everything before it was read.
    TruncatedInput {
        /// Offset in the (unpacked) input where the unfinished piece begins.
        offset: u64,
    },
    /// A record or block contradicts its own lengths; it was skipped.
    MalformedBlock {
        /// What was wrong, in a few words.
        what: &'static str,
    },
    /// The input breaks its format where nothing is lost by it.
    HarmlessDamage {
        /// What was wrong, in a few words.
        what: &'static str,
    },
    /// A compressed input is damaged from here on.
    DamagedCompression {
        /// The decoder's words.
        what: String,
    },
    /// Packets were not understood; `what` names the protocol or the reason. Counted in `packets_skipped`.
    PacketSkipped {
        /// For example `link type 147` or `IPv4 header cut`.
        what: PacketSkip,
        /// Who sent them to whom.
        between: Between,
        /// How many. The place is that of the first.
        packets: u64,
    },
    /// Packets were read by what they look like, for the recording does not say what they are, or says otherwise.
    PacketGuessed {
        /// What they were read as.
        what: Guess,
        /// Who sent them to whom.
        between: Between,
        /// How many. The place is that of the first.
        packets: u64,
    },
    /// A HAR entry could not be read.
    EntrySkipped {
        /// Why, in words for the user.
        why: String,
    },
    /// A bound of [`crate::limits::Limits`] was reached.
    Limit {
        /// The field's name.
        limit: &'static str,
    },
    /// TCP bytes of a stream were never recorded.
    Gap {
        /// How many.
        bytes: u64,
    },
    /// Bytes of an HTTP connection that belong to no message that could be read.
    Unread {
        /// How many.
        bytes: u64,
    },
    /// The same bytes of a stream were sent with different contents; the first were kept.
    OverlapDiffers,
    /// A duplicate packet (mirror port, pktmon) was dropped.
    Duplicate,
    /// A TLS record failed its authentication.
    RecordNotAuthentic {
        /// Number of the record in its direction, from 0.
        record: u64,
    },
    /// Secrets in the file (DSB) or key log lines that could not be read.
    BadKeyLogLine,
    /// Files of a recording that was written in several files are missing before this place.
    FilesMissing {
        /// How many, by their numbers.
        count: u64,
    },
    /// A file of a recording in several files begins before the one before it ends.
    FilesOverlap {
        /// By so many nanoseconds.
        nanos: u64,
    },
    /// The recording was sanitised by its exporter.
    Sanitized {
        /// How that was told.
        how: &'static str,
    },
    /// The recording is what somebody chose of a larger one: what is not in it may have been sent.
    Selected {
        /// How that was told.
        how: &'static str,
    },
    /// What the recording shows is not what was sent: somebody changed it, or its tool did.
    Edited {
        /// How that was told.
        how: &'static str,
    },
}

/// Why a packet was skipped. A closed set without allocation: a capture can hold millions of such packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketSkip {
    /// A link type this program does not dissect (LINKTYPE_ number).
    LinkType(u16),
    /// An EtherType that is not dissected. Those of [`PacketSkip::is_control`] are complete and of no interest.
    EtherType(u16),
    /// An IP protocol that is not dissected, likewise.
    IpProtocol(u8),
    /// A protocol that runs the network and carries nobody's data: complete, of no interest; its name.
    Control(&'static str),
    /// A protocol between the link and the transport layer that this program does not dissect; its name.
    Protocol(&'static str),
    /// A header is cut or contradicts itself; the layer's name.
    Malformed(&'static str),
    /// Deeper nesting than `Limits::encapsulations`.
    TooDeep,
    /// An IP fragment whose other fragments never came.
    Fragment,
    /// Encrypted below TCP: IPsec ESP, WPA, MACsec; the layer's name.
    Encrypted(&'static str),
    /// Datagrams of a protocol that is not known, by the port of the side that seems to be the server.
    Datagram(u16),
}

impl PacketSkip {
    /// Whether the packets are understood so far that they carry no HTTP: they run the network, or serve another purpose.
    pub const fn is_control(self) -> bool {
        match self {
            Self::Control(_) => true,
            Self::EtherType(kind) => is_control_ether_type(kind),
            Self::IpProtocol(number) => is_control_protocol(number),
            _ => false,
        }
    }

    /// What to do to have such packets readable. `""` if only the rule's own advice fits.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::LinkType(252) => {
                "These are PDUs that Wireshark exported from another capture: give that capture itself, with its keys, or \
                 export the decrypted HTTP there (File, Export Objects) and record again where it is in the clear."
            }
            Self::LinkType(253) => "This is a netlink monitor: record on the interface that carries the traffic.",
            Self::LinkType(147..=162) => {
                "The link type is one for private use: convert the capture with the type its frames really have, for \
                 example editcap -T ether IN OUT."
            }
            Self::LinkType(_) => {
                "Record on the network adapter that carries the HTTP traffic; or convert the capture with the link type \
                 its frames really have (editcap -T TYPE IN OUT)."
            }
            Self::Encrypted("WEP or WPA") => {
                "Record on the client's or server's own adapter and not in monitor mode, or behind the access point; or \
                 decrypt it first (airdecap-ng)."
            }
            Self::Encrypted("MACsec") => "Record on the host itself: MACsec ends at its adapter.",
            Self::Encrypted(_) => {
                "Record where the encryption ends: on the host itself above IPsec or the VPN, or behind its gateway."
            }
            Self::Malformed(_) => "Record whole packets (tcpdump -s 0) and copy the recording again.",
            Self::Fragment => "Record all fragments: on the host itself, without a filter on ports and without loss.",
            Self::EtherType(_) | Self::IpProtocol(_) | Self::Protocol(_) | Self::TooDeep | Self::Datagram(_) => {
                "Find out what these packets are (Wireshark names more protocols). If they can carry the calls, record \
                 where they are unpacked: on the host itself or behind the tunnel; if not, leave them out with a filter."
            }
            Self::Control(_) => "",
        }
    }
}

/// EtherTypes (IANA "IEEE 802 Numbers", IEEE registry) of protocols that carry no IP: address resolution, discovery,
/// link control, time, storage, field buses.
const fn is_control_ether_type(kind: u16) -> bool {
    matches!(
        kind,
        // ARP, wake on LAN, RARP, AppleTalk's ARP and AppleTalk, DEC, VINES, IPX.
        0x0806 | 0x0842 | 0x8035 | 0x80f3 | 0x809b | 0x6000..=0x6009 | 0x0bad | 0x8137 | 0x8138
        // Stream reservation, congestion, IS-IS; MVRP, MMRP, MRP, PTP, PRP supervision, CFM.
        | 0x22e7..=0x22ea | 0x22f0 | 0x22f4 | 0x88f5 | 0x88f6 | 0x88e3 | 0x88f7 | 0x88fb | 0x8902
        // PPPoE discovery, flow control, slow protocols, EAPOL, preauthentication, LLDP, loopback, fast roaming, ECP.
        | 0x8863 | 0x8808 | 0x8809 | 0x888e | 0x88c7 | 0x88cc | 0x9000 | 0x890d | 0x8917 | 0x8940
        // Home plugs, IEEE 1905.1, LLTD, switch vendors' loop detection.
        | 0x887b | 0x88e1 | 0x8912 | 0x893a | 0x88d9 | 0x8899 | 0x8874 | 0x8ffd
        // Storage and remote memory: ATA, FCoE and its initialization, RoCE.
        | 0x88a2 | 0x8906 | 0x8914 | 0x8915
        // Field buses: PROFINET, EtherCAT, POWERLINK, GOOSE, GSE, sampled values, SERCOS.
        | 0x8892 | 0x88a4 | 0x88ab | 0x88b8 | 0x88b9 | 0x88ba | 0x88cd
    )
}

/// IP protocols (IANA) that report errors, find routes and neighbours or keep groups: ICMP, IGMP, GGP, EGP, IGP, RSVP,
/// ICMPv6, none, EIGRP, OSPF, PIM, VRRP, PGM, IS-IS, mobility, MANET, HIP.
const fn is_control_protocol(number: u8) -> bool {
    matches!(number, 1 | 2 | 3 | 8 | 9 | 46 | 58 | 59 | 88 | 89 | 103 | 112 | 113 | 124 | 135 | 138 | 139)
}

/// What packets were read as that the recording does not call so. What is found in them is true; that nothing else was in
/// them cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guess {
    /// IEEE 802.11 frames under a link type that says Ethernet.
    WirelessAsEthernet,
    /// IEEE 802.11 frames in a tunnel whose type is not registered for them.
    WirelessInTunnel,
    /// ESP without encryption, told by its trailer (RFC 5879), without a checksum that proves it.
    EspNull,
}

impl Guess {
    /// What to do so that nothing has to be guessed.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::WirelessAsEthernet => {
                "Convert the capture with its real link type (editcap -T ieee-802-11 IN OUT) and check it again."
            }
            Self::WirelessInTunnel => {
                "Record on the client or server itself, or behind the access point's controller, where it is Ethernet."
            }
            Self::EspNull => "Record on the host itself above IPsec, where the packets are plain TCP.",
        }
    }
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WirelessAsEthernet => "IEEE 802.11 under a link type that says Ethernet, read by its form",
            Self::WirelessInTunnel => "IEEE 802.11 in a tunnel, read by its form",
            Self::EspNull => "IPsec ESP without encryption, read by its form",
        })
    }
}

/// Who sent a packet to whom, as far as the headers that were read tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Between {
    /// Source and destination of the innermost IP header.
    Hosts(IpAddr, IpAddr),
    /// Source and destination of the Ethernet header.
    Stations([u8; 6], [u8; 6]),
    /// No header tells.
    #[default]
    Unknown,
}

impl Between {
    /// Whether the packet went to a group (multicast, broadcast), which no request over HTTP does.
    pub fn is_to_group(self) -> bool {
        match self {
            Self::Hosts(_, IpAddr::V4(to)) => to.is_multicast() || to.is_broadcast(),
            Self::Hosts(_, IpAddr::V6(to)) => to.is_multicast(),
            Self::Stations(_, [first, ..]) => first & 1 == 1,
            Self::Unknown => false,
        }
    }

    /// The same for both directions: the smaller address first.
    #[must_use]
    pub fn unordered(self) -> Self {
        match self {
            Self::Hosts(a, b) => {
                Self::Hosts(a.to_canonical().min(b.to_canonical()), a.to_canonical().max(b.to_canonical()))
            }
            Self::Stations(a, b) => Self::Stations(a.min(b), a.max(b)),
            Self::Unknown => self,
        }
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(a, b) => write!(f, "between {a} and {b}"),
            Self::Stations(a, b) => write!(f, "between {} and {}", Station(a), Station(b)),
            Self::Unknown => f.write_str("between unknown addresses"),
        }
    }
}

/// A link-layer address in its usual notation.
struct Station<'a>(&'a [u8; 6]);

impl fmt::Display for Station<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Display for PacketSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(n) => write!(f, "link type {n} is not dissected"),
            Self::EtherType(n) => write!(f, "EtherType 0x{n:04x} is not IP"),
            Self::IpProtocol(n) => match protocol_name(*n) {
                "" => write!(f, "IP protocol {n} is not dissected"),
                name => write!(f, "IP protocol {n} ({name}) is not dissected"),
            },
            Self::Control(name) => write!(f, "{name} carries no HTTP"),
            Self::Protocol(name) => write!(f, "{name} is not dissected"),
            Self::Malformed(what) => write!(f, "damaged {what} header"),
            Self::TooDeep => f.write_str("too many nested headers"),
            Self::Fragment => f.write_str("IP fragment without the rest of its datagram"),
            Self::Encrypted(what) => write!(f, "encrypted by {what}"),
            Self::Datagram(port) => write!(f, "UDP of an unknown protocol, port {port}, is not dissected"),
        }
    }
}

/// IANA's word for some IP protocols that can carry somebody's data.
const fn protocol_name(number: u8) -> &'static str {
    match number {
        33 => "DCCP",
        98 => "ENCAP",
        99 => "private encryption",
        132 => "SCTP",
        133 => "Fibre Channel",
        136 => "UDP-Lite",
        137 => "MPLS",
        _ => "",
    }
}

impl Note {
    /// A note about a place.
    pub const fn at(at: At, kind: NoteKind) -> Self {
        Self { at: Some(at), connection: None, kind }
    }

    /// A note about the input as a whole.
    pub const fn input(kind: NoteKind) -> Self {
        Self { at: None, connection: None, kind }
    }
}
