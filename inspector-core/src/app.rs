//! What a connection speaks, told by its bytes.
//!
//! A connection begins as [`App::Probing`] and becomes what its first bytes show; TLS holds another `App` for what is
//! inside, and a `CONNECT` tunnel, an upgrade or a PROXY header starts over on the bytes that follow:
//!
//! ```text
//! Probing ─► Http1 ─ CONNECT 2xx ─► Probing ─► Tls ─► Probing ─► Http2
//!        └─► Opaque ─ a start line at the head of a segment ─► Http1
//! ```
//!
//! Ports tell nothing: proxies, load balancers and test set-ups use any.
