//! Record batches (format 2) to columns and back, codecs, partitioner.
use pyo3::prelude::*;

mod check;
mod codecs;
mod decode;
mod encode;
mod murmur2;
mod varint;
mod walk;

/// Adds the functions of this part to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(check::check_batches, m)?)?;
    m.add_function(wrap_pyfunction!(check::producer_batches, m)?)?;
    m.add_function(wrap_pyfunction!(decode::decode_records, m)?)?;
    m.add_function(wrap_pyfunction!(encode::encode_records, m)?)?;
    m.add_function(wrap_pyfunction!(encode::restamp, m)?)?;
    m.add_function(wrap_pyfunction!(murmur2::murmur2_column, m)?)?;
    m.add_function(wrap_pyfunction!(murmur2::murmur2_one, m)?)
}
