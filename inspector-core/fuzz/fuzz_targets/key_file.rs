//! Files of secrets that open TLS: NSS key logs, RSA private keys in PEM and DER. The first byte tells whether the rest is
//! one, or the content of a PEM block.
//!
//! No secret is shown, a file given twice changes nothing, and neither do other ends of its lines.
#![no_main]

use inspector_core::secrets::keylog::Keys;
use inspector_core_fuzz::{limits, made};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mode, bytes)) = input.split_first() else { return };
    let limits = limits(input);
    let file = match mode % 4 {
        1 => made::pem("RSA PRIVATE KEY", bytes),
        2 => made::pem("PRIVATE KEY", bytes),
        _ => bytes.to_vec(),
    };
    let mut keys = Keys::new(&limits);
    let added = keys.add(&file).map(|summary| (summary.secrets, summary.ignored, summary.damaged));
    let shown = format!("{added:?} {keys:?}");
    for word in file.split(u8::is_ascii_whitespace).filter(|word| word.len() >= 64) {
        let word = String::from_utf8_lossy(word);
        assert!(!shown.contains(&*word), "{word} in {shown}");
    }
    let sessions = keys.sessions();
    let dropped = keys.sources().any(|source| source.dropped > 0);
    if let Ok(again) = keys.add(&file)
        && !dropped
        && again.dropped == 0
    {
        assert_eq!(keys.sessions(), sessions, "given twice");
    }
    let recorded = Keys::new(&limits).add_recorded(&file);
    if mode % 4 == 0 && !file.contains(&b'\r') && !dropped && added.is_ok() && file.is_ascii() {
        let windows: Vec<u8> = file
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(|line| {
                let ended = line.strip_suffix(b"\n");
                [ended.unwrap_or(line), if ended.is_some() { b"\r\n" } else { b"" }].concat()
            })
            .collect();
        let mut keys = Keys::new(&limits);
        let other = keys.add(&windows).map(|summary| (summary.secrets, summary.ignored, summary.damaged));
        assert_eq!((added, sessions), (other, keys.sessions()), "other ends of lines");
        let _ = recorded;
    }
});
