//! Containers of dbmatrix: the machine's engine, base images, the route, the nest and its
//! children.
//!
//! Knows no database server and no matrix.

pub mod digest;
pub mod host;
pub mod image;
pub mod name;
pub mod nest;
pub mod route;
