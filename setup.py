"""Builds the optional native kernel; without a Rust toolchain the package installs and runs on its Python twins.

Without ``cargo`` on PATH the result is a pure Python wheel; with it, one abi3 wheel for Python 3.11 and later. A
kernel that fails to compile is left out with a warning instead of failing the installation.
"""

import shutil
import sys

from setuptools import setup
from setuptools_rust import Binding, RustExtension

KERNEL = RustExtension(
    "kappaflow.kernel._native",
    path="native/Cargo.toml",
    binding=Binding.PyO3,
    py_limited_api=True,
    optional=True,
    debug=False,
)

has_cargo = shutil.which("cargo") is not None
if not has_cargo:
    sys.stderr.write("kappaflow: no cargo on PATH, so the native kernel is left out; the Python twins run instead.\n")

setup(
    rust_extensions=[KERNEL] if has_cargo else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if has_cargo else {},
)
