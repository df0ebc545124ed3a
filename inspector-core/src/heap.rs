//! What things take on the heap, about, for the bounds that are bytes of memory.

/// What an allocation of so many bytes takes: allocators round up, and remember its size beside it.
pub(crate) const fn block(bytes: usize) -> usize {
    const LEAST: usize = 32;
    let rounded = bytes.saturating_add(8 + 15) & !15;
    if bytes == 0 {
        0
    } else if rounded < LEAST {
        LEAST
    } else {
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn small_blocks_cost_more_than_they_hold() {
        assert_eq!([0, 1, 24, 25, 1000, usize::MAX].map(block), [0, 32, 32, 48, 1008, !15]);
    }
}
