"""Dates read leniently, against FastDateFormat of Apache Commons Lang."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import MILLIS_PER_DAY
from kappaflow.sql.functions.lenient_dates import lenient_pattern
from kappaflow.testing.java_program import java_program

pytestmark = pytest.mark.java

DEPENDENCIES = ("org.apache.commons:commons-lang3:3.12.0",)
SEED = 20261130
PATTERNS = """
yyyy-MM-dd|dd/MM/yyyy|d/M/yy|dd-MMM-yyyy|MMM-yyyy|MMMM d, yyyy|yyyyMMdd|yyyy-DDD|yyMMdd|yyyy-MM-dd'Lit'|''yy
EEE, dd MMM yyyy|EEEE d.M.y|yyyy-MM-dd HH:mm:ss|yyyy-MM-dd hh a|yyyy-MM-dd kk|yyyy-MM-dd K a|yyyy-MM-dd SSS|yyyy G
yyyy-MM-dd HH Z|yyyy-MM-dd HH XXX|yyyyB|yyyy-MM-dd'T'HH|'x|y|M|L|LLL yyyy|uuuu-MM-dd|yyyy-MM-dd E|yyyy'a''b'MM|dd.MM.
""".strip().replace("\n", "|")
TEXTS = """
2022-02-30|2022-13-45|11/05/2019|1/5/22|1/5/97 and more|01-JAN-2022|1-january-2022|jan-2022|January 5, 2022|20220105
2022-060|220105|2022-05-11Lit|'22|Wed, 05 Jan 2022|Wednesday 5.1.2022|2022-01-05 00:00:00|2022-01-05 10:00:00
2022-01-05 12 AM|2022-01-05 24|2022-01-05 0 am|2022-01-05 000|2022 AD|2022-01-05 00 +0000|2022-01-05 02 +0200
2022-01-05 02 +02:00|2022-01-05 00 Z|2022-01-05T00|  2022- 1- 5|x||2022|3|12 2022|2022a'b07|2022-01-05 Sun|31.12.
""".strip().replace("\n", "|")


def _ours(pattern: str, text: str) -> str:
    try:
        return str(lenient_pattern(pattern).days(text))
    except FunctionError:
        return "!"


def _theirs(answer: str) -> str:
    """What PARSE_DATE makes of the milliseconds: whole days only, as many as a DATE holds."""
    if answer == "!" or int(answer) % MILLIS_PER_DAY or abs(int(answer)) // MILLIS_PER_DAY >= 2**31:
        return "!"
    return str(int(answer) // MILLIS_PER_DAY)


def test_texts_are_read_as_java_reads_them() -> None:
    numbers = random.Random(SEED)
    changed = ["".join(numbers.sample(text, len(text))) for text in TEXTS.split("|") if text]
    questions = [(pattern, text) for pattern in PATTERNS.split("|") for text in [*TEXTS.split("|"), *changed]]
    oracle = java_program(Path(__file__).with_name("LenientDateOracle.java"), DEPENDENCIES)
    answers = oracle.run(stdin="".join(f"{pattern}\t{text}\n" for pattern, text in questions)).split("\n")[:-1]
    wrong = [
        (*question, _theirs(answer), _ours(*question))
        for question, answer in zip(questions, answers, strict=True)
        if _theirs(answer) != _ours(*question)
    ]
    assert wrong == []
    assert len(set(answers)) > 40
