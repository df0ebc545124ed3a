use super::login_form;
use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A user's name and password were submitted by a form or in JSON or XML, as Outlook on the web, AD FS, sign-in pages
    /// and applications do.
    ///
    /// # Evidence
    /// The path, the user name and the length of the password.
    ///
    /// # Traps
    /// A page that shows a form submits nothing, and a password without a user's name is one only where somebody signs in. It is no Basic, and of interest only where a server was expected to
    /// call. The password grant is BAS-010.
    pub(crate) FormsLogin = "BAS-012" "forms-login" Medium,
    title: "A password was submitted by a login",
    remedy: "Let servers call by certificates or managed identities; let people sign in by modern authentication.",
    source: "Exchange forms-based authentication; [MS-OFBA]",
    reference: "https://learn.microsoft.com/exchange/clients/outlook-on-the-web/forms-based-auth",
}

impl Rule for FormsLogin {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED.or(Occasions::PASSWORD)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(form) = login_form(observation) else { return };
        let user = mask::text(if form.user.is_empty() { "(none)" } else { form.user });
        let name = mask::text(form.field);
        let excerpt = format!("user \"{user}\", {name} of {} bytes (masked)", form.length);
        let evidence = observation.in_request(Part::RequestBody, &name, excerpt);
        let detail = format!("{}: user \"{user}\"", observation.place());
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
