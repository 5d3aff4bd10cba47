//! Formats between bytes and columns: JSON, DELIMITED and Kafka's primitive serialisers.
use pyo3::prelude::*;

/// Adds the functions of this part to the module.
pub fn register(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
