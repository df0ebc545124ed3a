//! What became of a QUIC connection, in the words of `inspector doctor`.

use std::fmt::Write as _;

use super::{connection::Connection, handshake::Early};
use crate::{
    connection::{Application, ConnectionReport, Reason, Transport},
    secrets::keylog::{Keys, Label},
    tls::suites::Suite,
};

impl Connection {
    /// What became of it, once it is over.
    pub(crate) fn report(mut self, keys: &Keys, exchanges: u64) -> ConnectionReport {
        let [client, server] = &self.sides;
        let opened = client.opened + server.opened;
        let early = if self.handshake.early == Early::Refused { 0 } else { client.dark_early };
        let dark = client.dark + server.dark + early;
        let decrypted = opened > 0 && dark == 0;
        let application = self.application(opened, exchanges);
        let gaps = self.connection.gaps != [0; 2];
        let reason = if decrypted {
            match application {
                _ if exchanges > 0 => None,
                Application::Other(_) => Some(Reason::NotHttp),
                _ if gaps => Some(Reason::Gap),
                _ => Some(Reason::Empty),
            }
        } else {
            Some(self.why_dark(keys, opened))
        };
        let detail = reason.map_or_else(String::new, |reason| self.detail(keys, reason, application));
        let [other, _] = self.other;
        let is_http = !matches!(application, Application::Other(_));
        let suite = self.handshake.suite_name();
        ConnectionReport {
            transport: Transport::Quic,
            application,
            server_name: self.handshake.server_name.take(),
            application_protocol: self.handshake.application_protocol.take(),
            tls: Some("1.3"),
            client_randoms: self.handshake.client_random.into_iter().collect(),
            suite,
            decrypted,
            reason,
            detail,
            exchanges,
            unread: self.unread + if is_http { other } else { 0 },
            tunnel: None,
            plaintext: None,
            connection: self.connection,
        }
    }

    fn application(&self, opened: u64, exchanges: u64) -> Application {
        match self.handshake.application_protocol.as_deref() {
            Some("doq") => Application::Other("doq"),
            Some("hq-interop") => Application::Other("hq-interop"),
            Some(_) if !self.handshake.may_be_http() => Application::Other("quic"),
            _ if exchanges > 0 || (opened > 0 && self.handshake.application_protocol.is_some()) => Application::H3,
            _ => Application::Unknown,
        }
    }

    fn why_dark(&self, keys: &Keys, opened: u64) -> Reason {
        let [client, server] = &self.sides;
        if self.version == 0 && !self.known && self.is_foreign {
            return Reason::Quic;
        }
        if self.overflowed {
            return Reason::Limit;
        }
        let Some(random) = self.handshake.client_random else { return Reason::HandshakeMissing };
        let dark = client.dark + server.dark;
        // Nobody sent any application data, and one side said that it is over.
        let nothing = opened + dark + client.dark_early == 0;
        if nothing && (client.closed || server.closed || self.negotiates) {
            return Reason::HandshakeFailed;
        }
        let has = |label| keys.secret(label, &random).is_some();
        if has(Label::ClientTraffic) && has(Label::ServerTraffic) {
            let only_early = dark == 0 && client.dark_early > 0;
            return match self.handshake.suite {
                Some(suite) if !Suite::find(suite).is_some_and(Suite::is_tls13) => Reason::SuiteUnsupported,
                _ if nothing => Reason::Gap,
                _ if only_early && !has(Label::ClientEarlyTraffic) => Reason::KeyIncomplete,
                _ => Reason::NotAuthentic,
            };
        }
        if keys.secret(Label::ClientRandom, &random).is_some() {
            return Reason::WrongKeyKind;
        }
        if keys.knows(&random) {
            return Reason::KeyIncomplete;
        }
        if keys.sessions() == 0 {
            return match keys.private_keys() {
                [] if keys.are_empty_logs() => Reason::KeyLogEmpty,
                [] => Reason::NoKey,
                _ => Reason::ForwardSecrecy,
            };
        }
        if self.handshake.encrypted_client_hello { Reason::EncryptedClientHello } else { Reason::NoKey }
    }

    fn detail(&self, keys: &Keys, reason: Reason, application: Application) -> String {
        let [client, server] = &self.sides;
        let mut text = match reason {
            Reason::KeyLogEmpty => String::from("the key log that was given is empty"),
            Reason::NoKey if keys.is_empty() => String::from("no keys were given"),
            Reason::NoKey => String::from("the keys have no secret for this connection"),
            Reason::WrongKeyKind => {
                String::from("the key log has a CLIENT_RANDOM line for it, but QUIC needs the traffic secrets")
            }
            Reason::KeyIncomplete => String::from("the key log has some, but not all secrets of this connection"),
            Reason::HandshakeMissing if !self.known => String::from("the recording begins after the ClientHello"),
            Reason::HandshakeMissing => String::from("the ClientHello is not whole"),
            Reason::ForwardSecrecy => {
                String::from("a private key cannot open QUIC: its key exchange has forward secrecy")
            }
            Reason::SuiteUnsupported => String::from("the cipher suite is not supported"),
            Reason::NotAuthentic => format!(
                "{} packets failed their authentication: wrong secrets, damaged or cut bytes",
                client.dark + client.dark_early + server.dark
            ),
            Reason::EncryptedClientHello => {
                String::from("the client hello is encrypted (or pretends to be), and no secret fits the outer one")
            }
            Reason::HandshakeFailed => String::from("the handshake ended before application data"),
            Reason::Limit => String::from("its packets came too long before their keys and were not all kept"),
            Reason::Quic => String::from("a version of QUIC that is not decrypted"),
            Reason::NotHttp => format!(
                "the connection speaks {} over QUIC, not HTTP/3",
                match application {
                    Application::Other("quic") => "another protocol",
                    other => other.as_str(),
                }
            ),
            Reason::Gap => String::from("packets are missing where requests would be"),
            Reason::Empty => String::from("HTTP/3 was set up, and no request was sent"),
            _ => String::new(),
        };
        let version = match self.version {
            0 => None,
            1 => Some("QUIC version 1".to_owned()),
            super::version::VERSION_2 => Some("QUIC version 2".to_owned()),
            version => Some(format!("QUIC version 0x{version:08x}")),
        };
        let random = self.handshake.client_random.map(|random| {
            let digits: String = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("client random {digits}…")
        });
        let suite = self.handshake.suite_name().map(std::borrow::Cow::into_owned);
        let joined = (!self.known).then(|| "joined midway".to_owned());
        let particulars: Vec<_> = [version, suite, random, joined].into_iter().flatten().collect();
        if !particulars.is_empty() {
            let _ = write!(text, " ({})", particulars.join(", "));
        }
        text
    }
}
