//! Positions within a batch: as-of, previous and last row of a key.
use pyo3::prelude::*;

/// Adds the functions of this part to the module.
pub fn register(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
