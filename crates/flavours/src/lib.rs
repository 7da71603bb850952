//! Flavours: which servers a matrix wants, and how they come about in the children of a
//! nest.

pub mod catalogue;
pub mod matrix;
pub mod mysqltest;
pub mod name_rule;
pub mod plan;
pub mod provision;
pub mod server;
