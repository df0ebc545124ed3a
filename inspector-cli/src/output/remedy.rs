//! What to do about a connection that could not be read, in the terms of whoever records.

use inspector_core::connection::Reason;

/// The remedy of a reason. `""` if there is nothing to do.
pub(crate) const fn of(reason: Reason) -> &'static str {
    match reason {
        Reason::NoKey => {
            "Give the session keys with --keys. Browsers and curl write them if SSLKEYLOGFILE is set before they start. \
             IIS and Exchange write none: record behind the load balancer where it is plain HTTP, take the load \
             balancer's key log, use the private key where TLS 1.2 has no forward secrecy, or record with Fiddler or a \
             browser as HAR. To keep capture and keys together: editcap --inject-secrets tls,keys.log in.pcap out.pcapng"
        }
        Reason::KeyLogEmpty => {
            "The key log that was given is empty. Copy it after the client has made its connections, and see that \
             SSLKEYLOGFILE was set before it started; then give it again with --keys."
        }
        Reason::WrongKeyKind => {
            "The key log knows this session, but by secrets of another TLS version. Log again with a client that knows \
             TLS 1.3 (lines CLIENT_TRAFFIC_SECRET_0 and SERVER_TRAFFIC_SECRET_0); TLS 1.2 needs CLIENT_RANDOM."
        }
        Reason::KeyIncomplete => {
            "The key log lacks some secrets of this session. Copy it after the client has ended, whole, and not only the \
             lines of one side or one label."
        }
        Reason::HandshakeMissing => {
            "Start the recording before the connection is opened: keys are found by the handshake's client random. \
             Restart the client, recycle the application pool, or wait for new connections; do not use a ring buffer that \
             drops the beginning."
        }
        Reason::ForwardSecrecy => {
            "A private key cannot open this suite. Use a key log; or, for a test only, let the server offer just \
             TLS_RSA_* suites of TLS 1.2 (on Windows: Disable-TlsCipherSuite, or the SSL Cipher Suite Order policy) and \
             record again; or record where the load balancer speaks plain HTTP."
        }
        Reason::PrivateKeyMismatch => {
            "Export the private key of the certificate this server really showed (compare the thumbprints; a load \
             balancer has one of its own), as PEM without password: openssl pkcs12 -in c.pfx -nodes -nocerts -out key.pem"
        }
        Reason::SuiteUnsupported => {
            "This program does not decrypt the suite. Wireshark may: export the decrypted traffic there, or record a HAR; \
             or let the server choose an AES-GCM suite."
        }
        Reason::NotAuthentic => {
            "The key fits the session, but a record is damaged or bytes before it are missing. Record again without loss \
             (larger buffer: tcpdump -B 65536, dumpcap -B 64), without a snap length, and with one side of a mirror only."
        }
        Reason::Gap => {
            "Packets are missing. Record again with -s 0 and a larger buffer (tcpdump -B 65536, dumpcap -B 64), on the \
             machine itself and not on an overloaded mirror port."
        }
        Reason::ResumptionUnknown => {
            "The session was resumed from one that was not recorded. Record from the client's start on, or give the key \
             log of the whole run."
        }
        Reason::EncryptedClientHello => {
            "The client hides the server's name (ECH). Give a key log of the client, or turn ECH off in it."
        }
        Reason::HandshakeFailed => {
            "TLS itself failed, so that no HTTP was sent. Look at the alert: version, suite, certificate or clock."
        }
        Reason::Quic => {
            "This version of QUIC is not decrypted. Turn QUIC off (chrome://flags, or block UDP 443) so that the client falls back to \
             TCP, and record again."
        }
        Reason::StartTls => "Another protocol that would turn to TLS later; HTTP is not in it.",
        Reason::NotHttp => "Another protocol. If it carries HTTP all the same, please report it with a sample.",
        Reason::Empty => {
            "No data was recorded on it: opened and closed, or only probed. Without data on any connection, the recorder \
             stripped it (pktmon: --pkt-size 0)."
        }
        Reason::Limit => "A limit of this program was reached; raise it with --max-memory.",
        _ => "",
    }
}

/// What a reason says, in a few words.
pub(crate) const fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::NoKey => "encrypted, and no key fits",
        Reason::KeyLogEmpty => "encrypted, and the key log is empty",
        Reason::WrongKeyKind => "encrypted, and the key log has the wrong kind of secret",
        Reason::KeyIncomplete => "encrypted, and some secrets are missing",
        Reason::HandshakeMissing => "encrypted, and the handshake was not recorded",
        Reason::ForwardSecrecy => "encrypted with forward secrecy, which a private key does not open",
        Reason::PrivateKeyMismatch => "encrypted, and the private key is not the server's",
        Reason::SuiteUnsupported => "encrypted by a suite this program does not know",
        Reason::NotAuthentic => "decryption failed in the middle",
        Reason::Gap => "packets are missing",
        Reason::ResumptionUnknown => "resumed from a session that was not recorded",
        Reason::EncryptedClientHello => "the server's name is encrypted, and no key fits",
        Reason::HandshakeFailed => "the TLS handshake failed",
        Reason::Quic => "a version of QUIC that is not decrypted",
        Reason::StartTls => "another protocol before TLS",
        Reason::NotHttp => "not HTTP",
        Reason::Empty => "no data",
        Reason::Limit => "a limit of this program was reached",
        _ => "not readable",
    }
}
