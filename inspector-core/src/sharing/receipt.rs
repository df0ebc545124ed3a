//! What was replaced: a receipt that goes with a redacted recording. It holds no secret.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Redactor;
use crate::report::v1::{TOOL, Tool};

/// A file before or after.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    /// Its name.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl File {
    /// What is told of a file.
    ///
    /// # Errors
    /// Those of the input.
    pub fn of(path: &str, input: &mut dyn std::io::Read) -> std::io::Result<Self> {
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 256 << 10]);
        loop {
            let count = input.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            hash.update(buffer.get(..count).unwrap_or_default());
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path: path.to_owned(), bytes, sha256 })
    }
}

/// The receipt, schema `inspector-redaction/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// `inspector-redaction/1`.
    pub schema: &'static str,
    /// Who made it.
    pub tool: Tool,
    /// The recordings as they were.
    pub inputs: Vec<File>,
    /// As they are now.
    pub outputs: Vec<File>,
    /// Kind and how many of it were replaced.
    pub replaced: BTreeMap<&'static str, u64>,
    /// The outcome before and after.
    pub outcome: [String; 2],
    /// The options of the run.
    pub options: BTreeMap<&'static str, serde_json::Value>,
}

impl Receipt {
    /// A receipt without files yet.
    pub fn new(redactor: &Redactor, options: BTreeMap<&'static str, serde_json::Value>) -> Self {
        let secrets = redactor.counts().iter().map(|(kind, count)| (kind.as_str(), *count));
        let names = redactor.pseudonyms().into_iter().flat_map(super::Pseudonyms::counts);
        let replaced = secrets.chain(names.map(|(who, count)| (who.as_str(), *count))).collect();
        Self {
            schema: "inspector-redaction/1",
            tool: TOOL,
            inputs: Vec::new(),
            outputs: Vec::new(),
            replaced,
            outcome: [String::new(), String::new()],
            options,
        }
    }
}
