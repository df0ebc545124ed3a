//! Partial results: what was read of a part of a recording, to be judged with the other parts.
//!
//! ```text
//! capture ─ split ─► part 1 ─ check --partial ─► lines ─┐
//!                 ─► part 2 ─ check --partial ─► lines ─┼─ merge ─► the report of the capture
//!                 ─► part 3 ─ check --partial ─► lines ─┘
//! ```
//!
//! What rules look at goes across connections: a token that is asked for here and used there, a refusal that is lifted later.
//! So a partial result is no report and no sum, but the exchanges themselves in their order, with what became of the
//! connections and what could not be read. Merging puts the parts' lines in the order of the recording and judges them once,
//! as if they had been read together: any parts in any order and grouping give the same report.
//!
//! No secret is in it. Texts of the same form and length stand in for passwords, signatures, opaque tokens and cookies
//! ([`crate::secret`] knows their fingerprints), so that rules see what they saw, and signatures are verified before. Where
//! that is not so is found out at once: the part is judged by its lines and by the recording itself, and if the two differ,
//! it says so, and a pass is not possible.
//!
//! A part knows of how many it is one. A part that is missing, is there twice, or breaks off is a finding that blocks.

mod judge;
mod read;
pub mod record;
mod source;
mod write;

pub use judge::{Merged, Moments, alone, merge, options};
pub use record::{Part, PartOf, PolicyText, VERSION};
pub use source::{Open, PartialError, Source};
pub use write::{PartSummary, PartWriter, Secrets, mark_inexact};
