//! What a connection speaks, told by its bytes.
//!
//! A connection begins as probing and becomes what its first bytes show. TLS holds another `App` for what is inside; a
//! `CONNECT` tunnel, an upgrade or a PROXY header starts over on the bytes that follow:
//!
//! ```text
//! Probing ─► Http1 ─ CONNECT 2xx ─► Probing ─► Tls ─► Probing ─► Http2
//!        └─► Opaque ─ a start line or a ClientHello at the head of a segment ─► Http1, Tls
//! ```
//!
//! Ports tell nothing: proxies, load balancers and test set-ups use any.

mod probe;

use sha2::{Digest as _, Sha256};

use self::probe::{Finding, Probing};
use crate::{
    connection::{Application, ConnectionReport, Plaintext, Reason, Transport},
    context::Context,
    evidence::At,
    exchange::{Exchange, Mark},
    flow::{Connection, End, Side, StreamEvent},
    http::{
        h1::{Http1, Next, Switch, SwitchTo},
        h2::Http2,
        websocket::WebSocket,
    },
    tls::session::{Tls, TlsEvent},
};

/// Layers inside layers: a TLS connection in a tunnel in a TLS connection is real, more is an attack.
const DEEPEST: u8 = 6;

/// The reader of one connection, or of what is inside one layer of it.
pub(crate) struct App {
    speaks: Speaks,
    /// What was recognised first and best.
    application: Application,
    depth: u8,
    /// Running digests of what is inside TLS, if asked for.
    digests: Option<Box<Digests>>,
    ended: [bool; 2],
    /// What followed HTTP, if it was switched away from.
    switched: Option<Followed>,
    /// Where the bytes end that were missing before it was known what is spoken, by `Side::index`.
    missed: [Option<u64>; 2],
    /// Bytes the client sent that were not read, though they may be requests.
    unread: u64,
}

/// What followed HTTP on a connection.
struct Followed {
    /// The authority a tunnel was asked to.
    tunnel: Option<Box<str>>,
    /// It is a protocol this program knows, and not HTTP.
    is_known: bool,
}

enum Speaks {
    Probing(Probing),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    /// The messages, and the exchange they belong to.
    WebSocket(Box<WebSocket>, Option<Box<Exchange>>),
    Tls(Box<Layer>),
    /// Bytes of no protocol this program reads.
    Opaque,
}

/// TLS and what is inside.
struct Layer {
    tls: Tls,
    inner: App,
}

#[derive(Default)]
struct Digests {
    bytes: [u64; 2],
    sha256: [Sha256; 2],
}

impl App {
    pub(crate) fn new(digests: bool) -> Self {
        Self::at_depth(0, digests)
    }

    fn at_depth(depth: u8, digests: bool) -> Self {
        Self {
            speaks: Speaks::Probing(Probing::default()),
            application: Application::Unknown,
            depth,
            digests: digests.then(Box::default),
            ended: [false; 2],
            switched: None,
            missed: [None; 2],
            unread: 0,
        }
    }

    /// The frame at which the oldest exchange that is not finished began.
    pub(crate) fn oldest_open(&self) -> Option<u64> {
        match &self.speaks {
            Speaks::Http1(http) => http.oldest_open().map(At::order),
            Speaks::Http2(http) => http.oldest_open().map(At::order),
            Speaks::WebSocket(_, exchange) => {
                exchange.as_ref().and_then(|exchange| exchange.request.as_ref()).map(|request| request.first.order())
            }
            Speaks::Tls(layer) => layer.inner.oldest_open(),
            Speaks::Probing(_) | Speaks::Opaque => None,
        }
    }

    /// Bytes of memory it takes besides its own, about.
    pub(crate) fn weight(&self) -> usize {
        let digests = self.digests.as_ref().map_or(0, |_| size_of::<Digests>());
        let speaks = match &self.speaks {
            Speaks::Probing(probing) => probing.weight(),
            Speaks::Http1(http) => http.weight(),
            Speaks::Http2(http) => http.weight(),
            Speaks::WebSocket(socket, exchange) => {
                let exchange = exchange.as_ref().map_or(0, |exchange| exchange.weight());
                size_of::<WebSocket>().saturating_add(socket.weight()).saturating_add(exchange)
            }
            Speaks::Tls(layer) => {
                size_of::<Layer>().saturating_add(layer.tls.weight()).saturating_add(layer.inner.weight())
            }
            Speaks::Opaque => 0,
        };
        speaks.saturating_add(digests)
    }

    /// Something happened on the connection.
    pub(crate) fn event(&mut self, event: StreamEvent<'_>, cx: &mut Context<'_>) {
        let standing = &mut cx.connection.standing;
        match event {
            StreamEvent::Data { side, offset, bytes, .. } => standing.reach(side, offset, bytes.len() as u64),
            StreamEvent::Gap { side, offset, bytes, .. } => standing.reach(side, offset, bytes),
            StreamEvent::End { .. } => {}
        }
        match event {
            StreamEvent::Data { side, bytes, at, .. } => self.data(side, bytes, at, cx),
            StreamEvent::Gap { side, bytes, at, .. } => self.gap(side, bytes, at, cx),
            StreamEvent::End { side, how, at } => self.end(side, how, at, cx),
        }
    }

    fn data(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        match &mut self.speaks {
            Speaks::Http1(http) => {
                if let Next::Switch(switch) = http.data(side, bytes, at, cx) {
                    self.switch(switch, at, cx);
                }
            }
            Speaks::Tls(layer) => {
                let Layer { tls, inner } = &mut **layer;
                tls.data(side, bytes, at, cx, &mut |event, cx| inner.tls_event(event, cx));
            }
            Speaks::Http2(http) => http.data(side, bytes, at, cx),
            Speaks::WebSocket(socket, _) => socket.data(side, bytes, cx.limits),
            Speaks::Opaque => {
                if let Some(finding) = probe::late(bytes) {
                    self.become_found(finding, cx);
                    self.data(side, bytes, at, cx);
                } else if side == Side::Client && self.switched.as_ref().is_some_and(|followed| !followed.is_known) {
                    self.unread = self.unread.saturating_add(bytes.len() as u64);
                }
            }
            Speaks::Probing(probing) => {
                let bytes = probing.without_proxy_header(side, bytes);
                if bytes.is_empty() {
                    return;
                }
                let Some(finding) = probing.push(side, bytes, at, cx) else { return };
                let held = probing.take();
                self.settle(finding, held, cx);
                self.data(side, bytes, at, cx);
            }
        }
    }

    /// What the connection speaks is found: takes the bytes that were held back meanwhile.
    fn settle(&mut self, finding: Finding, held: Vec<probe::Piece>, cx: &mut Context<'_>) {
        self.become_found(finding, cx);
        for piece in held {
            self.data(piece.side, &piece.bytes, piece.at, cx);
        }
    }

    fn become_found(&mut self, finding: Finding, cx: &Context<'_>) {
        let application = match finding {
            Finding::Http1 => Application::Http1,
            Finding::Http2 { .. } => Application::H2,
            Finding::Tls => self.application,
            Finding::Other(name) => name.map_or(Application::Unknown, Application::Other),
        };
        if matches!(self.application, Application::Unknown | Application::Other(_)) {
            self.application = application;
        }
        if let (Some(followed), Finding::Other(Some(_))) = (&mut self.switched, finding) {
            followed.is_known = true;
        }
        self.speaks = match finding {
            Finding::Http1 => Speaks::Http1(Box::new(Http1::behind(self.missed))),
            Finding::Http2 { from_start: true } => Speaks::Http2(Box::new(Http2::new(cx))),
            Finding::Http2 { from_start: false } => Speaks::Http2(Box::new(Http2::joined(cx))),
            Finding::Tls if self.depth < DEEPEST => Speaks::Tls(Box::new(Layer {
                tls: Tls::new(),
                inner: Self::at_depth(self.depth + 1, self.digests.is_some()),
            })),
            Finding::Tls | Finding::Other(_) => Speaks::Opaque,
        };
    }

    fn tls_event(&mut self, event: TlsEvent<'_>, cx: &mut Context<'_>) {
        match event {
            TlsEvent::Data { side, bytes, at } => {
                if let Some(digests) = &mut self.digests {
                    digests.push(side, bytes);
                }
                self.data(side, bytes, at, cx);
            }
            TlsEvent::Gap { side, bytes, at } => self.gap(side, bytes, at, cx),
            TlsEvent::End { side, how, at } => self.end(side, how, at, cx),
        }
    }

    fn gap(&mut self, side: Side, bytes: u64, at: At, cx: &mut Context<'_>) {
        match &mut self.speaks {
            Speaks::Http1(http) => {
                if let Next::Switch(switch) = http.gap(side, bytes, at, cx) {
                    self.switch(switch, at, cx);
                    self.gap(side, bytes, at, cx);
                }
            }
            Speaks::Tls(layer) => {
                let Layer { tls, inner } = &mut **layer;
                tls.gap(side, bytes, at, cx, &mut |event, cx| inner.tls_event(event, cx));
            }
            Speaks::Http2(http) => http.gap(side, bytes, cx),
            Speaks::WebSocket(socket, _) => socket.gap(side),
            Speaks::Probing(probing) => {
                // What came before the hole is all there is to tell by; if it does not, what follows may.
                if let Some(finding) = probing.decide(cx) {
                    let held = probing.take();
                    self.settle(finding, held, cx);
                    self.gap(side, bytes, at, cx);
                } else {
                    self.speaks = Speaks::Opaque;
                    self.miss(side, cx);
                }
            }
            Speaks::Opaque => self.miss(side, cx),
        }
    }

    /// Bytes of that side are missing in which anything may have been.
    const fn miss(&mut self, side: Side, cx: &Context<'_>) {
        let [client, server] = &mut self.missed;
        let [client_end, server_end] = cx.connection.standing.reached;
        let (missed, end) = if matches!(side, Side::Client) { (client, client_end) } else { (server, server_end) };
        *missed = Some(end);
    }

    fn end(&mut self, side: Side, how: End, at: At, cx: &mut Context<'_>) {
        let [client, server] = &mut self.ended;
        let ended = if side == Side::Client { client } else { server };
        if std::mem::replace(ended, true) {
            return;
        }
        match &mut self.speaks {
            Speaks::Http1(http) => http.end(side, how, at, cx),
            Speaks::Tls(layer) => {
                let Layer { tls, inner } = &mut **layer;
                tls.end(side, how, at, cx, &mut |event, cx| inner.tls_event(event, cx));
            }
            Speaks::Probing(probing) => {
                if probing.holds(side)
                    && let Some(finding) = probing.decide(cx)
                {
                    let held = probing.take();
                    self.settle(finding, held, cx);
                    self.ended = [false; 2];
                    self.end(side, how, at, cx);
                }
            }
            Speaks::Http2(http) => http.end(side, how),
            Speaks::WebSocket(..) | Speaks::Opaque => {}
        }
    }

    /// The connection is over.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if let Speaks::Probing(probing) = &mut self.speaks
            && let Some(finding) = probing.decide(cx)
        {
            let held = probing.take();
            self.settle(finding, held, cx);
        }
        match &mut self.speaks {
            Speaks::Http1(http) => http.close(cx),
            Speaks::Http2(http) => http.close(cx),
            Speaks::Tls(layer) => {
                let Layer { tls, inner } = &mut **layer;
                let session = tls.session();
                inner.close(&mut Context { tls: session.as_ref(), ..cx.reborrow() });
            }
            Speaks::WebSocket(socket, exchange) => {
                let socket = std::mem::replace(&mut **socket, WebSocket::new(b""));
                if let Some(exchange) = exchange.take() {
                    cx.sink.exchange(with_messages(*exchange, socket));
                }
            }
            Speaks::Probing(_) | Speaks::Opaque => {}
        }
    }

    /// HTTP/1 is over on this connection: goes on with what follows.
    fn switch(&mut self, switch: Switch, at: At, cx: &mut Context<'_>) {
        if let Speaks::Http1(http) = &mut self.speaks {
            http.close(cx);
            self.unread = self.unread.saturating_add(http.unread());
        }
        let Switch { to, client_rest, server_rest, client_at, server_at, exchange } = switch;
        let tunnel = match &to {
            SwitchTo::Tunnel { authority } => Some(String::from_utf8_lossy(authority).into()),
            _ => None,
        };
        self.switched = Some(Followed { tunnel, is_known: false });
        self.speaks = match to {
            SwitchTo::Tunnel { .. } | SwitchTo::Other { .. } => Speaks::Probing(Probing::default()),
            SwitchTo::WebSocket { extensions } => {
                self.application = Application::WebSocket;
                Speaks::WebSocket(Box::new(WebSocket::new(&extensions)), exchange)
            }
            SwitchTo::H2c { .. } => {
                self.application = Application::H2;
                let http = match exchange.and_then(|exchange| exchange.request) {
                    Some(request) => Http2::upgraded(cx, request),
                    None => Http2::new(cx),
                };
                Speaks::Http2(Box::new(http))
            }
        };
        if !client_rest.is_empty() {
            self.data(Side::Client, &client_rest, client_at.unwrap_or(at), cx);
        }
        if !server_rest.is_empty() {
            self.data(Side::Server, &server_rest, server_at.unwrap_or(at), cx);
        }
    }

    /// What became of the connection.
    pub(crate) fn report(self, connection: Connection, exchanges: u64) -> ConnectionReport {
        let application = self.innermost();
        let mut report = ConnectionReport {
            transport: Transport::Tcp,
            application,
            server_name: None,
            application_protocol: None,
            tls: None,
            client_randoms: Vec::new(),
            suite: None,
            decrypted: false,
            reason: None,
            detail: String::new(),
            exchanges,
            unread: self.unread(),
            tunnel: self.tunnel().map(str::to_owned),
            plaintext: None,
            connection,
        };
        if let Speaks::Tls(layer) = self.speaks {
            let facts = layer.tls.facts();
            report.server_name = facts.server_name;
            report.application_protocol = facts.application_protocol;
            report.tls = Some(facts.version);
            report.client_randoms = facts.client_randoms;
            report.suite = facts.suite;
            report.decrypted = facts.decrypted;
            report.reason = facts.reason;
            report.detail = facts.detail;
            report.plaintext = layer.inner.digests.filter(|_| facts.decrypted).map(|digests| digests.finish());
            if let Speaks::Tls(inner) = &layer.inner.speaks {
                // TLS in TLS: what is dark inside is dark.
                let facts = inner.tls.facts();
                report.client_randoms.extend(facts.client_randoms);
                if report.reason.is_none() && facts.reason.is_some() {
                    report.reason = facts.reason;
                    report.detail = facts.detail;
                    report.decrypted = false;
                }
            }
        }
        if report.reason.is_none() && exchanges == 0 {
            (report.reason, report.detail) = explain(&report);
        }
        report
    }

    /// Bytes of the client that were not read, in all layers.
    fn unread(&self) -> u64 {
        let inside = match &self.speaks {
            Speaks::Http1(http) => http.unread(),
            Speaks::Http2(http) => http.unread(),
            Speaks::Tls(layer) => layer.inner.unread(),
            Speaks::Probing(_) | Speaks::WebSocket(..) | Speaks::Opaque => 0,
        };
        self.unread.saturating_add(inside)
    }

    /// The authority of the innermost tunnel.
    fn tunnel(&self) -> Option<&str> {
        let inside = match &self.speaks {
            Speaks::Tls(layer) => layer.inner.tunnel(),
            _ => None,
        };
        inside.or_else(|| self.switched.as_ref()?.tunnel.as_deref())
    }

    fn innermost(&self) -> Application {
        match &self.speaks {
            Speaks::Tls(layer) => match layer.inner.innermost() {
                Application::Unknown => self.application,
                inner => inner,
            },
            _ => self.application,
        }
    }
}

/// Why a connection that was readable gave no HTTP.
fn explain(report: &ConnectionReport) -> (Option<Reason>, String) {
    let connection = &report.connection;
    if connection.bytes == [0; 2] {
        return (Some(Reason::Empty), "no application bytes were recorded on this connection".to_owned());
    }
    match report.application {
        Application::Other(name) if matches!(name, "smtp" | "imap" | "pop3" | "ftp" | "ldap" | "xmpp" | "postgres") => {
            (Some(Reason::StartTls), format!("the connection speaks {name}, not HTTP"))
        }
        Application::Other(name) => (Some(Reason::NotHttp), format!("the connection speaks {name}, not HTTP")),
        _ if connection.gaps != [0; 2] => {
            (Some(Reason::Gap), "bytes are missing at the place where HTTP would begin".to_owned())
        }
        Application::H2 => (Some(Reason::Empty), "HTTP/2 was set up, and no request was sent".to_owned()),
        _ => (Some(Reason::NotHttp), "the bytes are neither HTTP nor TLS".to_owned()),
    }
}

/// The exchange that upgraded to WebSocket, with the text messages as its contents.
fn with_messages(mut exchange: Exchange, socket: WebSocket) -> Exchange {
    let [client, server] = socket.into_texts();
    for (message, texts) in [(&mut exchange.request, client), (&mut exchange.response, server)] {
        if texts.cut || texts.lost {
            exchange.marks.add(if texts.cut { Mark::BodyLimit } else { Mark::BodyCut });
        }
        if let Some(message) = message
            && !texts.kept.is_empty()
        {
            message.body.kept = Some(texts.kept.into_boxed_slice());
        }
    }
    exchange
}

impl Digests {
    fn push(&mut self, side: Side, bytes: &[u8]) {
        let [client_bytes, server_bytes] = &mut self.bytes;
        let [client, server] = &mut self.sha256;
        let (count, digest) = if side == Side::Client { (client_bytes, client) } else { (server_bytes, server) };
        *count += bytes.len() as u64;
        digest.update(bytes);
    }

    fn finish(self) -> Plaintext {
        Plaintext { bytes: self.bytes, sha256: self.sha256.map(|digest| digest.finalize().into()) }
    }
}
