use super::*;

#[test]
fn both_directions_have_one_part() {
    let end = |last: u8, port| Endpoint { address: [10, 0, 0, last].into(), port };
    for parts in [1, 2, 3, 8, 256] {
        let mut seen = vec![0; parts];
        for port in 1000..3000 {
            let part = deal(&[end(1, port), end(2, 443)], parts);
            assert_eq!(part, deal(&[end(2, 443), end(1, port)], parts));
            seen[part] += 1;
        }
        let share = 2000 / parts;
        assert!(parts > 8 || seen.iter().all(|count| *count > share * 8 / 10), "{seen:?}");
    }
}
