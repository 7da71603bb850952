//! Scheduling: nests, flavours side by side, cells and their cases.

pub mod case;
