"""Patterns of java.util.regex; what they match is what JDK 17 matches."""

from __future__ import annotations

import pytest

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.java_regex import compile_java

TEXT = "aÉ1²٣ß _-\u00a0\tǅⅧ中文\u2003😀Ω.$"


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        (r"\p{L}", "aÉßǅ中文Ω"),
        (r"\pL", "aÉßǅ中文Ω"),
        (r"\p{IsL}", "aÉßǅ中文Ω"),
        (r"\p{Lu}", "ÉΩ"),
        (r"\p{general_category=Lu}", "ÉΩ"),
        (r"\p{N}", "1²٣Ⅷ"),
        (r"\p{IsAlphabetic}", "aÉßǅⅧ中文Ω"),
        (r"\p{Alpha}", "a"),
        (r"\p{Graph}", "a1_-.$"),
        (r"\P{L}", "1²٣ _-\u00a0\tⅧ\u2003😀.$"),
        (r"[\p{L}0-9]", "aÉ1ßǅ中文Ω"),
        (r"[^\p{L}]", "1²٣ _-\u00a0\tⅧ\u2003😀.$"),
        (r"[\P{L}a]", "a1²٣ _-\u00a0\tⅧ\u2003😀.$"),
        (r"[\P{Alpha}&&[a-z_1]]", "1_"),
        (r"[a-z1&&[^a]]", "1"),
        (r"[^a-z&&[^1]]", TEXT[1:]),
        (r"[1[_-]]", "1_-"),
        (r"[_-[1]]", "1_-"),
        (r"[\w&&\D&&[^a]]", "_"),
        (r"[\H&&\x00-\x7f&&[^a1_.$]]", "-"),
        (r"[\Q$.\E]", ".$"),
        (r"\h", " \u00a0\t\u2003"),
        (r"[\h_]", " _\u00a0\t\u2003"),
        (r"\w", "a1_"),
        (r"\x{1F600}", "😀"),
        (r"\Q.$\E", ".$"),
        (r"(?<n>[.])(?:\k<n>|.)", ".$"),
    ],
)
def test_what_patterns_match(pattern: str, matched: str) -> None:
    assert "".join(found[0] for found in compile_java(pattern).finditer(TEXT)) == matched


@pytest.mark.parametrize("pattern", ["(", r"\p{Nope}", "[a-z&&[^b]", "[b-a]", r"[\y]", r"\x{FFFFFF}", "*a"])
def test_patterns_without_a_form(pattern: str) -> None:
    with pytest.raises(FunctionError):
        compile_java(pattern)
