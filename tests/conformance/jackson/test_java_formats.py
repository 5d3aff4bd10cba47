"""JSON, number text and delimited lines against Jackson, Kafka Connect's converter, Commons CSV and the JDK.

One Java process answers a batch of questions; documents and numbers are generated from a seed.
"""

from __future__ import annotations

import ast
import base64
import math
import random
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kappaflow.kernel.delimited import DelimitedError, join_fields, split_line
from kappaflow.kernel.json_read import MISSING, FloatText, JsonError, read_json
from kappaflow.kernel.json_write import node_text
from kappaflow.kernel.number_text import decimal_text, double_text, parse_decimal, parse_double, parse_integer
from kappaflow.serde import format_serde
from kappaflow.serde import types as t
from kappaflow.serde.coercion import CoercionError, coercion, node_kind, text_of
from kappaflow.serde.schema import Column
from kappaflow.testing.java_program import JavaProgram, java_program

pytestmark = pytest.mark.java

DEPENDENCIES = (
    "org.apache.kafka:connect-json:4.3.0",
    "org.apache.commons:commons-csv:1.4",
    "org.slf4j:slf4j-nop:1.7.36",
)
SEED = 20260501


@pytest.fixture(scope="module")
def oracle() -> Iterator[JavaProgram]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield _compiled()
    sys.setrecursionlimit(limit)


def _compiled() -> JavaProgram:
    return java_program(Path(__file__).with_name("FormatOracle.java"), DEPENDENCIES)


def ask(oracle: JavaProgram, questions: Sequence[str]) -> list[str]:
    answers = oracle.run(stdin="\n".join(questions) + "\n").split("\n")[:-1]
    assert len(answers) == len(questions)
    return ["!" if answer.startswith("!") else answer for answer in answers]


def compare(questions: Sequence[Any], expected: Sequence[str], ours: Callable[[Any], str]) -> None:
    wrong = [(q, e, o) for q, e in zip(questions, expected, strict=True) if (o := ours(q)) != e]
    assert not wrong, f"{len(wrong)} of {len(questions)} differ; first: {wrong[:5]}"


def b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def double_bits(value: float) -> str:
    if math.isnan(value):
        return "7ff8000000000000"
    return format(struct.unpack(">Q", struct.pack(">d", value))[0], "x")


def dump(node: Any) -> str:
    if isinstance(node, dict):
        return "{" + "".join(f"{b64(name)}:{dump(value)}," for name, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + "".join(f"{dump(value)}," for value in node) + "]"
    if node is MISSING:
        return "missing"
    if node is None or isinstance(node, bool):
        return str(text_of(node)) if node is not None else "null"
    if isinstance(node, int | FloatText):
        as_int, as_long, as_double = (coercion(dt)(node) for dt in (t.INTEGER, t.BIGINT, t.DOUBLE))
        return f"{node_kind(node)}|{as_int}|{as_long}|{double_bits(as_double)}|{text_of(node)}"
    try:
        binary = b64(coercion(t.BYTES)(node))
    except CoercionError:
        binary = "!"
    return f'"{b64(node)}|{binary}'


def dump_document(document: bytes) -> str:
    try:
        return dump(read_json(document))
    except JsonError:
        return "!"


EDGE_DOCUMENTS: list[bytes] = [
    # One bytes literal a line.
    *map(ast.literal_eval, Path(__file__).with_name("edge_documents.txt").read_text().splitlines()),
    # Nesting: a thousand levels are allowed.
    *(b"[" * n + b"]" * n for n in (300, 1000, 1001)),
    *(b'{"a":' * n + b"1" + b"}" * n for n in (1000, 1001)),
    # Numbers: a thousand digits are allowed, signs and points not counted.
    *(sign + b"1" * n for n in (999, 1000, 1001) for sign in (b"", b"-")),
    *(b"0." + b"1" * n for n in (999, 1000)),
    *(b"1" * n + b"e1" for n in (998, 999, 1000)),
    *(b"1" * 998 + exponent for exponent in (b"e+01", b"e001")),
    *(b"[" + b"1" * n + b"]" for n in (1000, 1001)),
    b'{"a":"' + b"1" * 2000 + b'"}',
    b'{"' + b"n" * 2000 + b'":1}',
]


class Documents:
    """Random documents: well-formed ones, and ones with a few bytes changed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> bytes:
        r = self.random
        kind = r.randrange(9 if depth < 4 else 6)
        if kind == 0:
            return r.choice([b"true", b"false", b"null"])
        if kind in (1, 2):
            return self.number()
        if kind in (3, 4, 5):
            return self.string()
        parts = [self.value(depth + 1) for _ in range(r.randrange(4))]
        comma = r.choice([b",", b", ", b" ,\n"])
        if kind == 6:
            return b"[" + comma.join(parts) + b"]"
        names = [self.name() for _ in parts]
        members = [n + r.choice([b":", b" : "]) + p for n, p in zip(names, parts, strict=True)]
        return b"{" + comma.join(members) + b"}"

    def name(self) -> bytes:
        return self.random.choice([b'"a"', b'"A"', b'"b"', b'"ab"', b'"aB"', self.string()])

    def number(self) -> bytes:
        r = self.random
        text = r.choice(["", "-"]) + str(r.choice([0, r.randrange(100), r.randrange(10 ** r.randrange(1, 30))]))
        if r.random() < 0.5:
            text += "." + str(r.randrange(10 ** r.randrange(1, 25))).zfill(r.randrange(1, 10))
        if r.random() < 0.3:
            text += r.choice("eE") + r.choice(["", "+", "-"]) + str(r.randrange(10 ** r.randrange(1, 4)))
        return text.encode()

    def string(self) -> bytes:
        r = self.random
        pieces = [
            b"a",
            b"Z",
            b" ",
            b"=",
            b"aGk=",
            b"/",
            "é".encode(),
            "€".encode(),
            "😀".encode(),
            b"\\n",
            b'\\"',
            b"\\\\",
            b"\\u00e9",
            b"\\ud83d\\ude00",
            b"\\ud83d",
            b"\\ude00",
            b"\x7f",
            b"12",
            b"\\u0000",
            b"\xed\xa0\xbd",
            b"\xed\xb8\x80",
            b"\xc0\xaf",
            b"\xf0\x8f\xbf\xbf",
        ]
        weights = [8] * 10 + [2] * 9 + [0.1] * 4
        return b'"' + b"".join(r.choices(pieces, weights, k=r.randrange(6))) + b'"'

    def mutated(self) -> bytes:
        r = self.random
        document = bytearray(self.value())
        for _ in range(r.randrange(1, 3)):
            at = r.randrange(len(document) + 1)
            action = r.randrange(4)
            byte = r.choice(b"{}[],:\"\\ntfeE+-.0123456789 \n\t/*#'\x00\x01\x1f\x7f\x80\xbf\xc3\xe2\xf0\xff")
            if action == 0:
                document[at : at + 1] = bytes([byte])
            elif action == 1:
                document.insert(at, byte)
            elif action == 2:
                del document[at : at + r.randrange(1, 4)]
            else:
                del document[at:]
        return bytes(document)


def test_documents_are_accepted_and_read_as_jackson_does(oracle: JavaProgram) -> None:
    source = Documents(SEED)
    documents = list(EDGE_DOCUMENTS)
    documents += [source.value() for _ in range(3000)]
    documents += [source.mutated() for _ in range(7000)]
    compare(documents, ask(oracle, [f"read {b64(d)}" for d in documents]), dump_document)


def test_objects_become_text_as_jackson_writes_them(oracle: JavaProgram) -> None:
    source = Documents(SEED + 1)
    documents = [d for d in (source.value() for _ in range(2500)) if d[:1] in (b"{", b"[")]

    def ours(document: bytes) -> str:
        try:
            return b64(node_text(read_json(document)))
        except JsonError:
            return "!"

    compare(documents, ask(oracle, [f"text {b64(d)}" for d in documents]), ours)


def doubles(seed: int) -> list[float]:
    r = random.Random(seed)
    values = [struct.unpack(">d", r.randbytes(8))[0] for _ in range(20000)]
    values += [2.0**e for e in range(-1074, 1024)]
    values += [float(f"1e{e}") for e in range(-323, 309)]
    values += [float(f"{r.randrange(1, 10)}e{e}") for e in range(-323, 308)]
    values += [math.nextafter(2.0**e, d) for e in range(-1073, 1024) for d in (0, math.inf)]
    values += [r.randrange(1, 1 << 52) * 5e-324 for _ in range(2000)] + [i * 5e-324 for i in range(1, 300)]
    values += [round(r.uniform(0, 10 ** r.randrange(-3, 9)), r.randrange(0, 6)) for _ in range(8000)]
    values += [r.uniform(1e-3, 1e7) for _ in range(8000)] + [
        float(r.randrange(1 << r.randrange(1, 64))) for _ in range(8000)
    ]
    values += [r.randrange(1 << 53) / 2.0 ** r.randrange(60) for _ in range(8000)]
    return [*values, 0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308]


def test_doubles_are_written_as_java_does(oracle: JavaProgram) -> None:
    values = doubles(SEED)
    compare(values, ask(oracle, [f"double {double_bits(v)}" for v in values]), double_text)


def attempt(function: Callable[[str], str]) -> Callable[[str], str]:
    def run(text: str) -> str:
        try:
            return function(text)
        except ValueError:
            return "!"

    return run


def test_number_texts_are_read_as_java_does(oracle: JavaProgram) -> None:
    r = random.Random(SEED)
    texts = [
        "",
        " ",
        "1",
        "+1",
        "-1",
        " 1 ",
        "1 2",
        "1d",
        "1F",
        "1.",
        ".5",
        ".",
        "-.5e3",
        "1e",
        "1e+5",
        "NaN",
        "-NaN",
        "+Infinity",
        "infinity",
        "0x1p3",
        "0x1.8p-1",
        "0x.8p1",
        "0x1",
        "0x1p3d",
        "1_0",
        "\t1\n",
        "\u00a01",
        "١٢",
        "1e400",
        "-1e-400",
        "2147483647",
        "2147483648",
        "-2147483648",
        "+",
        "-",
        "0x",
        "1e2147483648",
        "1e-2147483647",
        "00012",
        "1e0000000000000001",
        "-0",
        "-0.0",
        "1E+5",
        "1,5",
    ]
    texts += ["".join(r.choices("0123456789.eE+-dx ", k=r.randrange(1, 9))) for _ in range(3000)]
    for operation, ours in (
        ("parse-double", lambda s: double_bits(parse_double(s))),
        ("parse-int", lambda s: str(parse_integer(s, 32))),
        ("parse-decimal", lambda s: decimal_text(parse_decimal(s))),
    ):
        compare(texts, ask(oracle, [f"{operation} {b64(s)}" for s in texts]), attempt(ours))


def random_text(r: random.Random) -> str:
    return "".join(
        r.choices(
            [
                "a",
                "B",
                "0",
                "é",
                "€",
                "😀",
                '"',
                "\\",
                "/",
                "\n",
                "\t",
                "\r",
                "\x00",
                "\x1f",
                "\x7f",
                "\x08",
                "\x0c",
                " ",
            ],
            k=r.randrange(8),
        )
    )


def test_objects_are_written_as_the_connect_converter_does(oracle: JavaProgram) -> None:
    r = random.Random(SEED)
    questions: list[str] = []
    expected: list[bytes | None] = []
    for _ in range(2000):
        words, values, types = [], [], []
        for _ in range(r.randrange(1, 5)):
            kind = r.choice("dsbnlt")
            if kind == "d":
                value: Any = (
                    struct.unpack(">d", r.randbytes(8))[0]
                    if r.random() < 0.5
                    else r.choice([0.0, -0.0, math.nan, math.inf, -math.inf])
                )
                words.append("d" + double_bits(value))
                types.append(t.DOUBLE)
            elif kind == "s":
                value = random_text(r)
                words.append("s" + b64(value))
                types.append(t.STRING)
            elif kind == "b":
                value = r.randbytes(r.randrange(9))
                words.append("b" + b64(value))
                types.append(t.BYTES)
            elif kind == "n":
                scale = r.randrange(0, 20)
                value = Decimal(r.randrange(-(10 ** r.randrange(1, 30)), 10 ** r.randrange(1, 30))).scaleb(-scale)
                value = value if value else value.copy_abs()
                words.append("n" + str(value))
                types.append(t.Decimal(50, scale))
            elif kind == "l":
                value = r.randrange(-(1 << 63), 1 << 63)
                words.append(f"l{value}")
                types.append(t.BIGINT)
            else:
                value = r.choice([True, False, None])
                words.append("t" + ("" if value is None else str(value).lower()))
                types.append(t.BOOLEAN)
            values.append(value)
        columns = tuple(Column(f"f{i + 1}", dt) for i, dt in enumerate(types))
        questions.append("write " + " ".join(words))
        expected.append(format_serde("JSON", columns, is_key=False).serialize(tuple(values)))
    answers = ask(oracle, questions)
    compare(list(range(len(questions))), answers, lambda i: b64(expected[i] or b""))


def test_delimited_lines_are_read_as_commons_csv_does(oracle: JavaProgram) -> None:
    r = random.Random(SEED)
    lines = [
        "",
        ",",
        "a",
        "a,b",
        '"a"',
        '"a',
        '"a"x',
        '"a" ,b',
        '"a\u00a0",b',
        '"a"\u2003,b',
        "\n",
        "\na",
        "a\r\nb",
        "a\rb",
        '"a\nb",c',
        'a"b',
        '""',
        '"",',
        '"a""b"',
        ",,",
        "a,\n,b",
        '\n\n"x',
        'a\n"x',
    ]
    lines += [
        "".join(r.choices(["a", "b", ",", '"', '""', " ", "\n", "\r\n", "\r", "é", ";"], k=r.randrange(10)))
        for _ in range(6000)
    ]

    def ours(line: str) -> str:
        try:
            return "".join(b64(field) + "," for field in split_line(line, ","))
        except DelimitedError:
            return "!"

    compare(lines, ask(oracle, [f"split , {b64(line)}" for line in lines]), ours)


def test_delimited_lines_are_written_as_commons_csv_does(oracle: JavaProgram) -> None:
    r = random.Random(SEED)
    rows: list[tuple[str, list[str | None]]] = []
    for _ in range(4000):
        fields = [
            None if r.random() < 0.1 else "".join(r.choices("aZ0-,;\t \n\r\"'#!$~é_.\x01", k=r.randrange(5)))
            for _ in range(r.randrange(1, 5))
        ]
        rows.append((r.choice(",;\t"), fields))
    questions = [
        f"join {'T' if d == chr(9) else d} " + " ".join("-" if f is None else b64(f) for f in fields)
        for d, fields in rows
    ]
    compare(rows, ask(oracle, questions), lambda row: b64(join_fields(row[1], row[0])))
