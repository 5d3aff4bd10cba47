//! Loops over bytes and columns; every function has a Python twin in `kappaflow.kernel` that defines it.
use pyo3::prelude::*;

#[pymodule]
fn _native(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
