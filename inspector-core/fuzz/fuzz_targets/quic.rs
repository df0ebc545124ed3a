//! QUIC datagrams with packets that are sealed here, so that frames are reached. After a handshake:
//!
//! ```text
//! | side 1 bit, what, 3 bits, number, 4 bits | length, 2 | bytes |  again and again
//!   what: 0-2 frames of a short header, 3 of an Initial packet, 4 of a Handshake packet, 5 the bytes as they are,
//!         6 an earlier datagram again, cut, 7 the keys are updated (even), the client comes from another port (odd)
//! ```
#![no_main]

use inspector_core_fuzz::{
    hear_bytes, limits,
    quic::{Maker, client_hello, crypto, encrypted_extensions, key_log, server_hello, stream},
};
use libfuzzer_sys::fuzz_target;

/// Adds a packet block to a pcapng file.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.resize(file.len() + padded - body.len(), 0);
    file.extend(length);
}

/// A UDP datagram between a client's port and 443.
fn datagram(file: &mut Vec<u8>, is_client: bool, port: u16, payload: &[u8]) {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let ([from, to], [source, destination]) =
        if is_client { ([client, server], [port, 443]) } else { ([server, client], [443, port]) };
    let payload = &payload[..payload.len().min(60_000)];
    let length = (payload.len() + 28) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from);
    packet.extend(to);
    packet.extend([source, destination, length - 20, 0].map(u16::to_be_bytes).concat());
    packet.extend(payload);
    let size = packet.len() as u32;
    let header = [0, 0, 0, size, size].map(u32::to_le_bytes).concat();
    block(file, 6, &[header, packet].concat());
}

fuzz_target!(|input: &[u8]| {
    let limits = limits(input);
    let mut file = Vec::new();
    block(&mut file, 0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    block(&mut file, 1, &[101, 0, 0, 0, 0, 0, 0, 0]);
    let log = key_log();
    let secrets = [&0x544c_534b_u32.to_le_bytes()[..], &(log.len() as u32).to_le_bytes(), log.as_bytes()].concat();
    block(&mut file, 10, &secrets);
    let version = if input.first().is_some_and(|byte| byte & 1 == 1) { 0x6b33_43cf } else { 1 };
    let mut client = Maker::new(true, version, b"original", b"client's");
    let mut server = Maker::new(false, version, b"client's", b"server's");
    let mut port = 50_000;
    let hello = client.initial(&[crypto(0, &client_hello("mail.contoso.com")), vec![0; 200]].concat());
    client.destination = b"server's".to_vec();
    let first = server.initial(&crypto(0, &server_hello()));
    let second = server.handshake(&crypto(0, &encrypted_extensions("h3")));
    let settings = server.short(&stream(3, 0, &[0, 4, 3, 1, 0x50, 0], false));
    let mut sent = vec![(true, hello), (false, [first, second, settings].concat())];
    for (is_client, bytes) in &sent {
        datagram(&mut file, *is_client, port, bytes);
    }
    let mut script = input;
    while let Some(([operation, low, high], rest)) = script.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (bytes, after) = rest.split_at(rest.len().min(length));
        script = after;
        let is_client = operation & 0x80 == 0;
        let maker = if is_client { &mut client } else { &mut server };
        // A sample takes so many bytes.
        let frames = [bytes, &[0; 4]].concat();
        maker.numbers[2] += u32::from(operation & 0x0f == 0x0f);
        let made = match operation >> 4 & 7 {
            0..=2 => maker.short(&frames),
            3 => maker.initial(&frames),
            4 => maker.handshake(&frames),
            5 => bytes.to_vec(),
            6 => {
                let (_, bytes) = &sent[usize::from(operation & 0x0f) % sent.len()];
                bytes[..bytes.len().saturating_sub(length % 64)].to_vec()
            }
            _ => {
                if length % 2 == 0 {
                    maker.updates += 1;
                } else {
                    port = 50_000 + u16::from(operation & 0x0f);
                }
                continue;
            }
        };
        datagram(&mut file, is_client, port, &made);
        sent.push((is_client, made));
    }
    let heard = hear_bytes(file.as_slice(), 1, &limits);
    assert!(!heard.connections.is_empty(), "no report of a connection");
    if input.len() % 16 == 0 {
        assert_eq!(heard, hear_bytes(file.as_slice(), 3, &limits));
    }
});
