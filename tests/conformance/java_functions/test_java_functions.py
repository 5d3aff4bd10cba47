"""Functions of strings, URLs, numbers and regular expressions against the same computed by a JDK."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import FunctionError
from kappaflow.kernel.number_text import double_text, plain_decimal_text
from kappaflow.serde.types import DOUBLE, INTEGER, STRING
from kappaflow.serde.types import Decimal as Type
from kappaflow.sql.expressions.java_text import is_beyond_bmp
from kappaflow.sql.functions.registry import default_registry
from kappaflow.testing.java_program import java_program

pytestmark = pytest.mark.java

SEED = 20261201
Question = tuple[str, tuple[Any, ...]]

CHARACTERS = "abcXYZ  ..,-_09%+=&/?#é ßÉİǆǅſσ\u0301中😀𐐨\t\r\n\u2028\u0085\u00a0"
PATTERNS = r"""
a.c|^a|c$|^$|.*|.+|a*|\bword\b|\B.|\w+|\W|\s|\S+|\d{2,}|[^a-z]|(a)(b)?|(a|b)+|(?i)abc|a(?i)b|(?i:AB)c
x(?i)b|y|(a(?i)B)c
(?m)^.|(?m).$|(?m)^|(?m)$|(?s)a.c|(?s).+|(?d).+|(?dm)$|(?md)^|(?x) a b # c|(?x)[a b]\ c|(?iu)É|(?i)É
(?iu)\w|a\Z|a\z|\Aa|\R|\h+|\v
(a)\1|(a)\11|\1(a)|(?<n>b)\k<n>|a{2}|a{2,}?|a++b|a?+a|(?>a+)b|(?=b)|(?<=a)b|(?<!a)b|(?!b).|\Q.$\E|\x41
\u0041|\x{1F600}|\0101|\cA
[a-c&&[^b]]|[a[bc]]|[|~]|[.$^]|\p{L}+|\p{Lu}|\P{L}|\p{Punct}|[\p{L}&&[^a]]|,|,\s*|\.|[,.]|(,)|-|(|)|{|a{|*
a{,2}|(?P<n>a)|(?#c)|(?z)a|[|\|b]
""".strip().split("\n")  # fmt: skip
REPLACEMENTS = ("", "x", "$0", "<$1>", "$10", "$2", "${n}", r"\$", "\\", "$", "$x", r"a\tb", "😀")
TEXTS = (
    "", "a", "abc", "ABC aBc", "aab", "aaa b", "ΑΣ ΑΣΑ", "word, sword word.", "aéa É é", "éword",
    "word\u0301 x", "a\nc\r\nd\re\u2028f\u0085g", "a\n", "a\r\n", "\n\na", "b,a, c,,", "😀 a😀b", "aA11a1",
    "A\x01 .$ |~", "{a{2}}", "中文 ab", "Ⅷ ² x_1",
)  # fmt: skip
URLS = (
    "http://example.com", "https://user:pw@example.com:8080/a/b%20c?q=x%20y&r=1&&s#top", "http://[::1]:80/",
    "mailto:a@b.c", "a/b?c#d", "//host/path", "http://exa mple.com/", "http://a_b.com:80/x",
    "http://1.2.3.4:5/", "file:///tmp/x", "http://h:/x", "http://h:99999999999/x", "http://h/?a=b=c&d&=e",
    "http://h/p;x=1?%zz", "http://h/%E4%BD%A0?k=%E5%A5%BD", "", "#", "?a", "x:", "http://h?a=1+2&b=%2B",
    "HTTP://H/é", "http://h/%FF?a=%C3", "a b", "urn:x:y#f", "http://-a.com/", "http://a.1/", "http://h/<>",
    "/p?x={1}",
)  # fmt: skip
NUMBERS = (
    "0.0", "-0.0", "0.5", "-0.5", "1.5", "-1.5", "2.5", "-2.5", "1.005", "2.675", "-2.675", "1e15",
    "123456789.987654321", "4.9e-324", "1e300", "-1e300", "9.2233720368547758e18", "4503599627370495.5",
    "0.49999999999999994", "1e-7", "99.995", "-99.995",
)  # fmt: skip
DECIMALS = ("0.00", "1.25", "-1.25", "1.35", "-1.35", "99.99", "-99.99", "12345.678", "-0.50", "0.50", "1.50", "5.00")


def _texts(chance: random.Random, count: int) -> list[str]:
    made = ["".join(chance.choice(CHARACTERS) for _ in range(chance.randrange(9))) for _ in range(count)]
    return [*TEXTS, *made]


def _regex_questions(chance: random.Random) -> list[Question]:
    questions: list[Question] = []
    for pattern in [
        *PATTERNS[0].split("|"),
        *(p for line in PATTERNS[1:] for p in line.split("|")),
        "a(?i)b|c",
        "[|~]",
    ]:
        for text in _texts(chance, 6):
            if is_beyond_bmp(text) and pattern != r"\x{1F600}":
                continue  # a match of nothing, of which Java has one within a pair of surrogates
            questions.append(("REGEXP_EXTRACT_ALL", (pattern, text, 0)))
            questions.append(("REGEXP_EXTRACT", (pattern, text, chance.randrange(-1, 3))))
            questions.append(("REGEXP_SPLIT_TO_ARRAY", (text, pattern)))
            questions.append(("REGEXP_REPLACE", (text, pattern, chance.choice(REPLACEMENTS))))
    return questions


def _string_questions(chance: random.Random) -> list[Question]:
    questions: list[Question] = []
    for text in _texts(chance, 300):
        for name in ("INITCAP", "UCASE", "LCASE", "TRIM", "LEN", "URL_ENCODE_PARAM", "URL_DECODE_PARAM"):
            questions.append((name, (text,)))
        other = text[chance.randrange(len(text)) :][:2] if text else ""
        questions.append(("REPLACE", (text, other, chance.choice(("", "x", "😀")))))
        questions.append(("SPLIT", (text, other)))
        for _ in range(3):
            position = chance.choice((*range(-10, 11), 2**31 - 1, -(2**31)))
            length = chance.randrange(-2, 8)
            questions.append(("SUBSTRING", (text, position)))
            questions.append(("SUBSTRING", (text, position, length)))
            padding = chance.choice(("", "x", "ab", "😀", "é1"))
            questions.append((chance.choice(("LPAD", "RPAD")), (text, chance.randrange(-1, 12), padding)))
    return questions


def _url_questions(chance: random.Random) -> list[Question]:
    made = ["http://h" + "".join(chance.choice(":/?#[]@!$&'()*+,;=a1%2é-._~ ") for _ in range(6)) for _ in range(400)]
    parts = ("PROTOCOL", "HOST", "PORT", "PATH", "QUERY", "FRAGMENT")
    return [
        *((f"URL_EXTRACT_{part}", (url,)) for url in (*URLS, *made) for part in parts),
        *(("URL_EXTRACT_PARAMETER", (url, name)) for url in (*URLS, *made) for name in ("a", "k", "", "d")),
    ]


def _number_questions(chance: random.Random) -> list[Question]:
    made = [
        double_text(chance.choice((-1, 1)) * chance.randrange(10**9) / 10 ** chance.randrange(8)) for _ in range(200)
    ]
    questions: list[Question] = []
    for text in (*NUMBERS, *made):
        value = float(text)
        questions += [(name, (value,)) for name in ("ROUND", "TRUNC", "CEIL", "FLOOR", "SIGN", "LN", "SQRT")]
        questions += [(f"{name} DOUBLE", (value, places)) for name in ("ROUND", "TRUNC") for places in range(-4, 5)]
    for text in DECIMALS:
        value = Decimal(text)
        questions += [(f"{name} DECIMAL", (value, n)) for name in ("ROUND", "TRUNC") for n in range(-3, 3)]
        questions += [(f"{name} DECIMAL", (value,)) for name in ("CEIL", "FLOOR")]
    return questions


def _text(value: Any) -> str:
    if isinstance(value, float):
        return double_text(value)
    return plain_decimal_text(value) if isinstance(value, Decimal) else str(value)


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    codes = (high << 8 | low for high, low in zip(units[::2], units[1::2], strict=True))
    return "".join(chr(code) if 32 < code < 127 and code != 92 else f"\\u{code:04x}" for code in codes)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "".join(["L", *(f"+{_written(element)}" for element in value)])
    return "N" if value is None else f"={_escaped(_text(value))}"


def _ask(questions: Sequence[Question]) -> list[str]:
    lines = ["\t".join((name, *(_escaped(_text(a)) for a in arguments))) for name, arguments in questions]
    oracle = java_program(Path(__file__).with_name("FunctionOracle.java"), ())
    answers = oracle.run(stdin="\n".join(lines) + "\n").split("\n")[:-1]
    assert len(answers) == len(questions)
    return answers


_TYPES = {str: STRING, int: INTEGER, float: DOUBLE}


def _computed(name: str, arguments: tuple[Any, ...]) -> str:
    types = [Type(20, 3) if isinstance(a, Decimal) else _TYPES[type(a)] for a in arguments]
    resolved = default_registry().find(name.split(maxsplit=1)[0]).resolve(types, lambda *_: None)
    try:
        return _written(resolved.overload.implementation(*arguments))
    except FunctionError:
        return "!"


@pytest.mark.parametrize("ask", [_regex_questions, _string_questions, _url_questions, _number_questions])
def test_functions(ask: Callable[[random.Random], list[Question]]) -> None:
    questions = ask(random.Random(SEED))
    answers = _ask(questions)
    wrong = [
        (name, arguments, computed, java)
        for (name, arguments), java in zip(questions, answers, strict=True)
        if (computed := _computed(name, arguments)) != java
    ]
    assert wrong == []
