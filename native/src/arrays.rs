//! Columns in and out of Python: Arrow by the C data interface, numpy by the buffer protocol.
//!
//! `Column` takes any object with `__arrow_c_array__` (a chunked array is combined first), `to_pyarrow` hands an
//! array back as a `pyarrow.Array`.  `Int64s` and friends are owned vectors that numpy wraps without a copy.
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{from_ffi_and_data_type, to_ffi, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::types::{BinaryViewType, ByteViewType, Int32Type, Int64Type, LargeBinaryType, StringViewType};
use arrow_array::{make_array, Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_schema::DataType;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::marker::Ungil;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

/// An Arrow array that came from Python; shares its buffers.
pub struct Column(pub ArrayRef);

impl<'a, 'py> FromPyObject<'a, 'py> for Column {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let object = object.to_owned();
        let array = if object.hasattr("__arrow_c_array__")? {
            object
        } else if object.hasattr("combine_chunks")? {
            let combined = object.call_method0("combine_chunks")?;
            if !combined.hasattr("__arrow_c_array__")? {
                return Err(PyTypeError::new_err("an Arrow array is needed, not an empty chunked array"));
            }
            combined
        } else {
            return Err(PyTypeError::new_err(format!("an Arrow array is needed, not {}", object.get_type().name()?)));
        };
        let pair = array.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let schema = pair.get_item(0)?.cast_into::<PyCapsule>()?;
        let data = pair.get_item(1)?.cast_into::<PyCapsule>()?;
        let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
        let data = data.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
        // The capsules own valid structures; from_raw moves the array out and leaves a released one behind.
        let imported = unsafe {
            let data_type = DataType::try_from(schema.as_ref()).map_err(arrow_error)?;
            from_ffi_and_data_type(FFI_ArrowArray::from_raw(data.as_ptr()), data_type).map_err(arrow_error)?
        };
        Ok(Column(make_array(imported)))
    }
}

/// Turns an Arrow error into a ValueError.
pub fn arrow_error(error: arrow_schema::ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Hands an array to Python as a `pyarrow.Array`, without a copy.
pub fn to_pyarrow<'py>(py: Python<'py>, array: &dyn Array) -> PyResult<Bound<'py, PyAny>> {
    let (data, schema) = to_ffi(&array.to_data()).map_err(arrow_error)?;
    let schema = PyCapsule::new_with_value(py, schema, c"arrow_schema")?;
    let data = PyCapsule::new_with_value(py, data, c"arrow_array")?;
    py.import("pyarrow")?.getattr("Array")?.call_method1("_import_from_c_capsule", (schema, data))
}

/// Random access to the byte strings of a column, whatever their layout.
pub enum ByteColumn<'a> {
    Binary(&'a GenericByteArray<arrow_array::types::BinaryType>),
    LargeBinary(&'a GenericByteArray<LargeBinaryType>),
    Utf8(&'a GenericByteArray<arrow_array::types::Utf8Type>),
    LargeUtf8(&'a GenericByteArray<arrow_array::types::LargeUtf8Type>),
    BinaryView(&'a GenericByteViewArray<BinaryViewType>),
    StringView(&'a GenericByteViewArray<StringViewType>),
    Null(usize),
}

impl<'a> ByteColumn<'a> {
    /// Wraps a binary or string column.
    pub fn new(array: &'a dyn Array, what: &str) -> PyResult<Self> {
        Ok(match array.data_type() {
            DataType::Binary => ByteColumn::Binary(array.as_bytes()),
            DataType::LargeBinary => ByteColumn::LargeBinary(array.as_bytes()),
            DataType::Utf8 => ByteColumn::Utf8(array.as_bytes()),
            DataType::LargeUtf8 => ByteColumn::LargeUtf8(array.as_bytes()),
            DataType::BinaryView => ByteColumn::BinaryView(array.as_binary_view()),
            DataType::Utf8View => ByteColumn::StringView(array.as_string_view()),
            DataType::Null => ByteColumn::Null(array.len()),
            other => return Err(PyTypeError::new_err(format!("{what} must be binary or string, not {other}"))),
        })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            ByteColumn::Binary(a) => a.len(),
            ByteColumn::LargeBinary(a) => a.len(),
            ByteColumn::Utf8(a) => a.len(),
            ByteColumn::LargeUtf8(a) => a.len(),
            ByteColumn::BinaryView(a) => a.len(),
            ByteColumn::StringView(a) => a.len(),
            ByteColumn::Null(n) => *n,
        }
    }

    /// Whether a row is not null.
    #[inline(always)]
    pub fn is_there(&self, row: usize) -> bool {
        let nulls = match self {
            ByteColumn::Binary(a) => a.nulls(),
            ByteColumn::LargeBinary(a) => a.nulls(),
            ByteColumn::Utf8(a) => a.nulls(),
            ByteColumn::LargeUtf8(a) => a.nulls(),
            ByteColumn::BinaryView(a) => a.nulls(),
            ByteColumn::StringView(a) => a.nulls(),
            ByteColumn::Null(_) => return false,
        };
        nulls.is_none_or(|nulls| nulls.is_valid(row))
    }

    /// The bytes of a row, None where it is null.
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            ByteColumn::Binary(a) => flat(a.nulls(), row, || a.value(row)),
            ByteColumn::LargeBinary(a) => flat(a.nulls(), row, || a.value(row)),
            ByteColumn::Utf8(a) => flat(a.nulls(), row, || a.value(row).as_bytes()),
            ByteColumn::LargeUtf8(a) => flat(a.nulls(), row, || a.value(row).as_bytes()),
            ByteColumn::BinaryView(a) => view(a, row),
            ByteColumn::StringView(a) => view(a, row),
            ByteColumn::Null(_) => None,
        }
    }
}

#[inline(always)]
fn flat<'a>(nulls: Option<&NullBuffer>, row: usize, value: impl FnOnce() -> &'a [u8]) -> Option<&'a [u8]> {
    match nulls {
        Some(nulls) if nulls.is_null(row) => None,
        _ => Some(value()),
    }
}

#[inline(always)]
fn view<T: ByteViewType + ?Sized>(array: &GenericByteViewArray<T>, row: usize) -> Option<&[u8]> {
    match array.nulls() {
        Some(nulls) if nulls.is_null(row) => None,
        _ => Some(array.value(row).as_ref()),
    }
}

/// Integers of a column, widened to 64 bits: int32, int64, date32, time32 and timestamp.
pub fn int64_values(array: &dyn Array, what: &str) -> PyResult<Vec<i64>> {
    use DataType::{Date32, Int32, Int64, Time32, Timestamp};
    let data = array.to_data();
    Ok(match array.data_type() {
        Int32 | Date32 | Time32(_) => {
            let narrow = data.into_builder().data_type(Int32).build().map_err(arrow_error)?;
            make_array(narrow).as_primitive::<Int32Type>().values().iter().map(|v| *v as i64).collect()
        }
        Int64 | Timestamp(_, _) => {
            let wide = data.into_builder().data_type(Int64).build().map_err(arrow_error)?;
            make_array(wide).as_primitive::<Int64Type>().values().to_vec()
        }
        other => return Err(PyTypeError::new_err(format!("{what} must be integers, not {other}"))),
    })
}

/// A Python buffer kept alive by an Arrow buffer.
struct Kept(#[allow(dead_code)] PyBuffer<u8>);

impl RefUnwindSafe for Kept {}

/// Shares the memory of a contiguous Python buffer as an Arrow buffer.
pub fn shared_buffer(buffer: PyBuffer<u8>) -> PyResult<Buffer> {
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err("the buffer must be contiguous"));
    }
    let length = buffer.len_bytes();
    match std::ptr::NonNull::new(buffer.buf_ptr() as *mut u8) {
        // The exporter keeps the memory in place while the buffer is held; Arrow drops it with the last array.
        Some(pointer) if length > 0 => {
            Ok(unsafe { Buffer::from_custom_allocation(pointer, length, Arc::new(Kept(buffer))) })
        }
        _ => Ok(Buffer::from_vec(Vec::<u8>::new())),
    }
}

/// Borrows a contiguous numpy array for the length of a call.
pub fn borrowed<'a, T: pyo3::buffer::Element>(buffer: &'a PyBuffer<T>, what: &str) -> PyResult<&'a [T]> {
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err(format!("{what} must be contiguous")));
    }
    if buffer.item_count() == 0 {
        return Ok(&[]);
    }
    // Aligned and typed as the exporter declared it; callers do not write to it while we read.
    Ok(unsafe { std::slice::from_raw_parts(buffer.buf_ptr() as *const T, buffer.item_count()) })
}

/// Batches of fewer rows are done before the interpreter, given away, would come back.
const DETACH_ROWS_MIN: usize = 256;

/// Runs a loop over rows, without holding the interpreter where it takes long enough to matter to other threads.
pub fn detached<T: Ungil>(py: Python<'_>, rows: usize, work: impl Ungil + FnOnce() -> T) -> T {
    if rows < DETACH_ROWS_MIN {
        work()
    } else {
        py.detach(work)
    }
}

/// A vector that numpy wraps: `numpy.frombuffer(vector, dtype)`.
#[pyclass(frozen, module = "kappaflow.kernel._native")]
pub struct Vector {
    bytes: Owned,
}

enum Owned {
    Words(Vec<i64>),
    Halves(Vec<i32>),
    Bytes(Vec<u8>),
}

impl From<Vec<i64>> for Vector {
    fn from(values: Vec<i64>) -> Self {
        Vector { bytes: Owned::Words(values) }
    }
}

impl From<Vec<i32>> for Vector {
    fn from(values: Vec<i32>) -> Self {
        Vector { bytes: Owned::Halves(values) }
    }
}

impl From<Vec<u8>> for Vector {
    fn from(values: Vec<u8>) -> Self {
        Vector { bytes: Owned::Bytes(values) }
    }
}

#[pymethods]
impl Vector {
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: std::os::raw::c_int,
    ) -> PyResult<()> {
        let (pointer, length) = match &slf.get().bytes {
            Owned::Words(v) => (v.as_ptr() as *mut std::ffi::c_void, v.len() * 8),
            Owned::Halves(v) => (v.as_ptr() as *mut std::ffi::c_void, v.len() * 4),
            Owned::Bytes(v) => (v.as_ptr() as *mut std::ffi::c_void, v.len()),
        };
        // Writable: the only reader of this memory is the array that numpy makes of it.
        if ffi::PyBuffer_FillInfo(view, slf.as_ptr(), pointer, length as ffi::Py_ssize_t, 0, flags) != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {}
}
