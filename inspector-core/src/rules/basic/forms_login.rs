use std::collections::BTreeSet;

use super::login_form;
use crate::{evidence::Part, finding::Severity, handshake::{oauth_message::Carriage, observation::{Endpoint, Observation}}, hosts::HostId, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

/// Authorization servers at which somebody signs in at once.
const HOSTS: usize = 256;

declare_rule! {
    /// A user's name and password were submitted by a form or in JSON or XML, as Outlook on the web, AD FS, sign-in pages
    /// and applications do.
    ///
    /// # Evidence
    /// The path, the user name and the length of the password.
    ///
    /// # Traps
    /// A page that shows a form submits nothing, and a password without a user's name is one only where somebody signs in. It is no Basic, and of interest only where a server was expected to
    /// call. The password grant is BAS-010. A sign-in at the authorization server's own page, to which an authorization
    /// request or a device's user code led, is what modern authentication is: info.
    pub(crate) FormsLogin = "BAS-012" "forms-login" Medium,
    title: "A password was submitted by a login",
    remedy: "Let servers call by certificates or managed identities; let people sign in by modern authentication.",
    source: "Exchange forms-based authentication; [MS-OFBA]",
    reference: "https://learn.microsoft.com/exchange/clients/outlook-on-the-web/forms-based-auth",
    state: { sign_ins: BTreeSet<HostId> },
}

impl Rule for FormsLogin {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED.or(Occasions::PASSWORD).or(Occasions::OAUTH)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        self.follow(observation);
        let Some(form) = login_form(observation) else { return };
        let user = mask::text(if form.user.is_empty() { "(none)" } else { form.user });
        let name = mask::text(form.field);
        let excerpt = format!("user \"{user}\", {name} of {} bytes (masked)", form.length);
        let evidence = observation.in_request(Part::RequestBody, &name, excerpt);
        let detail = format!("{}: user \"{user}\"", observation.place());
        let draft = Self::META.of(observation).detail(detail).evidence(evidence);
        context.find(if self.sign_ins.contains(&observation.host) {
            draft.severity(Severity::Info).title("A user signed in at the authorization server")
        } else {
            draft
        });
    }
}

impl FormsLogin {
    /// Keeps where users are sent to sign in, until an answer to the client was seen.
    fn follow(&mut self, observation: &Observation<'_>) {
        let flow = &observation.flow;
        let asked = flow.authorization.as_ref().is_some_and(|request| !request.pushed);
        let confirms = observation
            .extraction
            .parameters
            .iter()
            .any(|p| p.part == Part::RequestBody && p.name.eq_ignore_ascii_case("user_code"));
        let answered =
            flow.response.as_ref().is_some_and(|response| response.carriage == Carriage::Location && !asked);
        if (asked || confirms) && observation.endpoint != Endpoint::Token && self.sign_ins.len() < HOSTS {
            self.sign_ins.insert(observation.host);
        }
        if answered {
            self.sign_ins.remove(&observation.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{finding::Severity, rules::testing};

    const ASKED: &str = "GET /authorize?client_id=app&response_type=code&state=s&redirect_uri=https%3A%2F%2Fapp.test%2Fcb HTTP/1.1\n\
                         Host: login.test\n\nHTTP/1.1 303 See Other\nLocation: /Sign-In/Step1\n\n###\n";
    const BACK: &str = "GET /authorize/resume HTTP/1.1\nHost: login.test\n\nHTTP/1.1 303 See Other\n\
                        Location: https://app.test/cb?code=c&state=s\n\n###\n";

    fn sign_in(host: &str) -> String {
        format!(
            "POST /Sign-In/Step1 HTTP/1.1\nHost: {host}\nContent-Type: application/x-www-form-urlencoded\n\n\
             username=megan&password=not-hers\nHTTP/1.1 303 See Other\nLocation: /authorize/resume\n\n###\n"
        )
    }

    #[test]
    fn who_was_sent_to_the_authorization_server_signs_in_there() {
        let device = "POST /device HTTP/1.1\nHost: login.test\nContent-Type: application/x-www-form-urlencoded\n\n\
                      user_code=WDJB-MJHT\nHTTP/1.1 303 See Other\nLocation: /Sign-In/Step1\n\n###\n";
        let here = sign_in("login.test");
        for (text, severity) in [
            (format!("{ASKED}{here}{BACK}"), Severity::Info),
            (format!("{device}{here}"), Severity::Info),
            // A wrong password first.
            (format!("{ASKED}{here}{here}{BACK}"), Severity::Info),
            // Nobody was sent there, the answer was given already, or it is another host.
            (here.clone(), Severity::Medium),
            (format!("{ASKED}{BACK}{here}"), Severity::Medium),
            (format!("{ASKED}{}{BACK}", sign_in("app.test")), Severity::Medium),
        ] {
            let report = testing::judge(&text);
            let found: Vec<_> = report.findings.iter().filter(|finding| finding.meta.code == "BAS-012").collect();
            assert!(found.iter().all(|finding| finding.severity == severity) && found.len() == 1, "{text}");
            assert!(found[0].detail.contains(".test/Sign-In/Step1: user"), "in its own letters: {}", found[0].detail);
        }
    }
}
