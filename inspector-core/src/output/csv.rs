use std::io;

use super::{Output, Row};
use crate::report::Report;

/// CSV (RFC 4180): one line a finding.
pub(super) struct Csv;

impl Output for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn media_type(&self) -> &'static str {
        "text/csv; charset=utf-8; header=present"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        to.write_all(b"input,rule,severity,blocks,title,detail,count,place\r\n")?;
        for row in Row::all(report) {
            let finding = row.finding;
            let fields = [
                field(&super::plain(row.input.unwrap_or_default())),
                field(finding.meta.code),
                field(finding.severity.as_str()),
                field(if finding.blocks { "true" } else { "false" }),
                field(&row.title),
                field(&row.detail),
                finding.count.to_string(),
                field(&row.place),
            ];
            to.write_all(fields.join(",").as_bytes())?;
            to.write_all(b"\r\n")?;
        }
        Ok(())
    }
}

/// A field. What a spreadsheet would take for a formula gets an apostrophe in front, as it does where people type it.
fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r', ';']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_and_no_formulas() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("", ""),
        ] {
            assert_eq!(field(text), written, "{text}");
        }
    }
}
