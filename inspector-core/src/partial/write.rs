//! Writes the partial result of a recording: what was read of it, without its secrets.

use std::{
    borrow::Cow,
    collections::HashSet,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use aho_corasick::AhoCorasick;
use foldhash::fast::RandomState;

use super::record::{ConnectionRow, End, ExchangeRow, Line, NoteRow, Part, SecretRow, hex, unhex};
use crate::{
    connection::ConnectionReport,
    coverage::Coverage,
    exchange::Exchange,
    handshake::signatures::Signatures,
    http::auth::CredentialsKind,
    input::SPLIT,
    limits::Limits,
    losses,
    note::{Note, NoteKind},
    report::Report,
    secret::stand_ins::{self, Original},
    sharing::Redactor,
    token::{Token, extract::Extraction, extract::extract, interner::Interner},
};

/// Tokens whose stand-ins are remembered as told.
const MOST: usize = 100_000;

/// Writes one part.
pub struct PartWriter<'w> {
    to: Box<dyn Write + 'w>,
    redactor: Redactor,
    limits: Limits,
    told: HashSet<[u8; 8], RandomState>,
    /// Where in the order of the recording the last line stands.
    key: u64,
    lines: u64,
}

impl<'w> PartWriter<'w> {
    /// Begins a part. `salt` goes into what stands in for secrets that could be found by trying: the same for all parts of
    /// a recording, and known to nobody who gets the result.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn new(to: Box<dyn Write + 'w>, part: Part, salt: [u8; 32], limits: &Limits) -> io::Result<Self> {
        let mut writer = Self {
            to,
            redactor: Redactor::with_stand_ins(salt),
            limits: limits.clone(),
            told: HashSet::default(),
            key: 0,
            lines: 0,
        };
        writer.line(&Line::Part(part))?;
        Ok(writer)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut *self.to, line)?;
        self.lines += 1;
        self.to.write_all(b"\n")
    }

    fn key(&mut self, own: Option<u64>) -> u64 {
        self.key = self.key.max(own.unwrap_or(self.key));
        self.key
    }

    /// An exchange with what was found in it, in capture order.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn exchange(&mut self, exchange: &Exchange, found: &Extraction) -> io::Result<()> {
        self.redactor.forbid(found);
        let mut masked = self.redactor.exchange(exchange);
        self.blot_out(&mut masked, found);
        let mut rows: Vec<SecretRow> =
            self.redactor.take_stand_ins().into_iter().map(|(own, first, all)| row(own, first, all, None)).collect();
        if !found.sightings.is_empty() || !found.credentials.is_empty() {
            let again = extract(&masked, &mut Interner::new(&self.limits), &self.limits);
            for (own, of) in again.sightings.iter().zip(&found.sightings) {
                self.tokens(&own.token, &of.token, &mut rows);
            }
            for (own, of) in again.credentials.iter().zip(&found.credentials) {
                let basic = matches!(of.kind, CredentialsKind::Basic(_));
                if own.id != of.id
                    && !basic
                    && of.length >= 6
                    && self.told.len() < MOST
                    && self.told.insert(own.id.bytes())
                {
                    rows.push(row(own.id.bytes(), of.id.bytes(), None, None));
                }
            }
        }
        if !rows.is_empty() {
            self.line(&Line::Secrets(rows))?;
        }
        let began = exchange.request.as_ref().or(exchange.response.as_ref()).map(|message| message.first.order());
        let key = self.key(began);
        self.line(&Line::Exchange(Box::new(ExchangeRow::new(&masked, key))))
    }

    /// Takes out what only parsing tells to be a secret, where it still stands.
    fn blot_out(&mut self, masked: &mut Exchange, found: &Extraction) {
        let passwords = found.passwords.iter().map(|password| password.password.reveal().clone());
        let basic = found.credentials.iter().filter_map(|credentials| match &credentials.kind {
            CredentialsKind::Basic(basic) => Some(basic.password.reveal().clone()),
            _ => None,
        });
        let open: Vec<String> = passwords.chain(basic).filter(|secret| secret.len() >= 4).collect();
        for secret in open {
            let stand_in = self.redactor.stand_in(&secret);
            for message in [&mut masked.request, &mut masked.response].into_iter().flatten() {
                if let Some(kept) = &mut message.body.kept {
                    replace(kept, secret.as_bytes(), stand_in.as_bytes());
                }
            }
        }
    }

    fn tokens(&mut self, own: &Arc<Token>, of: &Arc<Token>, rows: &mut Vec<SecretRow>) {
        let (mut own, mut of) = (Some(own), Some(of));
        while let (Some(stand_in), Some(token)) = (own, of) {
            let (text, raw) = (stand_in.raw.reveal().as_bytes(), token.raw.reveal().as_bytes());
            let key = stand_ins::first(&stand_ins::plain_sha256(text));
            if text != raw && self.told.len() < MOST && self.told.insert(key) {
                let digest = stand_ins::plain_sha256(raw);
                rows.push(row(key, stand_ins::first(&digest), Some(digest), token.family));
            }
            (own, of) = (stand_in.actor.as_ref(), token.actor.as_ref());
        }
    }

    /// A connection is over; `at_end` if only the end of the recording ended it.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn connection(&mut self, report: &ConnectionReport) -> io::Result<()> {
        let mut report = report.clone();
        report.conceal();
        let key = self.key(None);
        let randoms = report.client_randoms.iter().map(|random| hex(random)).collect();
        self.line(&Line::Connection(ConnectionRow { k: key, v: losses::connection_to_json(&report), r: randoms }))
    }

    /// Something limits the conclusions.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn note(&mut self, note: &Note) -> io::Result<()> {
        // That it is a part is what this is about.
        if matches!(note.kind, NoteKind::Selected { how } if how == SPLIT) {
            return Ok(());
        }
        let key = self.key(None);
        self.line(&Line::Note(NoteRow { k: key, v: losses::note_to_json(note) }))
    }

    /// Ends the part of a recording that was read. `report` is the one of the recording itself.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn finish(mut self, summary: &PartSummary<'_>) -> io::Result<Secrets> {
        let none = Signatures::new(0);
        let tokens = summary.report.iter().flat_map(|report| &report.tokens);
        let mut signatures: Vec<_> = tokens
            .flat_map(|token| {
                let usual = none.of_layers(&token.token);
                token.signatures.iter().cloned().zip(usual)
            })
            .filter(|(state, usual)| state != usual && !state.reason.starts_with("no key was given"))
            .map(|(state, _)| (state.token.to_string(), state.signature, state.reason))
            .collect();
        signatures.sort_by(|one, other| one.0.cmp(&other.0));
        signatures.dedup();
        let end = End {
            format: summary.format.to_owned(),
            unreadable: summary.unreadable.map(str::to_owned),
            coverage: summary.coverage,
            files: summary.files.to_vec(),
            signatures,
            publishers: summary.publishers.clone(),
            lines: self.lines + 1,
            exact: true,
        };
        self.line(&Line::End(Box::new(end)))?;
        self.to.flush()?;
        Secrets::new(self.redactor)
    }
}

/// What is told at the end of a part.
#[derive(Debug, Default)]
pub struct PartSummary<'s> {
    /// The recording's format.
    pub format: &'s str,
    /// Why nothing of it could be read.
    pub unreadable: Option<&'s str>,
    /// How much of it was read.
    pub coverage: Coverage,
    /// Its files, if there are several: path, format or why it could not be read, and coverage.
    pub files: &'s [(String, Result<String, String>, Coverage)],
    /// The report of the recording itself, for the signatures that were verified.
    pub report: Option<&'s Report>,
    /// Issuers that publish their keys, by the keys that were given.
    pub publishers: Vec<String>,
}

/// The secrets of what was written, to be searched for in it.
pub struct Secrets {
    redactor: Redactor,
    finder: Option<AhoCorasick>,
}

impl Secrets {
    fn new(redactor: Redactor) -> io::Result<Self> {
        let known = redactor.known();
        let finder = (!known.is_empty()).then(|| AhoCorasick::new(known)).transpose().map_err(io::Error::other)?;
        Ok(Self { redactor, finder })
    }

    /// A line with stand-ins in the place of any secret that still stands in it: one that was learnt of later on.
    pub fn cleaned<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.is_match(line)) else {
            return Cow::Borrowed(line);
        };
        let mut out = Vec::with_capacity(line.len());
        let redactor = &mut self.redactor;
        finder.replace_all_with_bytes(line, &mut out, |_, found, out| {
            out.extend_from_slice(redactor.stand_in(&String::from_utf8_lossy(found)).as_bytes());
            true
        });
        Cow::Owned(out)
    }
}

fn row(own: [u8; 8], first: [u8; 8], all: Option<[u8; 32]>, family: Option<&'static str>) -> SecretRow {
    let d = all.map_or_else(|| hex(&first), |all| hex(&all));
    SecretRow { s: hex(&own), d, f: family.map(str::to_owned) }
}

/// Takes down what stand-ins stand for.
pub(super) fn learn(rows: &[SecretRow]) {
    for SecretRow { s, d, f } in rows {
        let sha256 = unhex::<32>(d);
        let first = sha256.as_ref().map(stand_ins::first).or_else(|| unhex::<8>(d));
        let (Some(own), Some(first)) = (unhex::<8>(s), first) else { continue };
        stand_ins::learn(own, Original { first, sha256, family: f.as_deref().map(losses::word) });
    }
}

fn replace(bytes: &mut Box<[u8]>, old: &[u8], new: &[u8]) {
    if old.len() != new.len() {
        return;
    }
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, old).collect();
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + new.len()) {
            place.copy_from_slice(new);
        }
    }
}

/// Marks the last part of a file as one that is not judged by its lines as the recording is.
///
/// # Errors
/// What the file reports, or it does not end with the end of a part.
pub fn mark_inexact<F: Read + Write + Seek>(file: &mut F) -> io::Result<()> {
    const WHOLE: &[u8] = b"\"exact\":true}}\n";
    let start = file.seek(SeekFrom::End(-(WHOLE.len() as i64)))?;
    let mut last = Vec::new();
    file.read_to_end(&mut last)?;
    if last != WHOLE {
        return Err(io::Error::other("a partial result does not end as it was written"));
    }
    file.seek(SeekFrom::Start(start))?;
    file.write_all(b"\"exact\":false}}\n")
}
