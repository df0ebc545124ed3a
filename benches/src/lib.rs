//! Deterministic workloads for the benches.
