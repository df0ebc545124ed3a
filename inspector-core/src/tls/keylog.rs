//! The secrets given by the user or found in the recording.

/// All secrets known.
#[derive(Debug, Default)]
pub struct Keys {}
