"""Java properties files as servers use them, changed with their comments and order kept."""

from __future__ import annotations

from collections.abc import Mapping


def _key_of(line: str) -> str:
    stripped = line.strip()
    if not stripped or stripped[0] in "#!":
        return ""
    return stripped.partition("=")[0].strip()


def read_properties(content: str) -> dict[str, str]:
    """The values of a file; of a key that stands twice the last, as Java reads it.

    >>> read_properties("# a comment\\na=1\\na = 2\\n")
    {'a': '2'}
    """
    rows = (line for line in content.splitlines() if _key_of(line))
    return {_key_of(line): line.partition("=")[2].strip() for line in rows}


def change_properties(content: str, changes: Mapping[str, str | None]) -> str:
    """The file with other values, each in its place; new keys at the end, those without a value taken out.

    >>> print(change_properties("# mine\\na=1\\nb=2\\n", {"a": "3", "b": None, "c": "4"}), end="")
    # mine
    a=3
    c=4
    """
    lines = content.splitlines()
    last = {_key_of(line): at for at, line in enumerate(lines) if _key_of(line)}
    kept: list[str] = []
    for at, line in enumerate(lines):
        key = _key_of(line)
        if key not in changes:
            kept.append(line)
        elif changes[key] is not None and last[key] == at:
            kept.append(f"{key}={changes[key]}")
    kept += [f"{key}={value}" for key, value in changes.items() if value is not None and key not in last]
    return "\n".join(kept) + "\n"
