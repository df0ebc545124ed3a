//! Who sends what to whom in a handshake.

use crate::{handshake::call::Step, report::Handshake};

/// Steps of one handshake that are told.
pub(super) const STEPS: usize = 60;

/// The client of a handshake by its address, if that is known.
pub(super) fn client(handshake: &Handshake) -> String {
    handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string())
}

/// Who sends a step, and to whom.
pub(super) fn parties(handshake: &Handshake, step: &Step) -> (String, String) {
    let (client, host) = (client(handshake), step.host.to_string());
    if step.kind.is_answer() && !step.is_brought() { (host, client) } else { (client, host) }
}
