"""Mutated statements and random tokens: the parser answers or refuses with a position, and never hangs.

What parses is printed and parsed again, and must be the same.
"""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import ParseError
from kappaflow.sql.ast.statement_formatter import format_statement
from kappaflow.sql.grammar.parser import parse

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|`[^`]*`|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_@]*|\d+(?:\.\d+)?|->|=>|:=|<>|!=|<=|>=|\|\||\s+|."
)
_PIECES = (
    r"( ) [ ] < > , ; . * + - / % = := -> => <> || ' ` -- /* */ ${x} \ é 好 😀 1 1.5 1E3 .5 5x 'text' '' "
    "SELECT FROM WHERE GROUP BY HAVING EMIT CHANGES FINAL LIMIT CREATE STREAM TABLE AS WITH KEY PRIMARY JOIN LEFT "
    "ON WITHIN GRACE PERIOD WINDOW TUMBLING SIZE SECONDS STRUCT MAP ARRAY CASE WHEN THEN ELSE END CAST NOT NULL "
    "AND OR IN LIKE BETWEEN IS DISTINCT INSERT INTO VALUES DROP ASSERT TOPIC ALTER ADD HEADERS x y `q` INT STRING"
).split()
SECONDS_PER_STATEMENT = 5.0


def _statements() -> list[str]:
    written = re.split(r";\s*\n", (GOLDEN / "statements.sql").read_text(encoding="utf-8"))
    real: list[str] = []
    for file in sorted((GOLDEN / "cases").glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8"))["tests"][:20]:
            real.extend(case["statements"][-1:])
    return [text for text in (*written, *real) if text.strip()]


STATEMENTS = _statements()


def _answer(text: str) -> None:
    """Parse; what is refused has a position within the text, what parses prints as itself."""
    started = time.perf_counter()
    try:
        parsed = parse(text, test_statements=True)
    except ParseError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines) + 1, text
        assert error.column >= 1, text
        assert str(error), text
        return
    finally:
        assert time.perf_counter() - started < SECONDS_PER_STATEMENT, text
    for item in parsed:
        printed = format_statement(item.statement)
        again = parse(printed + ";", test_statements=True)
        assert [other.statement for other in again] == [item.statement], text


def _mutated(text: str, chance: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(tokens) + 1)
        match chance.randrange(5):
            case 0 if tokens:
                del tokens[place % len(tokens)]
            case 1 if tokens:
                tokens.insert(place, tokens[chance.randrange(len(tokens))])
            case 2 if tokens:
                tokens[place % len(tokens)] = chance.choice(_PIECES)
            case 3:
                tokens.insert(place, f" {chance.choice(_PIECES)} ")
            case _:
                tokens = tokens[:place]
    return "".join(tokens)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9))
def test_mutated_statements(seed: int) -> None:
    chance = random.Random(seed)
    _answer(_mutated(chance.choice(STATEMENTS), chance))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=25))
def test_random_tokens(tokens: list[str]) -> None:
    _answer(" ".join(tokens))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_random_text(text: str) -> None:
    _answer(text)


def test_every_real_statement_prints_as_itself() -> None:
    for text in STATEMENTS:
        _answer(text)
