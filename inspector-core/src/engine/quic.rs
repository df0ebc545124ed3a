//! QUIC flows: recognised and counted, so that what cannot be read is not passed over in silence.

use std::{collections::HashMap, net::SocketAddr};

use foldhash::fast::RandomState;

use crate::{
    connection::{Application, ConnectionReport, Reason, Transport},
    evidence::{At, ConnectionId, Endpoint},
    flow::Connection,
    limits::Limits,
    packet::{
        Datagram,
        quic::{self, ClientInitials},
    },
};

/// The QUIC conversations of a recording, by their two ends.
pub(super) struct QuicFlows {
    flows: HashMap<(Endpoint, Endpoint), Flow, RandomState>,
    most: usize,
}

struct Flow {
    id: ConnectionId,
    first: At,
    last: At,
    client: Endpoint,
    server: Endpoint,
    packets: u64,
    bytes: [u64; 2],
    server_name: Option<String>,
    /// The client's handshake, until its name is read.
    initials: Option<Box<ClientInitials>>,
}

impl QuicFlows {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { flows: HashMap::default(), most: limits.connections }
    }

    /// Counts a datagram; `true` if it begins a QUIC conversation that is not known yet.
    pub(super) fn push(&mut self, datagram: &Datagram<'_>, limits: &Limits) -> bool {
        // Only a conversation that began with a long header is QUIC: its later short headers have no mark of their own.
        if let Some(flow) = self.flows.get_mut(&key(datagram)) {
            flow.last = datagram.at;
            flow.packets += 1;
            let side = usize::from(datagram.source == flow.server);
            if let Some(bytes) = flow.bytes.get_mut(side) {
                *bytes += datagram.payload.len() as u64;
            }
            if side == 0 {
                flow.read_name(datagram, limits);
            }
            return false;
        }
        quic::long_header(datagram.payload).is_some() && self.flows.len() < self.most
    }

    /// Begins a conversation.
    pub(super) fn open(&mut self, datagram: &Datagram<'_>, id: ConnectionId, limits: &Limits) {
        let to_client = datagram.source.port < 1024 && datagram.destination.port >= 1024;
        let (client, server) =
            if to_client { (datagram.destination, datagram.source) } else { (datagram.source, datagram.destination) };
        let mut flow = Flow {
            id,
            first: datagram.at,
            last: datagram.at,
            client,
            server,
            packets: 1,
            bytes: if to_client { [0, datagram.payload.len() as u64] } else { [datagram.payload.len() as u64, 0] },
            server_name: None,
            initials: Some(Box::default()),
        };
        if !to_client {
            flow.read_name(datagram, limits);
        }
        self.flows.insert(key(datagram), flow);
    }

    /// The reports of all conversations, in the order of their first packets.
    pub(super) fn finish(&mut self) -> Vec<ConnectionReport> {
        let mut flows: Vec<Flow> = self.flows.drain().map(|(_, flow)| flow).collect();
        flows.sort_by_key(|flow| flow.id);
        flows.into_iter().map(Flow::report).collect()
    }
}

impl Flow {
    /// Looks for the name in the client's first packets; a handshake of so many has none that can be read.
    fn read_name(&mut self, datagram: &Datagram<'_>, limits: &Limits) {
        const INITIALS: u64 = 16;
        let Some(initials) = &mut self.initials else { return };
        self.server_name = initials.push(datagram.payload, limits);
        if self.server_name.is_some() || self.packets > INITIALS {
            self.initials = None;
        }
    }

    fn report(self) -> ConnectionReport {
        let name = self.server_name.as_deref().unwrap_or("unknown host");
        let detail = format!(
            "{} speaks QUIC (HTTP/3) with {name}; QUIC is recognised but not decrypted",
            SocketAddr::new(self.client.address, self.client.port)
        );
        ConnectionReport {
            connection: Connection {
                id: self.id,
                first: self.first,
                last: self.last,
                client: self.client,
                server: self.server,
                roles_known: true,
                from_start: [true; 2],
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

fn key(datagram: &Datagram<'_>) -> (Endpoint, Endpoint) {
    let (a, b) = (datagram.source, datagram.destination);
    if a <= b { (a, b) } else { (b, a) }
}
