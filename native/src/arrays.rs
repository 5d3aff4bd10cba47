//! Columns in and out of Python.
