//! S2S-…: server-to-server OAuth.

super::rules![
    expected_issuer_present::ExpectedIssuerPresent,
    legacy_caller_only::LegacyCallerOnly,
    issuer_only_in_challenge::IssuerOnlyInChallenge,
    principal_syntax::PrincipalSyntax,
    unknown_principal::UnknownPrincipal,
    cross_tenant_actor::CrossTenantActor,
    outer_inner_binding::OuterInnerBinding,
    wrong_resource::WrongResource,
    audience_host_mismatch::AudienceHostMismatch,
    trusted_for_delegation::TrustedForDelegation,
    unsigned_actor::UnsignedActor,
    signed_outer::SignedOuter,
    orphan_unsigned::OrphanUnsigned,
    junk_signature::JunkSignature,
    illegal_actor_issuer::IllegalActorIssuer,
    bearer_not_offered::BearerNotOffered,
    token_rejected::TokenRejected,
    token_accepted::TokenAccepted,
    rejected_after_accept::RejectedAfterAccept,
    token_endpoint_error::TokenEndpointError,
    missing_diagnostics::MissingDiagnostics,
    non_oauth_scheme::NonOauthScheme,
    cleartext_s2s::CleartextS2s,
];

use crate::token::{Token, principal::Principal};

/// Whether two realms say different things: both are there, neither is `*`, and they are unequal. Tenants are compared
/// without letter case.
fn realms_differ(one: Option<&Principal>, other: Option<&Principal>) -> bool {
    let telling = |principal: Option<&Principal>| {
        principal.and_then(Principal::realm).filter(|realm| *realm != "*").map(str::to_ascii_lowercase)
    };
    match (telling(one), telling(other)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

/// Signature algorithms of an actor token: a key pair's.
fn is_asymmetric(token: &Token) -> bool {
    let algorithm = token.algorithm().to_ascii_uppercase();
    ["RS", "PS", "ES", "ED"].iter().any(|family| algorithm.starts_with(family))
}
