//! The scorer from outside: plain cases, the theorems as properties, the pinned bits.

mod cases;
mod extremes;
mod learning;
mod primacy;
mod theorems;
mod vectors;
mod world;
