"""Patterns of dates and times, printed and read, against the DateTimeFormatter of a JDK."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import zone_of
from kappaflow.sql.functions.java_time import time_pattern
from kappaflow.testing.java_program import java_program

pytestmark = pytest.mark.java

SEED = 20260601
ZONES = ("UTC", "America/New_York", "+05:30", "Asia/Seoul")
MOMENTS = (0, 1, 1_699_999_999_123, 1_650_000_000_000, -1, 951_782_400_000, 4_102_444_799_999, 1_230_768_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# B (parts of the day) and years beyond 9999 have no form here.
LETTERS = [
    *(letter * count for letter in "yuMLdDHhKkmsSnNAQqeceYwWFaEG" for count in range(1, 7)),
    *(letter * count for letter in "VzOXxZ" for count in range(1, 6)),
]
PATTERNS = """
yyyy-MM-dd|yyyyMMdd|HHmmss|yyyyMMddHHmmssSSS|yyyy-MM-dd'T'HH:mm:ssXXX|yyyy-MM-dd[ HH:mm]|EEE, d MMM yyyy HH:mm:ss Z
''yyyy|dd/MM/yy|hh:mm a|h:mma|yyyy-DDD|#|{|yyyy]|[yyyy|'x|yyyy-MM-dd'T'HH:mm:ss.SSS VV|yyyy-MM-dd'T'HH:mm:ss.SSSSSS
yyyy-MM-dd HH:mm:ss.n|uuuuMMdd'T'HHmmssX|yyyy-MM-dd G|y/M/d|MMMM d, yyyy|EEEE|L|LLLL|yyyy-MM-dd hh:mm:ss a|yy-M-d
EEEE d MMMM yyyy|yyyy-DDD HH|d/M/yyyy H:m|yyyy-MM-dd HH:mm:ss.SSS|KK a|kk|yyyy-MM-dd E|YYYY-ww-e|yyyy QQQ
yyyy-MM-dd z|yyyy-MM-dd VV|yyyy-MM-dd HH:mm x|yyyy-MM-dd'T'HH:mm[:ss]
hh:mm|K|EEE|EEE HH|dd|dd MM|MM-dd|MMM d|MMMM|e|a|yyyy|yyyy-MM|ss|mm:ss|N|DDD HH
""".strip().replace("\n", "|")
EDGES = [
    *(
        ("yyyy-MM-dd", text)
        for text in ("2021-02-29", "2020-02-30", "2021-04-31", "2021-13-01", "2021-1-01", "2021-00-10")
    ),
    *(("dd MM", text) for text in ("31 02", "30 04", "32 01", "31 13")),
    *(("MM-dd", text) for text in ("02-30", "02-29", "12-31")),
    *(("EEE dd", text) for text in ("Mon 05", "Mon 31", "Sun 31")),
    *(("HH:mm", text) for text in ("24:00", "25:00", "23:60")),
    *(("yyyy-MM-dd HH:mm", text) for text in ("2021-12-31 24:00", "2021-12-31 24:01", "2021-03-14 02:30")),
    *(("yyyy-MM-dd XXX", text) for text in ("2021-12-31 +18:00", "2021-12-31 +19:00", "2021-12-31 z")),
    *(("d MMM yyyy", text) for text in ("1 JAN 2021", "31 feb 2021", "1 Foo 2021")),
]


def _ask(questions: Sequence[tuple[str, str, str, str]]) -> list[str]:
    oracle = java_program(Path(__file__).with_name("TimePatternOracle.java"), ())
    answers = oracle.run(stdin="\n".join("\t".join(question) for question in questions) + "\n").split("\n")[:-1]
    assert len(answers) == len(questions)
    return ["!" if answer.startswith("!") else answer for answer in answers]


def _printed(pattern: str, zone: str, millis: str) -> str:
    try:
        moment = (_EPOCH + timedelta(milliseconds=int(millis))).astimezone(zone_of(zone))
        return time_pattern(pattern).format(moment)
    except FunctionError:
        return "!"


def _read(pattern: str, zone: str, text: str) -> str:
    try:
        fields = time_pattern(pattern).parse(text)
        moment = fields.moment().replace(tzinfo=fields.zone or zone_of(zone))
        return str((moment - _EPOCH) // timedelta(milliseconds=1))
    except FunctionError:
        return "!"


def _patterns() -> list[str]:
    return list(dict.fromkeys([*LETTERS, *PATTERNS.split("|")]))


def test_printing() -> None:
    questions = [("F", p, zone, str(millis)) for p in _patterns() for zone in ZONES for millis in MOMENTS]
    answers = _ask(questions)
    wrong = [(q, java) for q, java in zip(questions, answers, strict=True) if _printed(*q[1:]) != java]
    assert wrong == []


def test_reading() -> None:
    """Texts that patterns print, and such texts with one character changed, left out, or in another case."""
    chance = random.Random(SEED)
    printed = [
        ("F", p, zone, str(millis)) for p in PATTERNS.split("|") for zone in ZONES[:2] for millis in MOMENTS[2:5]
    ]
    questions = [("P", pattern, "UTC", text) for pattern, text in EDGES]
    for (_, pattern, zone, _), text in zip(printed, _ask(printed), strict=True):
        place = chance.randrange(len(text))
        changed = text[:place] + chance.choice("0129- a") + text[place + 1 :]
        for variant in (text, changed, text[:place] + text[place + 1 :], text.lower(), f"{text}1"):
            questions.append(("P", pattern, zone, variant))
    answers = _ask(questions)
    # Years of more than four digits have no moment here.
    wrong = [
        (q, java)
        for q, java in zip(questions, answers, strict=True)
        if _read(*q[1:]) != java and not (java != "!" and abs(int(java)) > 253_402_300_799_999)
    ]
    assert wrong == []
