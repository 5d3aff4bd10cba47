"""Number text: the native kernel equals the twin, and what was written reads back."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kappaflow.kernel.number_text import double_text, parse_double
from kappaflow.kernel.selection import native_available
from kappaflow.testing.toolchain import required_toolchains

bit_patterns = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack(">d", struct.pack(">Q", bits))[0])
powers_of_two = st.integers(-1074, 1023).map(lambda power: 2.0**power)
neighbours = powers_of_two.flatmap(lambda x: st.sampled_from([math.nextafter(x, 0), math.nextafter(x, math.inf)]))
powers_of_ten = st.integers(-323, 308).flatmap(
    lambda power: st.integers(1, 99).map(lambda n: float(f"{n}e{power - 1}"))
)
decimals = st.tuples(st.integers(-(10**15), 10**15), st.integers(0, 8)).map(lambda p: p[0] / 10 ** p[1])
whole = st.integers(-(2**64), 2**64).map(float)
doubles = st.one_of(bit_patterns, powers_of_two, neighbours, powers_of_ten, decimals, whole, st.floats())


@settings(max_examples=3000, deadline=None)
@given(doubles)
def test_a_double_reads_back(value: float) -> None:
    assert parse_double(double_text(value)) == value or math.isnan(value)


@pytest.mark.skipif(
    not native_available() and "rust" not in required_toolchains(), reason="the native kernel is not built"
)
@settings(max_examples=4000, deadline=None)
@given(doubles)
@example(5e-324)
@example(1e23)
@example(-5.1049168458295e17)
@example(2.0**-44)
def test_the_native_text_is_the_twins(value: float) -> None:
    from kappaflow.kernel import _native

    assert _native.double_text(value) == double_text(value)
