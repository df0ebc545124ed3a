//! What a person pastes to have it decoded, and the same text as others would show it. A token that is found in a text is
//! not to be read in what is shown of it, in whatever running text it stands; and masking twice changes nothing.
#![no_main]

use inspector_core::{
    redact::{self, Level},
    token::{
        find::find,
        interner::Interner,
        mask::{self, tokens_masked},
    },
};
use inspector_core_fuzz::limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let text = String::from_utf8_lossy(bytes);
    let mut interner = Interner::new(&limits);
    let found = find(&text, &mut interner);
    assert_eq!(found.len(), find(&text, &mut interner).len(), "found again");
    let facts = redact::text(&text, Level::Facts);
    let shown = [
        ("facts", facts),
        ("prose", redact::text(&text, Level::Prose)),
        ("field", redact::text(&text, Level::Field)),
        ("tokens", tokens_masked(&text)),
        ("excerpt", mask::text(&text).into()),
    ];
    for (how, shown) in shown {
        for token in &found {
            let raw: &str = token.raw.reveal();
            assert!(!token.kind.is_readable() || raw.len() < 24 || !shown.contains(raw), "{how}: {raw} in {shown}");
        }
        // Whatever hides between characters that are not seen is masked with all that is around it.
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            continue;
        }
        let again = match how {
            "facts" => redact::text(&shown, Level::Facts),
            "prose" => redact::text(&shown, Level::Prose),
            "field" => redact::text(&shown, Level::Field),
            _ => tokens_masked(&shown),
        };
        assert_eq!(shown, again, "{how}: masked twice");
    }
});
