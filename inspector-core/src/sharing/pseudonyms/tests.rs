//! Names and addresses, in texts and in packets.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;
use crate::{
    evidence::At,
    packet::Dissector,
    packet::frame::{Frame, LinkType},
    rules::testing,
    sharing::readdress::Addresses,
};

const TENANT: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

fn all(key: &[u8]) -> Pseudonyms {
    Pseudonyms::new(Who::ALL, key)
}

/// One that knows these names.
fn knowing(key: &[u8]) -> Pseudonyms {
    let mut names = all(key);
    names.user("CONTOSO\\megan.bowen");
    names.user("Adele Vance");
    names.host("mail.contoso.com");
    names.host("files.ibm.com");
    names.tenant(TENANT);
    names.settle().unwrap();
    names
}

fn said(names: &mut Pseudonyms, text: &str) -> String {
    String::from_utf8(names.bytes(text.as_bytes().to_vec())).unwrap()
}

#[test]
fn a_name_is_one_name_wherever_it_stands() {
    let mut names = knowing(b"a key");
    let user = said(&mut names, "megan.bowen");
    let domain = said(&mut names, "contoso");
    let tenant = said(&mut names, TENANT);
    assert!(user != "megan.bowen" && domain != "contoso" && tenant != TENANT);
    assert!(crate::redact::opaque::is_uuid(&tenant), "{tenant}");
    let base = |text: &str| STANDARD.encode(text);
    for (text, wanted) in [
        ("megan.bowen@contoso.com".to_owned(), format!("{user}@{domain}.com")),
        ("https://mail.contoso.com/owa".to_owned(), format!("https://mail.{domain}.com/owa")),
        (
            "CONTOSO\\Megan.Bowen".to_owned(),
            format!("{}\\{}", domain.to_uppercase(), name::in_case(&user, "Megan.Bowen")),
        ),
        ("u=megan.bowen%40contoso.com".to_owned(), format!("u={user}%40{domain}.com")),
        ("d=contoso%5Cmegan.bowen".to_owned(), format!("d={domain}%5C{user}")),
        (
            format!("Basic {}", base("contoso\\megan.bowen:x")),
            format!("Basic {}", base(&format!("{domain}\\{user}:x"))),
        ),
        (base(&base("megan.bowen")), base(&base(&user))),
        (format!("https://sts.windows.net/{TENANT}/"), format!("https://sts.windows.net/{tenant}/")),
        (
            format!("00000004-0000-0ff1-ce00-000000000000@{TENANT}"),
            format!("00000004-0000-0ff1-ce00-000000000000@{tenant}"),
        ),
    ] {
        assert_eq!(said(&mut names, &text), wanted, "{text}");
    }
    // Neither parts of other words nor what is everybody's.
    for text in ["contosos", "mycontoso", "ibm is a company", "accounts.accesscontrol.windows.net", "mail.example.com"]
    {
        assert_eq!(said(&mut names, text), text);
    }
    assert!(!said(&mut names, "files.ibm.com").contains("ibm"));
    let again = said(&mut knowing(b"a key"), "megan.bowen at contoso.com");
    assert_eq!(again, format!("{user} at {domain}.com"), "the same key gives the same names");
    assert_ne!(said(&mut knowing(b"another"), "megan.bowen"), user);
}

#[test]
fn tokens_of_an_exchange_tell_the_same_of_others() {
    let token = testing::outer(&format!("00000004-0000-0ff1-ce00-000000000000@{TENANT}"));
    let text = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {token}\n\n\
         HTTP/1.1 200 OK\n\nContact megan.bowen@contoso.com about {TENANT}"
    );
    let exchange = testing::exchanges(&text).remove(0);
    let mut redactor = crate::sharing::Redactor::default().pseudonymising(all(b"k"));
    redactor.learn(&exchange, &Limits::default());
    redactor.settle().unwrap();
    let new = redactor.exchange(&exchange);
    let shown = format!(
        "{}{}{}",
        String::from_utf8_lossy(new.request.as_ref().unwrap().head.bytes()),
        String::from_utf8_lossy(new.response.as_ref().unwrap().head.bytes()),
        String::from_utf8_lossy(new.response.as_ref().unwrap().body.kept.as_deref().unwrap_or_default())
    );
    let search = redactor.pseudonyms().unwrap().search().unwrap();
    assert!(!search.is_in(shown.as_bytes()), "{shown}");
    assert!(search.is_in(text.as_bytes()) && search.is_in(token.as_bytes()));
    assert!(!shown.contains("contoso") && !shown.contains("megan"), "{shown}");
    let [before, after] = [&exchange, &new].map(|one| testing::judge_exchanges(testing::policy(), vec![one.clone()]));
    assert_eq!(before.outcome, after.outcome);
}

#[test]
fn addresses_are_found_where_they_stand() {
    let mut names = all(b"k");
    names.settle().unwrap();
    for (text, changed) in [
        ("from 203.0.113.7:443, then", true),
        ("(8.8.4.4)", true),
        ("X-Forwarded-For: 10.20.30.40", true),
        ("fe80::1ff:fe23:4567:890a", true),
        ("[2001:db8:85a3::8a2e:370:7334]:443", true),
        ("127.0.0.1 and ::1 and 0.0.0.0", false),
        ("Client/1.0.0.0", false),
        ("1.2.3.4.5 and 300.1.1.1 and 12:30:45", false),
        ("a1.2.3.4", false),
    ] {
        let new = said(&mut names, text);
        assert_eq!(new.len(), text.len(), "{new}");
        assert_eq!(new != text, changed, "{text} {new}");
    }
    let one = said(&mut names, "2001:db8:85a3::8a2e:370:7334");
    let same = said(&mut names, "2001:0db8:85a3:0000:0000:8a2e:0370:7334");
    assert_eq!(one.parse::<Ipv6Addr>().unwrap(), same.parse::<Ipv6Addr>().unwrap());
}

/// What a network is, as the judgement tells them apart.
fn class(address: Ipv4Addr) -> [bool; 6] {
    [
        address.is_private(),
        address.is_loopback(),
        address.is_link_local(),
        address.is_multicast(),
        address.is_broadcast(),
        address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]),
    ]
}

proptest! {
    #[test]
    fn neighbours_stay_neighbours(one: u32, other: u32, bits in 0_u32..33) {
        let names = all(b"k");
        // Of every closeness.
        let other = if bits == 0 { other } else { (one & !(u32::MAX >> (bits - 1) >> 1)) | (other & (u32::MAX >> (bits - 1) >> 1)) };
        let map = |bits: u32| match address::mapped(&names.key, IpAddr::V4(Ipv4Addr::from(bits))) {
            IpAddr::V4(new) => new,
            IpAddr::V6(_) => unreachable!(),
        };
        let (old, new) = ([Ipv4Addr::from(one), Ipv4Addr::from(other)], [map(one), map(other)]);
        let common = |pair: [Ipv4Addr; 2]| pair[0].octets().iter().zip(pair[1].octets()).take_while(|(a, b)| **a == *b).count();
        prop_assert_eq!(common(old), common(new));
        for (old, new) in old.into_iter().zip(new) {
            prop_assert_eq!(class(old), class(new), "{} {}", old, new);
            prop_assert_eq!(old.to_string().len(), new.to_string().len());
        }
    }

    #[test]
    fn texts_keep_their_lengths(text in "\\PC{0,80}", at in 0_usize..80) {
        let mut names = knowing(b"k");
        let at = text.floor_char_boundary(at.min(text.len()));
        let text = format!("{}megan.bowen@contoso.com{}", &text[..at], &text[at..]);
        let new = said(&mut names, &text);
        prop_assert_eq!(new.len(), text.len());
    }
}

/// Sums that are right are right again: of IPv4, TCP and UDP, over both versions of IP.
fn assert_sums(bytes: &[u8]) {
    let packet = SlicedPacket::from_ethernet(bytes).unwrap();
    let net = packet.net.as_ref().unwrap();
    let transport = packet.transport.as_ref().unwrap();
    if let Some(header) = net.ipv4_ref().map(|ip| ip.header()) {
        assert_eq!(header.to_header().calc_header_checksum(), header.header_checksum());
    }
    let (is, wanted) = match (transport, net.ipv4_ref(), net.ipv6_ref()) {
        (TransportSlice::Tcp(tcp), Some(ip), _) => {
            (tcp.checksum(), tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap())
        }
        (TransportSlice::Tcp(tcp), _, Some(ip)) => {
            (tcp.checksum(), tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).unwrap())
        }
        (TransportSlice::Udp(udp), Some(ip), _) => {
            let header = udp.to_header();
            let ip = ip.header();
            (udp.checksum(), header.calc_checksum_ipv4_raw(ip.source(), ip.destination(), udp.payload()).unwrap())
        }
        _ => panic!("{packet:?}"),
    };
    assert_eq!(is, wanted);
}

#[test]
fn packets_get_other_addresses_and_right_sums() {
    let (v4, other) = ([203, 0, 113, 7], [81, 20, 30, 40]);
    let (v6, peer) =
        ("2a01:db8::7".parse::<Ipv6Addr>().unwrap().octets(), "2a01:db8::99".parse::<Ipv6Addr>().unwrap().octets());
    let mut tcp4 = Vec::new();
    let data = b"GET / HTTP/1.1\r\n\r\n";
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(v4, other, 64).tcp(5000, 80, 7, 1000).write(&mut tcp4, data).unwrap();
    let mut tcp6 = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(v6, peer, 64).tcp(5000, 80, 7, 1000).write(&mut tcp6, data).unwrap();
    let mut dns = Vec::new();
    let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x04mail\x07contoso\x03com\0\0\x01\0\x01";
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(v4, other, 64).udp(5353, 53).write(&mut dns, query).unwrap();
    let mut names = knowing(b"k");
    let mut addresses = Addresses::default();
    for address in [IpAddr::from(v4), IpAddr::from(other), IpAddr::from(v6), IpAddr::from(peer)] {
        addresses.add(address, &mut names);
    }
    for packet in [&tcp4, &tcp6, &dns] {
        assert_sums(packet);
        let at = At::Frame { number: 1, time: None };
        let length = packet.len() as u32;
        let frame = Frame { link: LinkType(1), at, original_length: length, interface: 0, bytes: packet, buffer: None };
        let new = addresses.rewrite(&frame, &mut Dissector::default(), &Limits::default(), &mut names);
        assert_eq!(new.len(), packet.len());
        assert_sums(&new);
        for old in [&v4[..], &other, &v6, &peer, b"contoso"] {
            assert!(!new.windows(old.len()).any(|window| window == old), "{old:?}");
        }
    }
}

#[test]
fn no_two_names_become_one() {
    let mut names = all(b"k");
    for number in 0..5000 {
        names.user(&format!("user{number:04}"));
        names.host(&format!("h{number}.org"));
    }
    let new: HashSet<&str> = names.known.values().map(|(_, name)| &**name).collect();
    assert_eq!(new.len(), names.known.len());
    assert!(names.known.iter().all(|(old, (_, name))| old.len() == name.len()));
}
