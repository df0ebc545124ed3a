//! A transcript that reads back: facts in `# @` lines, then the messages.

use std::io::{self, Write};

use super::{RecordingWriter, message};
use crate::{connection::ConnectionReport, exchange::Exchange, losses, note::Note};

/// Writes a transcript.
pub(super) struct TranscriptWriter<'w>(&'w mut dyn Write);

impl<'w> TranscriptWriter<'w> {
    pub(super) fn new(to: &'w mut dyn Write) -> Self {
        Self(to)
    }
}

impl RecordingWriter for TranscriptWriter<'_> {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let to = &mut *self.0;
        let messages = [&exchange.request, &exchange.response];
        writeln!(to, "###")?;
        if let Some(time) = messages.into_iter().flatten().find_map(|message| message.first.time()) {
            writeln!(to, "# @time {time}")?;
        }
        writeln!(to, "# @scheme {}", exchange.scheme.as_str())?;
        for (name, end) in [("client", exchange.client), ("server", exchange.server)] {
            if let Some(end) = end {
                writeln!(to, "# @{name} {end}")?;
            }
        }
        if exchange.marks.any() {
            writeln!(to, "# @notes {}", losses::marks_to_json(exchange.marks))?;
        }
        for message in messages.into_iter().flatten() {
            message::write(exchange, message, to)?;
            to.write_all(b"\r\n\r\n")?;
        }
        Ok(())
    }

    fn connection(&mut self, report: &ConnectionReport) -> io::Result<()> {
        writeln!(self.0, "###\n# @lost {{\"connections\":[{}]}}", losses::connection_to_json(report))
    }

    fn note(&mut self, note: &Note) -> io::Result<()> {
        writeln!(self.0, "###\n# @lost {{\"notes\":[{}]}}", losses::note_to_json(note))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
