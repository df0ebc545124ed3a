//! The last look at a report before anybody sees it.
//!
//! Rules and handshakes mask what they quote. Whatever they did not think of is caught here, once for all outputs: a token
//! as the name of a host, credentials in the name of a parameter, characters that are not seen. A report that is concealed
//! twice is the same.

use std::{borrow::Cow, sync::Arc};

use super::Report;
use crate::{evidence::Evidence, redact::shown_line, rules::finding::Finding};

impl Report {
    /// Masks and escapes what is left to be.
    pub(crate) fn conceal(&mut self) {
        text(&mut self.reason);
        self.next_steps.iter_mut().for_each(text);
        self.scope.iter_mut().for_each(shared);
        self.findings.iter_mut().for_each(finding);
        self.ignored.iter_mut().flat_map(|ignored| &mut ignored.findings).for_each(finding);
        for handshake in &mut self.handshakes {
            shared(&mut handshake.resource);
            [&mut handshake.caller, &mut handshake.audience].into_iter().flatten().for_each(text);
            if let Some(reason) = &mut handshake.reason {
                [&mut reason.category, &mut reason.text].into_iter().flatten().for_each(text);
            }
            for step in &mut handshake.steps {
                text(&mut step.text);
                shared(&mut step.host);
                step.request_id.iter_mut().for_each(text);
                evidence(&mut step.evidence);
                step.also.iter_mut().for_each(evidence);
            }
        }
        for token in &mut self.tokens {
            evidence(&mut token.first);
            token.places.iter_mut().for_each(text);
            for station in &mut token.lineage {
                shared(&mut station.host);
                evidence(&mut station.first);
            }
            token.signatures.iter_mut().for_each(|state| text(&mut state.reason));
        }
    }
}

fn finding(finding: &mut Finding) {
    if let Cow::Owned(title) = shown_line(&finding.title) {
        finding.title = Cow::Owned(title);
    }
    text(&mut finding.detail);
    finding.host.iter_mut().for_each(shared);
    finding.evidence.iter_mut().for_each(evidence);
}

fn evidence(evidence: &mut Evidence) {
    [&mut evidence.name, &mut evidence.excerpt].into_iter().flatten().for_each(text);
}

fn text(text: &mut String) {
    if let Cow::Owned(shown) = shown_line(text) {
        *text = shown;
    }
}

fn shared(text: &mut Arc<str>) {
    if let Cow::Owned(shown) = shown_line(text) {
        *text = shown.into();
    }
}
