//! Positions within a batch: as-of, previous and last row of a key.
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{borrowed, ByteColumn, Column, Vector};
use crate::folds::key_rows::{KeyRows, NO_ROW};

/// See `kappaflow.kernel.as_of`.
#[pyfunction]
fn as_of(
    py: Python<'_>,
    change_keys: Column,
    change_ord: PyBuffer<i64>,
    lookup_keys: Column,
    lookup_ord: PyBuffer<i64>,
) -> PyResult<Vector> {
    let (changes, lookups) =
        (ByteColumn::new(&*change_keys.0, "change_keys")?, ByteColumn::new(&*lookup_keys.0, "lookup_keys")?);
    let (change_ord, lookup_ord) = (borrowed(&change_ord, "change_ord")?, borrowed(&lookup_ord, "lookup_ord")?);
    if changes.len() != change_ord.len() || lookups.len() != lookup_ord.len() {
        return Err(PyValueError::new_err("keys and ord must have the same length"));
    }
    if !change_ord.is_sorted() || !lookup_ord.is_sorted() {
        return Err(PyValueError::new_err("ord must not decrease"));
    }
    let found = py.detach(|| {
        let mut table = KeyRows::new(0);
        let change_rows = table.rows_of(&changes, None, true);
        let lookup_rows = table.rows_of(&lookups, None, false);
        let mut latest = vec![-1i64; table.len()];
        let mut change = 0;
        lookup_rows
            .iter()
            .zip(lookup_ord)
            .map(|(row, ord)| {
                while change < change_ord.len() && change_ord[change] < *ord {
                    if change_rows[change] != NO_ROW {
                        latest[change_rows[change] as usize] = change as i64;
                    }
                    change += 1;
                }
                if *row == NO_ROW {
                    -1
                } else {
                    latest[*row as usize]
                }
            })
            .collect::<Vec<i64>>()
    });
    Ok(found.into())
}

/// See `kappaflow.kernel.last_per_key`.
#[pyfunction]
fn last_per_key(py: Python<'_>, keys: Column) -> PyResult<Vector> {
    let column = ByteColumn::new(&*keys.0, "keys")?;
    let lasts = py.detach(|| {
        let mut table = KeyRows::new(0);
        let rows = table.rows_of(&column, None, true);
        let mut seen = vec![false; table.len()];
        let mut lasts: Vec<i64> = Vec::with_capacity(table.len());
        for (at, row) in rows.iter().enumerate().rev() {
            if *row != NO_ROW && !std::mem::replace(&mut seen[*row as usize], true) {
                lasts.push(at as i64);
            }
        }
        lasts.reverse();
        lasts
    });
    Ok(lasts.into())
}

/// See `kappaflow.kernel.previous_in_key`.
#[pyfunction]
fn previous_in_key(py: Python<'_>, keys: Column) -> PyResult<Vector> {
    let column = ByteColumn::new(&*keys.0, "keys")?;
    let previous = py.detach(|| {
        let mut table = KeyRows::new(0);
        let rows = table.rows_of(&column, None, true);
        let mut last = vec![-1i64; table.len()];
        let step = |(at, row): (usize, &u32)| match *row {
            NO_ROW => -1,
            row => std::mem::replace(&mut last[row as usize], at as i64),
        };
        rows.iter().enumerate().map(step).collect::<Vec<i64>>()
    });
    Ok(previous.into())
}

/// Adds the functions of this part to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(as_of, m)?)?;
    m.add_function(wrap_pyfunction!(last_per_key, m)?)?;
    m.add_function(wrap_pyfunction!(previous_in_key, m)?)
}
