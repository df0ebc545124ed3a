//! How much of a recording was read: the denominator of every verdict.

/// The coverage figures of one input, or the sum over all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Coverage {
    /// Packets read.
    pub packets: u64,
    /// Packets that were not understood, or damaged.
    pub packets_skipped: u64,
    /// Connections (TCP and QUIC).
    pub connections: u64,
    /// Connections that spoke TLS (or QUIC).
    pub tls_connections: u64,
    /// Of these, decrypted.
    pub tls_decrypted: u64,
    /// Exchanges found.
    pub exchanges: u64,
    /// Exchanges whose final response was not recorded.
    pub exchanges_without_response: u64,
    /// Holes in streams.
    pub gaps: u64,
    /// Bytes in those holes, and cut off by snap length.
    pub bytes_missing: u64,
    /// Duplicate packets dropped.
    pub duplicates: u64,
    /// Contents of which bytes are missing.
    pub bodies_cut: u64,
    /// HAR entries that could not be read.
    pub entries_skipped: u64,
    /// The recording was sanitised.
    pub sanitized: bool,
}

impl Coverage {
    /// Adds another input's figures.
    pub const fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.packets_skipped += other.packets_skipped;
        self.connections += other.connections;
        self.tls_connections += other.tls_connections;
        self.tls_decrypted += other.tls_decrypted;
        self.exchanges += other.exchanges;
        self.exchanges_without_response += other.exchanges_without_response;
        self.gaps += other.gaps;
        self.bytes_missing += other.bytes_missing;
        self.duplicates += other.duplicates;
        self.bodies_cut += other.bodies_cut;
        self.entries_skipped += other.entries_skipped;
        self.sanitized |= other.sanitized;
    }
}
