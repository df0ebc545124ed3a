use crate::{
    evidence::Part,
    handshake::observation::{Endpoint, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A request to Entra ID mixes the dialects of its two versions: `resource` of v1 together with `scope` of v2.
    ///
    /// # Evidence
    /// Both parameters; AADSTS901002 in the answer confirms it.
    ///
    /// # Traps
    /// `resource` beside `scope` is right at servers with resource indicators (RFC 8707): only a scope that ends in
    /// `/.default`, or the path of the v2 endpoint, tells Entra ID's v2.
    pub(crate) ResourceScopeMixing = "OAU-018" "resource-scope-mixing" Info,
    title: "A request mixes resource (v1) with scope (v2)",
    remedy: "Send scope=<resource>/.default to the v2 endpoint, or resource to the v1 endpoint.",
    source: "Microsoft Entra error AADSTS901002; RFC 8707",
    reference: "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
}

impl Rule for ResourceScopeMixing {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let asked = observation.flow.authorization.as_ref();
        if observation.endpoint != Endpoint::Token && asked.is_none() {
            return;
        }
        let resource = super::posted(observation, "resource").or_else(|| asked?.resource.as_deref());
        let scope = super::posted(observation, "scope").or_else(|| asked?.scope.as_deref());
        let codes = observation.token_error.as_ref().map(|error| error.codes.as_slice()).unwrap_or_default();
        let refused = codes.iter().any(|code| code == "AADSTS901002");
        let second = observation.path.contains("/oauth2/v2.0/");
        let mixed = resource.is_some() && scope.is_some_and(|scope| second || scope.contains("/.default"));
        if !mixed && !refused {
            return;
        }
        let said = if refused { ", refused with AADSTS901002" } else { "" };
        let (resource, scope) = (mask::text(resource.unwrap_or_default()), mask::text(scope.unwrap_or_default()));
        let evidence =
            observation.in_request(Part::RequestBody, "resource", format!("resource={resource} scope={scope}"));
        let detail = format!("{}: resource \"{resource}\" beside scope \"{scope}\"{said}", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
