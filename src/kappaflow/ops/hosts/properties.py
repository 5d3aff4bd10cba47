"""Java properties files as brokers and ZooKeeper have them: read a value, change one line and nothing else."""

from __future__ import annotations

import re


def _line(name: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*[=:][ \t]*(.*)$", re.MULTILINE)


def read_property(content: str, name: str) -> str | None:
    """The value of a name, the last one where it stands twice; None where it does not stand there.

    >>> read_property("a=1\\n# b=2\\n b = 3\\n", "b")
    '3'
    """
    found = _line(name).findall(content)
    return found[-1].strip() if found else None


def with_property(content: str, name: str, value: str | None) -> str:
    """The file with another value of a name; None takes it out. Comments and order stay.

    >>> with_property("a=1\\nb=2\\n", "b", "3"), with_property("a=1", "b", "2")
    ('a=1\\nb=3\\n', 'a=1\\nb=2\\n')
    >>> with_property("a=1\\nb=2\\n", "a", None)
    'b=2\\n'
    """
    pattern = _line(name)
    if value is None:
        return re.sub(pattern.pattern + r"\n?", "", content, flags=re.MULTILINE)
    if pattern.search(content):
        return pattern.sub(lambda _: f"{name}={value}", content)
    end = "" if not content or content.endswith("\n") else "\n"
    return f"{content}{end}{name}={value}\n"
