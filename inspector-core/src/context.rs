//! What the stages behind a stream share, and where their results go.

use std::sync::Arc;

use crate::{
    coding::barren::Barren,
    exchange::{Exchange, TlsSession},
    flow::Connection,
    limits::Limits,
    note::Note,
    secrets::keylog::Keys,
};

/// Which contents are worth undoing their codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyPolicy {
    /// Only kinds that can hold a token or a credential; others are skipped by their length. For judging.
    #[default]
    Tokens,
    /// All of them, so that every decoded size is known. For listing exchanges.
    Measure,
    /// All of them, decoded and kept as far as the bounds allow. For writing recordings.
    Whole,
}

impl BodyPolicy {
    /// That of a format which records exchanges.
    pub(crate) const fn of(limits: &Limits) -> Self {
        if limits.whole_contents { Self::Whole } else { Self::Tokens }
    }
}

/// Receives what the connections yielded.
pub trait Sink {
    /// An exchange is complete (or will not become more complete).
    fn exchange(&mut self, exchange: Exchange);

    /// Something limits the conclusions.
    fn note(&mut self, note: Note);
}

/// Handed down with every event of a connection.
pub struct Context<'a> {
    /// The connection. Stages may correct its roles.
    pub connection: &'a mut Connection,
    /// The TLS session the bytes were decrypted in; set by the TLS stage for what is inside.
    pub tls: Option<&'a Arc<TlsSession>>,
    /// Secrets known so far.
    pub keys: &'a Keys,
    /// Bounds.
    pub limits: &'a Limits,
    /// Which contents to decode.
    pub bodies: BodyPolicy,
    /// Contents that need not be decoded again.
    pub barren: &'a Barren,
    /// Where results go.
    pub sink: &'a mut dyn Sink,
}

impl Context<'_> {
    /// The same context for a shorter while, for calls that change a part of it.
    pub fn reborrow(&mut self) -> Context<'_> {
        Context {
            connection: &mut *self.connection,
            tls: self.tls,
            keys: self.keys,
            limits: self.limits,
            bodies: self.bodies,
            barren: self.barren,
            sink: &mut *self.sink,
        }
    }
}
