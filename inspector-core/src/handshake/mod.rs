//! Exchanges and tokens to handshakes: who called whom, with which token, and what the server said.
//!
//! An [`observation::Observation`] is one exchange with everything the judgement asks of it worked out once. The
//! [`ledger::Ledger`] remembers, within bounds, what spans exchanges: hosts, calls and their outcomes, tokens and where
//! they came from. Rules read both and keep the rest to themselves.

mod answer;
pub mod call;
pub mod caller;
pub mod diagnostics;
pub mod facts;
pub mod grants;
mod identity;
pub mod ledger;
pub mod lineage;
pub mod meaning;
pub mod oauth_ledger;
pub mod oauth_message;
pub mod observation;
pub(crate) mod published;
pub mod signatures;
pub mod signed_url;
pub mod token_endpoint;
