//! Segmented folds with their state in memory, and window assignment.
use pyo3::prelude::*;

/// Adds the functions of this part to the module.
pub fn register(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
