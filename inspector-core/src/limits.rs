//! Every bound of the program in one place.
//!
//! A recording is hostile input: each buffer that grows with it names its limit here. Reaching one never ends the run
//! and is never silent: it yields a [`crate::note::Note`] (or a mark on the exchange) that says what was given up.

/// The bounds of reading and judging one recording. [`Limits::default`] is made for 64 MiB; [`Limits::for_memory`] scales
/// it. Recordings that are read at once have their bounds each: divided among them, what is found in one would depend on how
/// many others are read beside it. Only those that are small together can be read at once within the same memory. One
/// recording has the same bounds for any number of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest pcap record or pcapng block read, in bytes. A larger one is skipped by its length. The read window takes twice
    /// as much, but only once such a block comes.
    pub block: usize,
    /// Largest HAR entry held as a whole, in bytes. Of a larger one only the headers are kept and the bodies are cut.
    pub entry: usize,
    /// Largest recording held as a whole, in bytes: of a format that has to be read at any place, and that comes from where
    /// that is not possible (a pipe, a compressed file, an archive).
    pub file: usize,
    /// Members of an archive that are looked at.
    pub members: usize,
    /// Sessions of one session archive. Each takes some 200 bytes.
    pub sessions: usize,
    /// Connections followed at once. The one that was quiet longest is ended to make room.
    pub connections: usize,
    /// What the connections followed at once may take together, in bytes, about: heads and contents that are being gathered,
    /// exchanges that wait, ciphers with their keys, tables of HPACK, and some 2 KiB for each. The one that was quiet longest
    /// is ended to make room. Of those that are over some 4,000 stay known meanwhile, for what comes late.
    pub connections_total: usize,
    /// What is on its way between the threads that read one recording, in bytes, in all, however many they are: packets and
    /// events that wait for those who follow the connections, blocks of entries, and what these yield until it is handed out.
    /// Who is ahead helps the others meanwhile.
    pub in_flight: usize,
    /// A connection quiet for so many nanoseconds of capture time is ended.
    pub idle_nanos: i64,
    /// Out-of-order bytes kept per direction. Beyond, the hole before them is declared a gap.
    pub out_of_order: usize,
    /// Out-of-order bytes kept in all.
    pub out_of_order_total: usize,
    /// IP fragments kept in all, in bytes. The oldest datagram is dropped to make room.
    pub fragments: usize,
    /// Link, tunnel and network headers nested in one packet.
    pub encapsulations: usize,
    /// TLS handshake bytes gathered per direction. Beyond, the connection is opaque.
    pub tls_handshake: usize,
    /// TLS records of a connection without key kept in case its key comes later (pipes), in bytes, in all.
    pub tls_pending_total: usize,
    /// TLS records of which a part is still to come, in bytes, in all connections. Beyond, such a record is lost.
    pub tls_records_total: usize,
    /// TLS sessions whose secret is remembered for connections that resume them. The oldest is forgotten.
    pub tls_sessions: usize,
    /// Secrets of key logs, in bytes: about 70 per line. Beyond, lines are counted only.
    pub keys: usize,
    /// Secrets found in one recording, in bytes, besides those given. Each thread that follows connections has a copy of them.
    /// Beyond, lines are counted only.
    pub recorded_keys: usize,
    /// Largest header section of a message, in bytes. Beyond, the message is marked malformed.
    pub head: usize,
    /// Most fields in a header section.
    pub fields: usize,
    /// Content of a message kept for tokens, in bytes as transferred.
    pub body: usize,
    /// Content kept after its codings are undone, in bytes; and what all requests that wait for their responses on one
    /// HTTP/1 connection may keep together.
    pub decoded_body: usize,
    /// Largest ratio of decoded to transferred bytes once more than 1 MiB was decoded.
    pub decode_ratio: usize,
    /// Content codings undone one over the other.
    pub codings: usize,
    /// Formats that record exchanges keep all contents as they are, whether anything is to be found in them or not: set by
    /// the engine under `BodyPolicy::Whole`.
    pub whole_contents: bool,
    /// Coded contents remembered because nothing is in them, so that they are not decoded again, in bytes.
    pub barren: usize,
    /// HTTP/2 streams open at once per connection.
    pub h2_streams: usize,
    /// HPACK dynamic table, in bytes by RFC 7541 §4.1, per direction.
    pub h2_table: usize,
    /// What the QUIC connections followed at once may take together, in bytes, about: keys, streams that are being gathered,
    /// exchanges that wait, tables of QPACK. The one that was quiet longest is ended to make room.
    pub quic_total: usize,
    /// Packets of a QUIC connection kept until the keys for them are known, in bytes.
    pub quic_pending: usize,
    /// The same, of all QUIC connections.
    pub quic_pending_total: usize,
    /// Streams of one QUIC connection gathered at once. What comes on later ones is lost.
    pub quic_streams: usize,
    /// HTTP/3 streams open at once per connection.
    pub h3_streams: usize,
    /// QPACK dynamic table with the entries evicted from it, in bytes by RFC 9204 §3.2.1, per direction.
    pub qpack_table: usize,
    /// Requests waiting for their responses on one HTTP/1 connection.
    pub pipeline: usize,
    /// Bytes of one side of an HTTP/1 connection held until the other side tells what they are (a response before its
    /// request, bytes behind a `CONNECT`). Beyond, they are read without that.
    pub held: usize,
    /// Distinct tokens kept decoded. Later ones are counted only.
    pub tokens: usize,
    /// Bytes of memory that the tokens kept decoded take, in all: an outer token of 1,800 characters, with the actor token
    /// inside it and with what is kept of where it was, some 9 KiB; an opaque one 2 KiB. Later ones are counted only, and a
    /// pass is not possible then.
    pub tokens_total: usize,
    /// Length of a token that is decoded, in bytes.
    pub token: usize,
    /// Tokens inside tokens.
    pub token_depth: usize,
    /// Keys kept to verify signatures with. Later ones are counted only.
    pub signing_keys: usize,
    /// Keys tried on one token. Beyond, its signature is unverifiable.
    pub key_trials: usize,
    /// Bytes of the list of words that are tried on HMAC signatures. Words beyond are not tried.
    pub words: usize,
    /// HMACs computed with these words, in all. Beyond, the remaining tokens are not tried.
    pub word_trials: usize,
    /// Members of all objects and arrays in one JSON document that are walked for tokens.
    pub json_members: usize,
    /// Parameters, tokens, credentials, challenges and passwords kept per exchange, each kind by itself. What lies beyond is
    /// not searched, and the extraction says so.
    pub per_exchange: usize,
    /// Exchanges waiting to be handed out in capture order.
    pub reorder: usize,
    /// Findings kept apart per rule; later ones are counted only.
    pub findings: usize,
    /// Bytes of memory that all findings kept apart take together, about. Later ones are counted by rule and severity only,
    /// whatever host they concern, and a pass is not possible then.
    pub findings_total: usize,
    /// Pieces of evidence kept per finding.
    pub evidence: usize,
    /// Distinct hosts kept apart while judging. Later ones share one entry, which counts as in scope.
    pub hosts: usize,
    /// Names kept of what was seen of all these hosts (addresses, issuers, audiences, classes of tokens), in all, each with
    /// its evidence. Beyond, no further ones are kept, and a pass is not possible.
    pub host_facts: usize,
    /// Distinct calls kept apart while judging (a client, a caller and a resource). Later ones share one entry.
    pub calls: usize,
    /// Steps listed of all these calls, and calls of which it is kept what tells them from others, in all. Beyond, only the
    /// first of each is listed, and a call that another recording shows again may count twice.
    pub call_details: usize,
    /// Requests and responses listed in a timeline of all, per recording. Later ones are counted only.
    pub steps: usize,
    /// Interfaces described in one section of a pcapng file. Packets of later ones are skipped.
    pub interfaces: usize,
    /// A compressed recording may unpack to so many bytes whatever its size, and to [`Limits::unpack_ratio`] bytes more for
    /// each of its own. Beyond, the rest of it is not read.
    pub unpack_free: usize,
    /// See [`Limits::unpack_free`]. Captures and HAR files pack to a tenth or, at most, a hundredth of their size.
    pub unpack_ratio: usize,
    /// Largest window of a zstd frame, in bytes (`zstd -19` makes 8 MiB). A frame that wants more is not unpacked.
    pub unpack_window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block: 8 << 20,
            entry: 16 << 20,
            file: 16 << 20,
            members: 16_384,
            sessions: 131_072,
            connections: 65_536,
            connections_total: 12 << 20,
            in_flight: 4 << 20,
            idle_nanos: 600 * 1_000_000_000,
            out_of_order: 1 << 20,
            out_of_order_total: 16 << 20,
            fragments: 4 << 20,
            encapsulations: 16,
            tls_handshake: 128 << 10,
            tls_pending_total: 8 << 20,
            tls_records_total: 16 << 20,
            tls_sessions: 4096,
            keys: 16 << 20,
            recorded_keys: 4 << 20,
            head: 256 << 10,
            fields: 2048,
            body: 1 << 20,
            decoded_body: 8 << 20,
            decode_ratio: 200,
            codings: 3,
            whole_contents: false,
            barren: 8 << 20,
            h2_streams: 4096,
            h2_table: 64 << 10,
            quic_total: 8 << 20,
            quic_pending: 256 << 10,
            quic_pending_total: 4 << 20,
            quic_streams: 4096,
            h3_streams: 4096,
            qpack_table: 128 << 10,
            pipeline: 1024,
            held: 64 << 10,
            tokens: 8192,
            tokens_total: 20 << 20,
            token: 256 << 10,
            token_depth: 4,
            signing_keys: 1024,
            key_trials: 32,
            words: 4 << 20,
            word_trials: 4 << 20,
            json_members: 1 << 20,
            per_exchange: 4096,
            reorder: 4096,
            findings: 1000,
            findings_total: 4 << 20,
            evidence: 3,
            interfaces: 65_536,
            hosts: 3072,
            host_facts: 9216,
            calls: 3072,
            call_details: 16_384,
            steps: 20_000,
            unpack_free: 64 << 20,
            unpack_ratio: 100,
            unpack_window: 16 << 20,
        }
    }
}

impl Limits {
    /// The memory the default bounds are made for, in bytes.
    pub const DEFAULT_MEMORY: u64 = 64 << 20;

    /// The least memory bounds can be made for, in bytes.
    pub const LEAST_MEMORY: u64 = 16 << 20;

    /// What the program takes before it reads anything, in bytes, about.
    const PROGRAM: u64 = 9 << 20;

    /// Bounds for a process that takes so many bytes of memory, from [`Limits::LEAST_MEMORY`] to 64 times what the default
    /// leaves for recordings; for less and for more they are those of these ends.
    pub fn for_memory(bytes: u64) -> Self {
        let free = bytes.saturating_sub(Self::PROGRAM);
        let factor = (free.saturating_mul(64) / (Self::DEFAULT_MEMORY - Self::PROGRAM)).clamp(8, 64 * 64);
        let scale = |value: usize| -> usize {
            usize::try_from((value as u64).saturating_mul(factor) / 64).unwrap_or(usize::MAX).max(1)
        };
        let base = Self::default();
        Self {
            block: scale(base.block).max(1 << 20),
            entry: scale(base.entry),
            file: scale(base.file),
            sessions: scale(base.sessions),
            connections: scale(base.connections),
            connections_total: scale(base.connections_total),
            in_flight: scale(base.in_flight),
            out_of_order: scale(base.out_of_order),
            out_of_order_total: scale(base.out_of_order_total),
            fragments: scale(base.fragments),
            tls_pending_total: scale(base.tls_pending_total),
            tls_records_total: scale(base.tls_records_total),
            quic_total: scale(base.quic_total),
            quic_pending_total: scale(base.quic_pending_total),
            keys: scale(base.keys),
            recorded_keys: scale(base.recorded_keys),
            body: scale(base.body),
            decoded_body: scale(base.decoded_body),
            barren: scale(base.barren),
            tokens: scale(base.tokens),
            tokens_total: scale(base.tokens_total),
            findings_total: scale(base.findings_total),
            hosts: scale(base.hosts),
            host_facts: scale(base.host_facts),
            reorder: scale(base.reorder),
            unpack_free: scale(base.unpack_free),
            unpack_window: scale(base.unpack_window).max(1 << 20),
            ..base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_memory() {
        let total = |memory| Limits::for_memory(memory).connections_total;
        assert_eq!(Limits::for_memory(Limits::DEFAULT_MEMORY), Limits::default());
        assert_eq!(total(0), total(Limits::LEAST_MEMORY));
        assert_eq!(total(Limits::LEAST_MEMORY), Limits::default().connections_total / 8);
        assert!(total(Limits::LEAST_MEMORY) < total(24 << 20) && total(24 << 20) < total(64 << 20));
        // Of a gigabyte the program itself takes no more than of 64 MiB.
        assert!((17..20).contains(&(total(1 << 30) / total(64 << 20))));
        assert_eq!(total(u64::MAX), 64 * Limits::default().connections_total);
    }
}
