//! The vectors of the RFCs, and connections made for tests.

#[allow(unreachable_pub, reason = "the fuzz targets use it, too")]
#[path = "../../../tests/support/quic.rs"]
pub(crate) mod made;

use super::{
    packet::{Identifier, Kind, long},
    protection::{Protection, is_retry},
};
use crate::{flow::Side, tls::suites::Suite};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The destination all packets of the vectors are about.
fn destination() -> Identifier {
    Identifier::new(&hex("8394c8f03e515708")).unwrap()
}

/// The frames of an Initial packet.
fn initial(packet: &[u8], sender: Side) -> Option<(u64, Vec<u8>)> {
    let (packet, rest) = long(packet)?;
    assert_eq!((packet.kind, packet.is_cut, rest), (Kind::Initial, false, &b""[..]));
    let mut buffer = Vec::new();
    let mut keys = Protection::initial(packet.version, &destination(), sender)?;
    let opened = keys.open(packet.packet, packet.number, 0, &mut buffer)?;
    Some((opened.number, buffer[opened.frames.0..opened.frames.1].to_vec()))
}

/// RFC 9001 §A.2.
const CLIENT_INITIAL: &str = "\
    c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab \
    7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c8eb7539e \
    c4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711b39343fa028cea7f7fb5ff89eac2308249a0 \
    2252155e2347b63d58c5457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde5 \
    35d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760 \
    b7bad1db4ba3485e8a94dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e30c5c4287e53805db059ae0648db2f64264ed5e39 \
    be2e20d82df566da8dd5998ccabdae053060ae6c7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363a \
    a5f89937f5a67258bf63ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d874 \
    3eeb524be22b3dcbc2c7468d54119c7468449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663ac698 \
    90f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00f064c99e3dd97911d39fe9c5d0b23a229a234cb3 \
    6186c4819e8b9c5927726632291d6a418211cc2962e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe5896425c5bac4aee8 \
    2e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2c25e50fd14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c \
    1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff28f5b766953334113211996d20011a198e3fc433f9f2541010ae1 \
    7c1bf202580f6047472fb36857fe843b19f5984009ddc324044e847a4f4a0ab34f719595de37252d6235365e9b84392b0610 \
    85349d73203a4a13e96f5432ec0fd4a1ee65accdd5e3904df54c1da510b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3 \
    d8b4dae6e705769d1de354270123cb11450efc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03ade \
    a2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e72404790a2181014f3b94a4e97d117b438130368cc \
    39dbb2d198065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e566d44575c29d39a03f0cda721984b6f440591f35 \
    5e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca06948109f23f350db82123535eb8a7433bdabcb909271 \
    a6ecbcb58b936a88cd4e8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f76f0be79e2fb8f5d5fbb \
    e2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5aff4af300cd804a6b6279ab3ff3afb64 \
    491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc85244259ff2b19c41b9f96f3ca9ec1dde434da7d2d3 \
    92b905ddf3d1f9af93d1af5950bd493f5aa731b4056df31bd267b6b90a079831aaf579be0a39013137aac6d404f518cfd468 \
    40647e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934";

/// The ClientHello in it, in a CRYPTO frame.
const CLIENT_HELLO: &str = "\
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0000000 \
    10000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501000000000033 \
    00260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305 \
    0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000 \
    75300901100f088394c8f03e51570806048000ffff";

/// The frames of the server's Initial packets, of both versions.
const SERVER_FRAMES: &str = "\
    02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e003300 \
    24001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";

#[test]
fn initial_packets_of_rfc_9001() {
    let (number, frames) = initial(&hex(CLIENT_INITIAL), Side::Client).unwrap();
    let hello = hex(CLIENT_HELLO);
    assert_eq!((number, &frames[..hello.len()], frames.len()), (2, hello.as_slice(), 1162));
    let server = hex("\
    cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5 \
    a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4 \
    cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee");
    assert_eq!(initial(&server, Side::Server).unwrap(), (1, hex(SERVER_FRAMES)));
    // Nothing that was changed is opened, and nothing with the other side's keys.
    assert!(initial(&server, Side::Client).is_none());
    for place in [0, 3, 7, 13, 20, 60, server.len() - 1] {
        let mut damaged = server.clone();
        damaged[place] ^= 1;
        let opened = long(&damaged).and_then(|(packet, _)| {
            let mut keys = Protection::initial(packet.version, &destination(), Side::Server)?;
            keys.open(packet.packet, packet.number, 0, &mut Vec::new())
        });
        assert_eq!(opened, None, "{place}");
    }
}

#[test]
fn initial_packet_of_rfc_9369() {
    let server = hex("\
    dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf8726301791 \
    5358230035f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707 \
    f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140");
    assert_eq!(initial(&server, Side::Server).unwrap(), (1, hex(SERVER_FRAMES)));
}

#[test]
fn retry_packets() {
    for (version, packet) in [
        (1, "ff000000010008f067a5502a4262b574 6f6b656e04a265ba2eff4d829058fb3f 0f2496ba"),
        (0x6b33_43cf, "cf6b3343cf0008f067a5502a4262b574 6f6b656ec8646ce8bfe33952d9555436 65dcc7b6"),
    ] {
        let packet = hex(packet);
        let (read, _) = long(&packet).unwrap();
        assert_eq!(
            (read.kind, read.version, read.source.as_slice()),
            (Kind::Retry, version, &hex("f067a5502a4262b5")[..])
        );
        assert!(is_retry(version, &destination(), &packet));
        assert!(!is_retry(version, &Identifier::new(b"another").unwrap(), &packet));
        assert!(!is_retry(version, &destination(), &packet[..packet.len() - 1]));
    }
}

/// RFC 9001 §A.5, RFC 9369 §A.5: ChaCha20 hides the header, and the key that follows.
#[test]
fn short_header_with_chacha20() {
    let secret = hex("9ac312a7f877468ebe69422748ad00a1 5443f18203a07d6060f688f30f21632b");
    for (version, packet) in
        [(1, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"), (0x6b33_43cf, "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba")]
    {
        let mut keys = Protection::new(Suite::find(0x1303).unwrap(), version, &secret, None).unwrap();
        let mut buffer = Vec::new();
        let opened = keys.open(&hex(packet), 1, 654_360_564, &mut buffer).unwrap();
        assert_eq!((opened.number, &buffer[opened.frames.0..opened.frames.1]), (654_360_564, &[1][..]));
        // Too few bytes to take a sample of.
        assert_eq!(keys.open(&hex(packet)[..20], 1, 654_360_564, &mut buffer), None);
    }
}
