//! Connections that gave no HTTP, by reason, with the remedy of each.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use inspector_core::connection::{ConnectionReport, Reason};

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
    reasons: BTreeMap<(bool, Reason), Group>,
}

#[derive(Default)]
struct Group {
    count: u64,
    /// It gave some HTTP all the same.
    partly: u64,
    rows: Vec<[String; 4]>,
    detail: String,
}

impl Connections {
    /// Takes one.
    pub(crate) fn add(&mut self, path: &str, report: &ConnectionReport) {
        self.all += 1;
        self.exchanges += report.exchanges;
        self.encrypted += u64::from(report.tls.is_some());
        self.decrypted += u64::from(report.tls.is_some() && report.decrypted);
        let Some(reason) = report.reason else { return };
        // What hides something comes before what is merely not HTTP.
        let group = self.reasons.entry((!reason.is_dark(), reason)).or_default();
        group.count += 1;
        group.partly += u64::from(report.exchanges > 0);
        if group.rows.len() < SHOWN {
            group.rows.push(cells(path, report));
        }
        if group.detail.is_empty() {
            group.detail.clone_from(&report.detail);
        }
    }

    /// Writes the summary and the groups.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let dark: u64 = self.reasons.iter().filter(|((clear, _), _)| !clear).map(|(_, group)| group.count).sum();
        let mut text = format!(
            "{}, {} of {} decrypted, {}",
            count(self.all, "connection", "connections"),
            self.decrypted,
            count(self.encrypted, "TLS connection", "TLS connections"),
            count(self.exchanges, "exchange", "exchanges")
        );
        text.push_str(&if dark == 0 {
            "; nothing is hidden".to_owned()
        } else {
            format!("; {dark} hidden wholly or in part")
        });
        wrap::hanging(to, "", &text)?;
        for ((_, reason), group) in &self.reasons {
            group.write(to, *reason)?;
        }
        Ok(())
    }
}

impl Group {
    fn write(&self, to: &mut dyn Write, reason: Reason) -> io::Result<()> {
        let colour = if reason.is_dark() { style::UNSURE } else { style::STRONG };
        let number = count(self.count, "connection", "connections");
        let title = style::paint(colour, format_args!("{reason}: {}", remedy::words(reason)));
        writeln!(to, "\n{title} ({number})")?;
        table::write(to, 2, &self.rows)?;
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

/// Number and first frame, server by name, addresses, what it speaks.
fn cells(path: &str, report: &ConnectionReport) -> [String; 4] {
    let connection = &report.connection;
    let frame = connection.first.frame().map(|frame| format!(" frame {frame}")).unwrap_or_default();
    let name =
        report.server_name.as_deref().map_or_else(|| connection.server.to_string(), |name| escape::fitted(name, 32));
    let mut speaks = match report.tls {
        Some("") => "TLS".to_owned(),
        Some(version) => format!("TLS {version}"),
        None => report.transport.as_str().to_uppercase(),
    };
    if let Some(suite) = report.suite.as_deref() {
        speaks.push_str(&format!(" {suite}"));
    }
    [format!("{}{frame}", place::short(path)), format!("#{}", connection.id.0), name, speaks]
}
