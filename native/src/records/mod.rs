//! Record batches (magic 2) to columns and back, codecs, partitioner.
use pyo3::prelude::*;

/// Adds the functions of this part to the module.
pub fn register(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
