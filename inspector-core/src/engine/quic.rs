//! QUIC flows: recognised and counted, so that what cannot be read is not passed over in silence.

use std::net::SocketAddr;

use super::{
    datagrams::{Unread, ends},
    ordinary::HTTPS,
};
use crate::{
    connection::{Application, ConnectionReport, Reason, Transport},
    evidence::{At, ConnectionId, Endpoint},
    flow::Connection,
    limits::Limits,
    packet::{Datagram, quic::ClientInitials},
};

/// A QUIC conversation.
pub(super) struct QuicFlow {
    pub(super) id: ConnectionId,
    first: At,
    last: At,
    client: Endpoint,
    server: Endpoint,
    /// Ports or the handshake tell who is the client.
    roles_known: bool,
    /// Its handshake is in the recording.
    from_start: bool,
    packets: u64,
    bytes: [u64; 2],
    server_name: Option<String>,
    /// The client's handshake, until its name is read.
    initials: Option<Box<ClientInitials>>,
}

impl QuicFlow {
    /// Begins with this datagram, which is still to be pushed.
    pub(super) fn open(datagram: &Datagram<'_>, id: ConnectionId, from_start: bool) -> Self {
        Self::between(datagram.source, datagram.destination, datagram.at, id, from_start)
    }

    /// A conversation of which only short headers were recorded.
    pub(super) fn of(unread: &Unread, id: ConnectionId) -> Self {
        let mut flow = Self::between(unread.source, unread.destination, unread.first, id, false);
        flow.follow(unread);
        flow.last = unread.last;
        flow
    }

    fn between(source: Endpoint, destination: Endpoint, first: At, id: ConnectionId, from_start: bool) -> Self {
        // A port of a service tells the server; else the first to send is taken for the client.
        let is_service = |end: Endpoint| end.port == HTTPS || end.port < 1024;
        let to_client = is_service(source) && !is_service(destination);
        let roles_known = from_start || is_service(source) != is_service(destination);
        let (client, server) = if to_client { (destination, source) } else { (source, destination) };
        Self {
            id,
            first,
            last: first,
            client,
            server,
            roles_known,
            from_start,
            packets: 0,
            bytes: [0; 2],
            server_name: None,
            initials: Some(Box::default()),
        }
    }

    /// What came before of the same conversation.
    pub(super) fn follow(&mut self, earlier: &Unread) {
        self.first = earlier.first;
        for (sender, address) in earlier.sides.iter().zip([earlier.source, earlier.destination]) {
            self.count(address, sender.packets, sender.bytes);
        }
    }

    /// Its two ends, in the same order for both directions.
    pub(super) fn key(&self) -> (Endpoint, Endpoint) {
        ends(self.client, self.server)
    }

    fn count(&mut self, source: Endpoint, packets: u64, bytes: u64) {
        self.packets += packets;
        let [client, server] = &mut self.bytes;
        *(if source == self.server { server } else { client }) += bytes;
    }

    /// Counts a datagram, and looks for the server's name in the client's.
    pub(super) fn push(&mut self, datagram: &Datagram<'_>, limits: &Limits) {
        self.last = datagram.at;
        self.count(datagram.source, 1, datagram.payload.len() as u64);
        if datagram.source == self.client {
            self.read_name(datagram, limits);
        }
    }

    /// Looks for the name in the client's first packets; a handshake of so many has none that can be read.
    fn read_name(&mut self, datagram: &Datagram<'_>, limits: &Limits) {
        const INITIALS: u64 = 16;
        let Some(initials) = &mut self.initials else { return };
        self.server_name = initials.push(datagram.payload, limits);
        if self.server_name.is_some() || self.packets > INITIALS {
            self.initials = None;
        }
    }

    pub(super) fn report(self) -> ConnectionReport {
        let name = self.server_name.as_deref().unwrap_or("unknown host");
        let client = SocketAddr::new(self.client.address, self.client.port);
        let joined = if self.from_start { "" } else { " and was joined midway" };
        let detail = format!("{client} speaks QUIC (HTTP/3) with {name}; QUIC is recognised but not decrypted{joined}");
        ConnectionReport {
            connection: Connection {
                id: self.id,
                first: self.first,
                last: self.last,
                client: self.client,
                server: self.server,
                roles_known: self.roles_known,
                from_start: [self.from_start; 2],
                packets: self.packets,
                gaps: [0; 2],
                bytes_missing: [0; 2],
                duplicates: 0,
                overlaps_differing: 0,
                strays: 0,
                standing: crate::flow::Standing::default(),
                bytes: self.bytes,
            },
            transport: Transport::Quic,
            application: Application::Unknown,
            server_name: self.server_name,
            application_protocol: None,
            tls: Some("1.3"),
            suite: None,
            decrypted: false,
            reason: Some(Reason::Quic),
            detail,
            exchanges: 0,
            unread: 0,
            tunnel: None,
            plaintext: None,
        }
    }
}
