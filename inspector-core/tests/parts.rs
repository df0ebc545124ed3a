//! What is read in parts gives what reading in order gives. The long form is the example of the same name.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

#[path = "support/parts.rs"]
mod cases;

#[test]
fn pieces_and_jobs_give_the_same() {
    let bases = cases::bases();
    assert!(bases.len() > 100, "{}", bases.len());
    for number in 0..120 {
        if let Err((difference, _)) = cases::case(&bases, number) {
            panic!("{difference}");
        }
    }
}
