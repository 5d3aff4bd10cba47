//! Loops over bytes and columns; every function has a Python twin in `kappaflow.kernel` that defines it.
//!
//! Rules of the crate: the GIL is released in every loop, payload bytes are never copied (views over the
//! buffer that came in, or over the decompressed one), and bad bytes are errors or per-row marks, never panics.
use pyo3::prelude::*;

mod arrays;
mod folds;
mod formats;
mod lookups;
mod records;
mod tables;

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    records::register(m)?;
    folds::register(m)?;
    lookups::register(m)?;
    formats::register(m)?;
    tables::register(m)
}
