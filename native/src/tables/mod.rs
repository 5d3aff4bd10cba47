//! Sorted tables: rows of a store as the file that RocksDB takes in whole.
use pyo3::prelude::*;

mod blocks;
mod bloom;
mod rows;
mod sorted_table;

/// Adds the functions of this part to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(sorted_table::sorted_table, m)?)
}
