//! A simulated store and clock, deterministic by a seed: time passes only while everybody waits.
