//! The coverage figures of a recording in several files, file by file.

use crate::{
    connection::ConnectionReport,
    coverage::Coverage,
    evidence::{At, SourceId},
    exchange::{Exchange, Mark},
    note::{Note, NoteKind},
};

/// Counts what a recording yields by the files it begins in: an exchange by its request, a connection by its first
/// packet. The sum over the files is the recording's own coverage.
#[derive(Clone, Debug, Default)]
pub struct CoverageByFile {
    files: Vec<Coverage>,
    /// What has no place: fragments of datagrams that never came together.
    rest: u64,
}

impl CoverageByFile {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds figures to those of the file of a place.
    fn add(&mut self, at: Option<At>, figures: &Coverage) {
        let number = at.and_then(At::frame).unwrap_or(0);
        let place = SourceId(0).of_frame(number).0.0 as usize;
        if place >= self.files.len() {
            self.files.resize(place.saturating_add(1), Coverage::default());
        }
        if let Some(file) = self.files.get_mut(place) {
            file.add(figures);
        }
    }

    /// Takes an exchange.
    pub fn exchange(&mut self, exchange: &Exchange) {
        let message = exchange.request.as_ref().or(exchange.response.as_ref());
        let figures = Coverage {
            exchanges: 1,
            exchanges_without_response: u64::from(exchange.response.is_none()),
            bodies_cut: u64::from(exchange.marks.has(Mark::BodyCut)),
            ..Coverage::default()
        };
        self.add(message.map(|message| message.first), &figures);
    }

    /// Takes what became of a connection.
    pub fn connection(&mut self, report: &ConnectionReport) {
        let connection = &report.connection;
        let figures = Coverage {
            connections: 1,
            tls_connections: u64::from(report.tls.is_some()),
            tls_decrypted: u64::from(report.tls.is_some() && report.decrypted),
            gaps: connection.gaps.iter().sum(),
            bytes_missing: connection.bytes_missing.iter().sum(),
            duplicates: connection.duplicates,
            ..Coverage::default()
        };
        self.add(Some(connection.first), &figures);
    }

    /// Takes a note.
    pub fn note(&mut self, note: &Note) {
        let figures = match note.kind {
            NoteKind::PacketSkipped { packets, .. } if note.at.is_none() => {
                self.rest += packets;
                return;
            }
            NoteKind::PacketSkipped { packets, .. } => Coverage { packets_skipped: packets, ..Coverage::default() },
            NoteKind::EntrySkipped { .. } => Coverage { entries_skipped: 1, ..Coverage::default() },
            NoteKind::Sanitized { .. } => Coverage { sanitized: true, ..Coverage::default() },
            _ => return,
        };
        self.add(note.at, &figures);
    }

    /// The figures of each file, of which so many `packets` were read.
    pub fn finish(mut self, packets: &[u64]) -> Vec<Coverage> {
        self.files.resize(packets.len(), Coverage::default());
        for (coverage, packets) in self.files.iter_mut().zip(packets) {
            coverage.packets = *packets;
        }
        if let Some(last) = self.files.iter_mut().rev().find(|coverage| coverage.packets > 0) {
            last.packets_skipped += self.rest;
        }
        self.files
    }
}
