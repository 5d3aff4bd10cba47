"""One delimited line to fields and back, by the rules of RFC 4180 as Apache Commons CSV 1.4 reads them.

Reading: empty lines are skipped, the first record counts, later ones are only checked.  A field that starts
with a quote runs to its closing quote, a doubled quote is one quote, and only white space may follow.
Writing: a field is quoted when it holds the delimiter, a quote or a line end, starts at or below ``#``, ends
with white space, or is the first one and starts with anything but an ASCII letter or digit.
"""

from __future__ import annotations

import re

_FIRST_FIELD_PLAIN = re.compile(r"[0-9A-Za-z]")


class DelimitedError(ValueError):
    """The line cannot be read."""


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the fields of the first record.

    Raises:
        DelimitedError: no record, or broken quoting anywhere in the text.
    """
    if text and '"' not in text and "\n" not in text and "\r" not in text:
        return text.split(delimiter)
    records = _records(text, delimiter)
    if not records:
        raise DelimitedError("No fields in record")
    return records[0]


def _records(text: str, delimiter: str) -> list[list[str]]:
    records: list[list[str]] = []
    fields: list[str] = []
    at, size = 0, len(text)
    while True:
        if not fields:
            while at < size and text[at] in "\r\n":
                at += 1
            if at >= size:
                return records
        if at < size and text[at] == '"' and delimiter != '"':
            field, at = _quoted(text, at, delimiter)
        else:
            start = at
            while at < size and text[at] not in "\r\n" and text[at] != delimiter:
                at += 1
            field = text[start:at]
        fields.append(field)
        if at < size and text[at] == delimiter:
            at += 1
            continue
        if at < size:
            at += 2 if text.startswith("\r\n", at) else 1
        records.append(fields)
        fields = []
        if at >= size:
            return records


def _quoted(text: str, at: int, delimiter: str) -> tuple[str, int]:
    """Read a quoted field; return it and where its delimiter, line end or the end of text is."""
    parts: list[str] = []
    at += 1
    while True:
        close = text.find('"', at)
        if close < 0:
            raise DelimitedError("EOF reached before encapsulated token finished")
        parts.append(text[at:close])
        at = close + 1
        if not text.startswith('"', at):
            break
        parts.append('"')
        at += 1
    while at < len(text) and text[at] != delimiter and text[at] not in "\r\n":
        if not _is_java_whitespace(text[at]):
            raise DelimitedError("Invalid char between encapsulated token and delimiter")
        at += 1
    return "".join(parts), at


def _is_java_whitespace(char: str) -> bool:
    return char.isspace() and char not in "\x85\xa0\u2007\u202f"


def join_fields(fields: list[str | None], delimiter: str) -> str:
    """Write one record; a None is an empty field without quotes."""
    out: list[str] = []
    for position, field in enumerate(fields):
        if field is None:
            out.append("")
        elif _needs_quotes(field, position == 0, delimiter):
            out.append('"' + field.replace('"', '""') + '"')
        else:
            out.append(field)
    return delimiter.join(out)


def _needs_quotes(field: str, is_first: bool, delimiter: str) -> bool:
    if not field:
        return is_first
    if field[0] <= "#" or field[-1] <= " " or (is_first and _FIRST_FIELD_PLAIN.match(field) is None):
        return True
    return delimiter in field or '"' in field or "\n" in field or "\r" in field
