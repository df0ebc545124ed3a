//! Handshakes as a Mermaid sequence diagram.

use std::io::{self, Write};

use inspector_core::{
    handshake::call::Step,
    report::{Handshake, Report},
};

use super::{escape, human::ladder};

/// Writes one diagram with all handshakes, their messages in the order of time.
pub(crate) fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(to, "sequenceDiagram")?;
    if report.handshakes.is_empty() {
        // A diagram needs a party.
        return writeln!(to, "    participant p0 as no authentication message");
    }
    let mut names: Vec<String> = Vec::new();
    for handshake in &report.handshakes {
        let hosts = handshake.steps.iter().map(|step| step.host.to_string());
        for name in std::iter::once(client(handshake)).chain(hosts) {
            if !names.contains(&name) {
                writeln!(to, "    participant p{} as {}", names.len(), label(&name))?;
                names.push(name);
            }
        }
    }
    let number = |name: &str| names.iter().position(|known| known == name).unwrap_or(0);
    let mut steps: Vec<(&Handshake, &Step)> =
        report.handshakes.iter().flat_map(|one| one.steps.iter().map(move |step| (one, step))).collect();
    if steps.iter().all(|(_, step)| step.time.is_some()) {
        steps.sort_by_key(|(_, step)| step.time);
    }
    for (handshake, step) in steps {
        let (client, host) = (number(&client(handshake)), number(&step.host));
        let text = label(&ladder::words(report, handshake, step));
        if step.kind.is_answer() {
            writeln!(to, "    p{host}-->>p{client}: {text}")?;
        } else {
            writeln!(to, "    p{client}->>p{host}: {text}")?;
        }
    }
    for handshake in report.handshakes.iter().filter(|handshake| handshake.steps_omitted > 0) {
        let client = number(&client(handshake));
        writeln!(to, "    note over p{client}: {} further steps are left out", handshake.steps_omitted)?;
    }
    Ok(())
}

/// Writes the tokens as they were sent, as comments of the diagram.
pub(crate) fn write_tokens(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for (id, raw) in super::human::revealed::tokens(report) {
        writeln!(to, "    %% {id} {}", escape::line(raw))?;
    }
    Ok(())
}

fn client(handshake: &Handshake) -> String {
    handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string())
}

/// Text without what Mermaid would take for its own.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::line(text).chars() {
        match c {
            ';' | '#' | '%' | '<' | '>' | '"' | '`' | '{' | '}' => out.push_str(&format!("#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        assert_eq!(label("a;b\n<x>"), "a#59;b\\n#60;x#62;");
    }
}
