use crate::{
    evidence::Part,
    handshake::{
        diagnostics::{self, Diagnostic, Dialect},
        observation::{Observation, shown},
    },
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// The server's diagnostics are not of Exchange's form: they cannot be read, they are of Skype for Business, whose
    /// numbers mean other things, or number and category contradict each other.
    ///
    /// # Evidence
    /// The field as sent.
    ///
    /// # Traps
    /// Numbers changed their meaning between builds: the category counts, and a number without a known category is not
    /// explained.
    pub(crate) XmsDiagDialect = "S2S-040" "xms-diag-dialect" Info,
    title: "Diagnostics of the server are not of the usual form",
    remedy: "Trust the category and the reason, not the number.",
    source: "Resolve free/busy errors in Exchange hybrid; Skype for Business UCWA documentation",
    reference: "https://learn.microsoft.com/exchange/troubleshoot/calendars/free-busy/hybrid-free-busy-errors",
}

impl Rule for XmsDiagDialect {
    fn occasions(&self) -> Occasions {
        Occasions::DIAGNOSTICS
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(head) = observation.response() else { return };
        for (diagnostic, value) in observation.diagnostics.iter().zip(head.values("x-ms-diagnostics")) {
            let Some(what) = oddity(diagnostic) else { continue };
            let evidence = observation.in_response(Part::ResponseHeader, "x-ms-diagnostics", shown(value));
            context.find(Self::META.of(observation).detail(what).evidence(evidence));
        }
    }
}

fn oddity(diagnostic: &Diagnostic) -> Option<String> {
    match diagnostic.dialect {
        Dialect::Unknown => Some("they cannot be read".to_owned()),
        Dialect::SkypeForBusiness => {
            Some(format!("{} is a number of Skype for Business", diagnostic.code.unwrap_or_default()))
        }
        Dialect::SharePoint => None,
        Dialect::Exchange => {
            let category = diagnostic.category.as_deref()?;
            let shown = mask::text(category);
            let Some(known) = diagnostics::explain(category) else {
                return Some(format!("the category {shown} is not known"));
            };
            let code = diagnostic.code?;
            (known.code != code).then(|| format!("{code} does not go with {shown}"))
        }
    }
}
