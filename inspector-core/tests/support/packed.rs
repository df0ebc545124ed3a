//! Compression around a recording without any compression in it, written byte by byte: a packer of this kind gives the
//! reader what it has to undo, and nothing else can be wrong with it.

/// A gzip member around the bytes, in stored blocks (RFC 1951 §3.2.4, RFC 1952).
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    stored(bytes, &mut out);
    let crc = bytes
        .iter()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1))));
    out.extend((!crc).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// A zlib stream around the bytes, in stored blocks (RFC 1950).
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x78\x01".to_vec();
    stored(bytes, &mut out);
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    out.extend((high << 16 | low).to_be_bytes());
    out
}

/// Stored blocks (RFC 1951 §3.2.4).
fn stored(bytes: &[u8], out: &mut Vec<u8>) {
    let mut blocks = bytes.chunks(60_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
}

/// A zstd frame around the bytes, in raw blocks (RFC 8878 §3.1.1): a window of 128 KiB, neither size nor checksum.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x28\xb5\x2f\xfd\x00\x38".to_vec();
    let mut blocks = bytes.chunks(100_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let header = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        out.extend(header.to_le_bytes().into_iter().take(3));
        out.extend(block);
    }
    out
}

/// An lz4 frame around the bytes, in uncompressed blocks of 64 KiB (LZ4 Frame Format 1.6.2): no sizes or checksums but that
/// of the descriptor.
pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x04\x22\x4d\x18\x60\x40\x82".to_vec();
    for block in bytes.chunks(64 << 10) {
        out.extend((0x8000_0000 | block.len() as u32).to_le_bytes());
        out.extend(block);
    }
    out.extend([0; 4]);
    out
}
