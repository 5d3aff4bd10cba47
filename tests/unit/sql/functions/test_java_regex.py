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


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a(?i)b|c", "aB C c", ["aB", "C", "c"]),
        ("(a(?i)b)c", "aBc aBC", ["aBc"]),
        ("(?i:a)b", "Ab aB", ["Ab"]),
        ("(?i)é", "É é", ["é"]),
        ("(?iu)é", "É é", ["É", "é"]),
        ("(?x) a b # c", "ab", ["ab"]),
        (".+", "a\nb\r\nc\u2028d", ["a", "b", "c", "d"]),
        ("(?d).+", "a\rb\nc", ["a\rb", "c"]),
        (".$", "ab\r\n", ["b"]),
        (r".\Z", "ab\u2029", ["b"]),
        ("(?m)^.", "a\nb\r\nc\n", ["a", "b", "c"]),
        ("(?m).$", "a\nb\r\nc", ["a", "b", "c"]),
        (r"\bword\b", "éword word\u0301 word.", ["word"]),
        (r"(a)\11", "aa1", ["aa1"]),
        (r"\1(a)", "aa", []),
        (r"\0101", "A", ["A"]),
        (r"\cA", "\x01", ["\x01"]),
        ("[|~]", "|~", ["|", "~"]),
    ],
)
def test_flags_line_ends_and_bounds(pattern: str, text: str, matches: list[str]) -> None:
    assert [found[0] for found in compile_java(pattern).finditer(text)] == matches


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "a{",
        "a{,2}",
        "(?P<n>a)",
        "(?#c)",
        "(?z)a",
        ")",
        "(",
        r"\p{Nope}",
        "[a-z&&[^b]",
        "[b-a]",
        r"[\y]",
        r"\x{FFFFFF}",
        "*a",
    ],
)
def test_patterns_without_a_form(pattern: str) -> None:
    with pytest.raises(FunctionError):
        compile_java(pattern)
