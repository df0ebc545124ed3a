//! Connections that gave no HTTP, by reason, with the remedy of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use inspector_core::{
    connection::{Application, ConnectionReport, Reason},
    evidence::SourceId,
};

use super::place;
use crate::output::{count, escape, remedy, style, table, wrap};

/// Connections shown per reason.
const SHOWN: usize = 20;

/// Connections as they come, kept as far as they are shown.
#[derive(Default)]
pub(crate) struct Connections {
    all: u64,
    exchanges: u64,
    encrypted: u64,
    decrypted: u64,
    /// Bytes of one are missing, or of no known protocol.
    partial: bool,
    reasons: BTreeMap<(bool, Reason), Group>,
    /// Paths of the connections shown.
    paths: BTreeSet<String>,
}

#[derive(Default)]
struct Group {
    count: u64,
    /// It gave some HTTP all the same.
    partly: u64,
    /// Number, input and cells.
    rows: Vec<(u64, String, [String; 3])>,
    detail: String,
}

impl Connections {
    /// Takes one.
    pub(crate) fn add(&mut self, path: &str, report: &ConnectionReport) {
        self.all += 1;
        self.exchanges += report.exchanges;
        self.encrypted += u64::from(report.tls.is_some());
        self.decrypted += u64::from(report.tls.is_some() && report.decrypted);
        let connection = &report.connection;
        let lacks_bytes = connection.gaps != [0; 2] || connection.bytes_missing != [0; 2];
        let is_unknown = report.reason == Some(Reason::NotHttp) && report.application == Application::Unknown;
        self.partial |= lacks_bytes || is_unknown;
        let Some(reason) = report.reason else { return };
        // What hides something comes before what is merely not HTTP.
        let group = self.reasons.entry((!reason.is_dark(), reason)).or_default();
        group.count += 1;
        group.partly += u64::from(report.exchanges > 0);
        if group.rows.len() < SHOWN {
            group.rows.push((report.connection.id.0, place::short(path).to_owned(), cells(report)));
            if !self.paths.contains(path) {
                self.paths.insert(path.to_owned());
            }
        }
        if group.detail.is_empty() {
            group.detail.clone_from(&report.detail);
        }
    }

    /// Writes the summary and the groups. `rest_read`: nothing but connections may be hidden.
    pub(crate) fn write(&self, to: &mut dyn Write, rest_read: bool) -> io::Result<()> {
        let dark: u64 = self.reasons.iter().filter(|((clear, _), _)| !clear).map(|(_, group)| group.count).sum();
        let mut text = format!(
            "{}, {} of {} decrypted, {}",
            count(self.all, "connection", "connections"),
            self.decrypted,
            count(self.encrypted, "TLS connection", "TLS connections"),
            count(self.exchanges, "exchange", "exchanges")
        );
        text.push_str(&match dark {
            0 if rest_read && !self.partial => "; nothing is hidden".to_owned(),
            0 => "; the recording could not be read whole".to_owned(),
            _ => format!("; {dark} hidden wholly or in part"),
        });
        wrap::hanging(to, "", &text)?;
        for ((_, reason), group) in &self.reasons {
            group.write(to, *reason, self.paths.len() > 1)?;
        }
        Ok(())
    }
}

impl Group {
    fn write(&self, to: &mut dyn Write, reason: Reason, name_inputs: bool) -> io::Result<()> {
        let colour = if reason.is_dark() { style::UNSURE } else { style::STRONG };
        let number = count(self.count, "connection", "connections");
        writeln!(to)?;
        let label = style::paint(colour, format_args!("{reason}: "));
        wrap::styled(to, &label, reason.as_str().len() + 2, &format!("{} ({number})", remedy::words(reason)))?;
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(number, path, _)| (path, *number));
        let row = |(_, path, [first, server, speaks]): &(u64, String, [String; 3])| {
            let first = if name_inputs { format!("{path} {first}") } else { first.clone() };
            [first, server.clone(), speaks.clone()]
        };
        table::write(to, 2, &rows.into_iter().map(row).collect::<Vec<_>>())?;
        let hidden = self.count.saturating_sub(self.rows.len() as u64);
        if hidden > 0 {
            writeln!(to, "  and {hidden} more (--format ndjson lists all)")?;
        }
        if self.partly > 0 {
            writeln!(to, "  {} gave some HTTP all the same", self.partly)?;
        }
        let equals = style::paint(style::FRAME, "  = ");
        for (label, text) in [("note", self.detail.as_str()), ("help", remedy::of(reason))] {
            if !text.is_empty() {
                let painted = style::paint(style::STRONG, format_args!("{label}: "));
                wrap::styled(to, &format!("{equals}{painted}"), 6 + label.len(), text)?;
            }
        }
        Ok(())
    }
}

/// Number and first frame, server by name, what it speaks.
fn cells(report: &ConnectionReport) -> [String; 3] {
    let connection = &report.connection;
    // The number in the file: its name stands beside it where there are several.
    let frame = connection.first.frame().map(|frame| SourceId(0).of_frame(frame).1);
    let frame = frame.map(|frame| format!(" frame {frame}")).unwrap_or_default();
    let address = || connection.server.to_string();
    let name = report.server_name.as_deref().map_or_else(address, |name| escape::fitted(name, 34));
    let mut speaks = match report.tls {
        Some("") => "TLS".to_owned(),
        Some(version) => format!("TLS {version}"),
        None => report.transport.as_str().to_uppercase(),
    };
    if let Some(suite) = report.suite.as_deref() {
        speaks.push_str(&format!(", {}", suite.strip_prefix("TLS_").unwrap_or(suite)));
    }
    [format!("#{}{frame}", connection.id.0), name, speaks]
}
