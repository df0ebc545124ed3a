//! The last look at a report before anybody sees it.
//!
//! Rules and handshakes mask what they quote. Whatever they did not think of is caught here, once for all outputs: a token
//! as the name of a host, credentials in the name of a parameter, characters that are not seen. A report that is concealed
//! twice is the same.

use std::{borrow::Cow, sync::Arc};

use super::Report;
use crate::{evidence::Evidence, finding::Finding, redact::Facts};

impl Report {
    /// Masks and escapes what is left to be.
    pub(crate) fn conceal(&mut self) {
        let lines = &mut Lines::default();
        lines.text(&mut self.reason);
        self.next_steps.iter_mut().for_each(|step| lines.paragraphs(step));
        for input in &mut self.inputs {
            lines.texts([&mut input.verdict.reason, &mut input.verdict.brief].into_iter().chain(&mut input.caller));
        }
        self.scope.iter_mut().for_each(|host| lines.shared(host));
        self.findings.iter_mut().for_each(|finding| lines.finding(finding));
        let ignored = self.ignored.iter_mut().flat_map(|ignored| &mut ignored.findings);
        ignored.for_each(|finding| lines.finding(finding));
        for handshake in &mut self.handshakes {
            lines.shared(&mut handshake.resource);
            lines.texts([&mut handshake.caller, &mut handshake.audience].into_iter().flatten());
            if let Some(reason) = &mut handshake.reason {
                lines.texts([&mut reason.category, &mut reason.text].into_iter().flatten());
            }
            for step in &mut handshake.steps {
                lines.text(&mut step.text);
                lines.shared(&mut step.host);
                lines.texts(&mut step.request_id);
                lines.evidence(&mut step.evidence);
                step.also.iter_mut().for_each(|also| lines.evidence(also));
            }
        }
        for token in &mut self.tokens {
            lines.evidence(&mut token.first);
            lines.texts(&mut token.places);
            for station in &mut token.lineage {
                lines.shared(&mut station.host);
                lines.evidence(&mut station.first);
            }
            lines.texts(token.signatures.iter_mut().map(|state| &mut state.reason));
        }
    }
}

/// Conceals lines; those that were shown as they are once are not looked at again.
#[derive(Default)]
struct Lines(Facts);

impl Lines {
    fn finding(&mut self, finding: &mut Finding) {
        if let Cow::Owned(title) = self.0.line(&finding.title) {
            finding.title = Cow::Owned(title);
        }
        self.text(&mut finding.detail);
        finding.host.iter_mut().for_each(|host| self.shared(host));
        finding.evidence.iter_mut().for_each(|evidence| self.evidence(evidence));
    }

    /// Text in which line ends are meant.
    fn paragraphs(&mut self, text: &mut String) {
        if !text.contains('\n') {
            return self.text(text);
        }
        let lines: Vec<Cow<'_, str>> = text.split('\n').map(|line| self.0.line(line)).collect();
        *text = lines.join("\n");
    }

    fn evidence(&mut self, evidence: &mut Evidence) {
        self.texts([&mut evidence.name, &mut evidence.excerpt].into_iter().flatten());
    }

    fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.text(text));
    }

    fn text(&mut self, text: &mut String) {
        if let Cow::Owned(shown) = self.0.line(text) {
            *text = shown;
        }
    }

    fn shared(&mut self, text: &mut Arc<str>) {
        if let Cow::Owned(shown) = self.0.line(text) {
            *text = shown.into();
        }
    }
}
