"""Builds the optional native kernel; without a Rust toolchain the package installs and runs on its Python twins."""

from setuptools import setup
from setuptools_rust import Binding, RustExtension

setup(
    rust_extensions=[
        RustExtension(
            "kappaflow.kernel._native",
            path="native/Cargo.toml",
            binding=Binding.PyO3,
            py_limited_api=True,
            optional=True,
            debug=False,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
