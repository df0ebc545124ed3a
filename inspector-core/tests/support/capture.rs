//! Captures of TCP over IPv4 on Ethernet, written byte by byte, and the HTTP/2 frames to put into them.

use super::NOW;

/// A capture in the classic format.
pub(crate) struct Capture {
    records: Vec<u8>,
    time: u64,
    connections: u16,
}

/// Ends of a connection: ports and addresses.
struct Ends {
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
}

/// A connection being written; packets go into the capture as they are sent.
pub(crate) struct Connection {
    ends: Ends,
    /// Next sequence numbers of client and server.
    next: [u32; 2],
}

impl Capture {
    pub(crate) fn new() -> Self {
        Self { records: Vec::new(), time: (NOW + 120) * 1_000_000, connections: 0 }
    }

    /// A connection to the server of the resource, in clear text.
    pub(crate) fn connect(&mut self) -> Connection {
        self.connect_to([10, 0, 0, 9], 80)
    }

    pub(crate) fn connect_to(&mut self, address: [u8; 4], port: u16) -> Connection {
        self.connections += 1;
        let client = ([10, 0, 0, 2], 40_000 + self.connections);
        let mut connection = Connection { ends: Ends { client, server: (address, port) }, next: [1000, 5000] };
        connection.packet(self, true, 0x02, b"");
        connection.next[0] += 1;
        connection.packet(self, false, 0x12, b"");
        connection.next[1] += 1;
        connection.packet(self, true, 0x10, b"");
        connection
    }

    /// A packet of another protocol above IPv4, from the client to the server.
    pub(crate) fn packet(&mut self, protocol: u8, payload: &[u8]) {
        let mut packet = vec![2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, 0x45, 0];
        packet.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 9]);
        packet.extend_from_slice(payload);
        self.record(&packet);
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0]);
        file.extend([0; 8]);
        file.extend(65_535_u32.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend_from_slice(&self.records);
        file
    }

    fn record(&mut self, packet: &[u8]) {
        self.time += 1000;
        let length = u32::try_from(packet.len()).unwrap();
        for number in [(self.time / 1_000_000) as u32, (self.time % 1_000_000) as u32, length, length] {
            self.records.extend(number.to_le_bytes());
        }
        self.records.extend_from_slice(packet);
    }
}

impl Connection {
    /// Sends bytes; they are recorded.
    pub(crate) fn send(&mut self, capture: &mut Capture, from_client: bool, bytes: &[u8]) {
        for piece in bytes.chunks(1400) {
            self.packet(capture, from_client, 0x18, piece);
            self.lose(from_client, piece.len());
        }
    }

    /// An exchange.
    pub(crate) fn exchange(&mut self, capture: &mut Capture, request: &[u8], response: &[u8]) {
        self.send(capture, true, request);
        self.send(capture, false, response);
    }

    /// Sends bytes that are not recorded.
    pub(crate) fn lose(&mut self, from_client: bool, bytes: usize) {
        self.next[usize::from(!from_client)] += u32::try_from(bytes).unwrap();
    }

    pub(crate) fn close(&mut self, capture: &mut Capture) {
        for from_client in [true, false] {
            self.packet(capture, from_client, 0x11, b"");
            self.next[usize::from(!from_client)] += 1;
        }
        self.packet(capture, true, 0x10, b"");
    }

    fn packet(&self, capture: &mut Capture, from_client: bool, flags: u8, payload: &[u8]) {
        let Ends { client, server } = self.ends;
        let [client_next, server_next] = self.next;
        let ((from, from_port), (to, to_port), sequence, acknowledged) = if from_client {
            (client, server, client_next, if flags == 0x02 { 0 } else { server_next })
        } else {
            (server, client, server_next, client_next)
        };
        let mut packet = vec![2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0];
        packet.extend([0x45, 0]);
        packet.extend(u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        packet.extend(from);
        packet.extend(to);
        packet.extend(from_port.to_be_bytes());
        packet.extend(to_port.to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend(acknowledged.to_be_bytes());
        packet.extend([5 << 4, flags, 0xfa, 0, 0, 0, 0, 0]);
        packet.extend_from_slice(payload);
        capture.record(&packet);
    }
}

/// The preface of an HTTP/2 client with its settings.
pub(crate) fn preface() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, b"")].concat()
}

/// A frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
