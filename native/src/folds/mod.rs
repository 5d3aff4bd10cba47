//! Segmented folds with their state in memory, and window assignment.
use pyo3::prelude::*;

mod fold;
pub mod key_rows;
mod packed;
mod table;
mod windows;

/// Adds the functions of this part to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<table::FoldTable>()?;
    m.add_function(wrap_pyfunction!(packed::pack_rows, m)?)?;
    m.add_function(wrap_pyfunction!(windows::assign_windows, m)?)?;
    m.add_function(wrap_pyfunction!(windows::window_keys, m)?)
}
