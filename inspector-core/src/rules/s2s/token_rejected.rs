use crate::{
    finding::{Severity, pending::Pending},
    handshake::{
        call::{Call, Refusal},
        diagnostics::ServerReason,
    },
    rules::{Context, Declared, Rule, Summary, declare_rule},
};

declare_rule! {
    /// The resource refused a token: 401, 403 with a word about OAuth, or a redirect to a login page. It is medium if the
    /// same client, in the same caller's name, was accepted there later, by the times of the recording; where an answer that
    /// came later may have been lost, the refusal leaves the outcome open. The refusal of a
    /// token that is not of an expected caller says nothing about the question and does not decide; it is low where the
    /// same host accepted another token.
    ///
    /// # Evidence
    /// The status and the server's own reason, with what its category means.
    ///
    /// # Traps
    /// A 401 to an absent or empty `Authorization` is the beginning of a handshake and no refusal.
    pub(crate) TokenRejected = "S2S-032" "token-rejected" High,
    title: "The resource refused a token",
    remedy: "Read the server's reason in the evidence; without one, look for a proxy in front of the resource.",
    source: "[MS-XOAUTH] §3.2.5.4; RFC 6750 §3",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-3",
}

impl Rule for TokenRejected {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for call in ledger.calls().iter().filter(|call| call.s2s) {
            for refusal in &call.pending {
                report(context, call, refusal, Severity::High);
            }
            for refusal in &call.recovered {
                report(context, call, refusal, Severity::Medium);
            }
        }
    }
}

fn report(context: &mut Context<'_>, call: &Call, refusal: &Refusal, severity: Severity) {
    let reason = refusal.reason.as_ref();
    let explanation = reason.and_then(ServerReason::explanation);
    let caller = call
        .caller
        .as_ref()
        .map_or_else(|| format!("a token ({})", call.kind), |caller| format!("a token of {}", caller.shown()));
    let said = reason.map(ServerReason::describe).filter(|said| !said.is_empty());
    let said = said.map_or_else(|| "without a reason".to_owned(), |said| format!("saying: {said}"));
    let meaning = explanation.map(|explanation| format!(" ({})", explanation.meaning)).unwrap_or_default();
    let later = if severity == Severity::High { "" } else { "; later accepted" };
    let host = context.ledger.host_name(call.host);
    let detail = format!("{host} refused {caller} with {}, {said}{meaning}{later}", refusal.status);
    let subject = format!(
        "{caller} {} {}",
        refusal.status,
        reason.and_then(|reason| reason.category.as_deref()).unwrap_or_default()
    );
    let mut draft =
        TokenRejected::META.host(call.host).severity(severity).subject(subject).detail(detail).seen(&refusal.seen);
    if let Some(explanation) = explanation {
        draft = draft.remedy(explanation.remedy);
    }
    if !call.is_known {
        draft = draft.refused_by(call.host, true);
    }
    if severity == Severity::High {
        draft = draft.pending(Pending::by(call.host, Some(refusal.last)));
    }
    context.find(if severity == Severity::Medium {
        draft.title("The resource refused a token, and accepted the client later")
    } else {
        draft
    });
}
