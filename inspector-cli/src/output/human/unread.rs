//! What of a recording could not be read besides connections: packets, entries, damaged pieces, limits.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use inspector_core::{
    note::{Note, NoteKind},
    rules,
};

use super::place;
use crate::output::{count, style, wrap};

/// Notes as they come, kept as far as they are shown.
#[derive(Default)]
pub(crate) struct Unread {
    groups: BTreeMap<(&'static str, Cow<'static, str>), Group>,
}

struct Group {
    count: u64,
    /// Input and frame or entry of the first.
    first: String,
}

impl Unread {
    /// Groups kept: the reasons are a closed set but for the numbers of protocols in damaged captures.
    const GROUPS: usize = 64;

    /// Takes a note with the frame it names in its file, if it tells of something that could not be read.
    pub(crate) fn add(&mut self, path: &str, frame: Option<u64>, note: &Note) {
        let Some(key) = reason(&note.kind) else { return };
        if self.groups.len() >= Self::GROUPS && !self.groups.contains_key(&key) {
            return;
        }
        let group = self.groups.entry(key).or_insert_with(|| Group { count: 0, first: first(path, frame, note) });
        group.count += match note.kind {
            NoteKind::PacketSkipped { packets, .. } | NoteKind::PacketGuessed { packets, .. } => packets,
            _ => 1,
        };
    }

    /// Takes those of the next input.
    pub(crate) fn merge(&mut self, other: Self) {
        for (key, group) in other.groups {
            if let Some(known) = self.groups.get_mut(&key) {
                known.count += group.count;
            } else if self.groups.len() < Self::GROUPS {
                self.groups.insert(key, group);
            }
        }
    }

    /// Nothing of the kind was met.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Writes each reason with its first place and the remedy.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut latest = "";
        for ((code, words), group) in &self.groups {
            if *code != latest {
                writeln!(to)?;
                let title = rules::find(code).map_or("", |meta| meta.title);
                let label = style::paint(style::UNSURE, format_args!("{code}: "));
                wrap::styled(to, &label, code.len() + 2, title)?;
            }
            wrap::hanging(
                to,
                "  ",
                &format!("{words}: {}, first at {}", count(group.count, "time", "times"), group.first),
            )?;
            let is_last = self.groups.range((*code, words.clone())..).nth(1).is_none_or(|((next, _), _)| next != code);
            if let (true, Some(meta)) = (is_last, rules::find(code)) {
                let label = format!("{}{}", style::paint(style::FRAME, "  = "), style::paint(style::STRONG, "help: "));
                wrap::styled(to, &label, 10, meta.remedy)?;
            }
            latest = code;
        }
        Ok(())
    }
}

fn first(path: &str, frame: Option<u64>, note: &Note) -> String {
    let frame = frame.map(|frame| format!(" frame {frame}"));
    let entry = note.at.and_then(inspector_core::evidence::At::entry).map(|entry| format!(" entries[{entry}]"));
    format!("{}{}", place::short(path), frame.or(entry).unwrap_or_default())
}

/// The coverage rule that speaks of it, and the reason in a few words. `None` for what the connections tell already, and
/// for packets that are whole and carry no HTTP.
fn reason(kind: &NoteKind) -> Option<(&'static str, Cow<'static, str>)> {
    Some(match kind {
        NoteKind::PacketSkipped { what, between, .. } => ("COV-011", format!("{what}, {}", between.unordered()).into()),
        NoteKind::PacketGuessed { what, between, .. } => ("COV-011", format!("{what}, {}", between.unordered()).into()),
        NoteKind::TruncatedInput { .. } => ("COV-010", "the input ends inside a piece".into()),
        NoteKind::MalformedBlock { what } | NoteKind::HarmlessDamage { what } => ("COV-010", (*what).into()),
        NoteKind::DamagedCompression { .. } => ("COV-010", "its compression is damaged".into()),
        NoteKind::EntrySkipped { .. } => ("COV-010", "an entry could not be read".into()),
        NoteKind::FilesMissing { .. } => ("COV-010", "files are missing before it".into()),
        NoteKind::BadKeyLogLine => ("COV-010", "a line of a key log could not be read".into()),
        NoteKind::Limit { limit } => ("COV-009", format!("limit: {limit}").into()),
        NoteKind::Sanitized { how } => ("COV-004", (*how).into()),
        _ => return None,
    })
}
