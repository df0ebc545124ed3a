//! Handshakes as a Mermaid sequence diagram.

use std::io::{self, Write};

use inspector_core::report::{Handshake, Report};

use super::{
    escape,
    human::{
        ladder::{is_answer, is_endpoint},
        place,
    },
};

/// Writes one diagram with all handshakes.
pub(crate) fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(to, "sequenceDiagram")?;
    let mut names: Vec<String> = Vec::new();
    for handshake in &report.handshakes {
        for name in participants(handshake) {
            if !names.contains(&name) {
                writeln!(to, "    participant p{} as {}", names.len(), label(&name))?;
                names.push(name);
            }
        }
    }
    let number = |name: &str| names.iter().position(|known| known == name).unwrap_or(0);
    for handshake in &report.handshakes {
        let [client, resource, endpoint] = [0, 1, 2].map(|place| participants(handshake).into_iter().nth(place));
        let client = number(&client.unwrap_or_default());
        for step in &handshake.steps {
            let other = if is_endpoint(step.kind) { &endpoint } else { &resource };
            let other = number(other.as_deref().unwrap_or_default());
            let seen = place::words(&step.evidence, report);
            let text = label(&format!("{} ({seen})", step.text));
            if is_answer(step.kind) {
                writeln!(to, "    p{other}-->>p{client}: {text}")?;
            } else {
                writeln!(to, "    p{client}->>p{other}: {text}")?;
            }
        }
    }
    Ok(())
}

/// Client, resource, and the token endpoint if it takes part.
fn participants(handshake: &Handshake) -> Vec<String> {
    let client = handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string());
    let mut names = vec![client, handshake.resource.to_string()];
    if handshake.steps.iter().any(|step| is_endpoint(step.kind)) {
        names.push("token endpoint".to_owned());
    }
    names
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
