//! Formats between bytes and columns: JSON, DELIMITED, Avro, Protobuf and Kafka's primitive serialisers.
//!
//! The kernels decide the usual records; a record with anything unusual is left to the row form, which defines
//! what is right.  So they never accept or refuse on their own authority.
use pyo3::prelude::*;

mod avro_read;
mod avro_write;
mod columns;
mod delimited;
mod json_decode;
mod json_encode;
mod json_members;
mod json_scan;
mod number_text;
mod plain_values;
mod primitives;
mod protobuf_read;
mod protobuf_scalars;
mod protobuf_write;
mod scalars;
mod schema_decode;
mod schema_encode;
mod windowed;
mod write_values;
mod written;

/// Adds the functions of this part to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(json_decode::json_decode, m)?)?;
    m.add_function(wrap_pyfunction!(json_encode::json_encode, m)?)?;
    m.add_function(wrap_pyfunction!(delimited::delimited_decode, m)?)?;
    m.add_function(wrap_pyfunction!(delimited::delimited_encode, m)?)?;
    m.add_function(wrap_pyfunction!(primitives::primitives_decode, m)?)?;
    m.add_function(wrap_pyfunction!(primitives::primitives_encode, m)?)?;
    m.add_function(wrap_pyfunction!(primitives::double_text, m)?)?;
    m.add_class::<schema_decode::RecordPlan>()?;
    m.add_function(wrap_pyfunction!(schema_decode::schema_ids, m)?)?;
    m.add_function(wrap_pyfunction!(schema_decode::schema_decode, m)?)?;
    m.add_class::<schema_encode::WritePlan>()?;
    m.add_function(wrap_pyfunction!(schema_encode::schema_encode, m)?)?;
    m.add_function(wrap_pyfunction!(windowed::windowed_append, m)?)?;
    m.add_function(wrap_pyfunction!(windowed::windowed_split, m)?)
}
