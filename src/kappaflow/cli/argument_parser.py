"""argparse with the texts of the message catalogue.

argparse has its own texts in English.  Headings are replaced where they are made; what an error says is recognised by
its English text, and stays as it is where it is not known.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from kappaflow.cli.messages import message, register

_ENGLISH = {
    "arguments.usage": "usage: ",
    "arguments.positional": "positional arguments",
    "arguments.options": "options",
    "arguments.help": "show this help message and exit",
    "arguments.failed": "{prog}: error: {text}",
    "arguments.of": "argument {name}: {text}",
    "arguments.required": "the following arguments are required: {names}",
    "arguments.unrecognized": "unrecognized arguments: {names}",
    "arguments.one_of": "one of the arguments {names} is required",
    "arguments.choice": "invalid choice: {value} (choose from {choices})",
    "arguments.value": "invalid {type} value: {value}",
    "arguments.expected_one": "expected one argument",
    "arguments.expected_some": "expected at least one argument",
    "arguments.expected": "expected {count} arguments",
    "arguments.together": "not allowed with argument {name}",
    "arguments.ignored": "ignored explicit argument {value}",
    "arguments.ambiguous": "ambiguous option: {option} could match {matches}",
}
_KOREAN = {
    "arguments.usage": "사용법: ",
    "arguments.positional": "인자",
    "arguments.options": "옵션",
    "arguments.help": "이 도움말을 보여 주고 끝냅니다",
    "arguments.failed": "{prog}: 오류: {text}",
    "arguments.of": "{name}: {text}",
    "arguments.required": "다음 인자가 필요합니다: {names}",
    "arguments.unrecognized": "알 수 없는 인자: {names}",
    "arguments.one_of": "{names} 중 하나가 필요합니다",
    "arguments.choice": "{value} 은(는) 쓸 수 없는 값입니다 (다음 중에서 고르십시오: {choices})",
    "arguments.value": "{value} 은(는) {type} 값이 아닙니다",
    "arguments.expected_one": "값이 하나 필요합니다",
    "arguments.expected_some": "값이 하나 이상 필요합니다",
    "arguments.expected": "값이 {count}개 필요합니다",
    "arguments.together": "{name} 와(과) 함께 쓸 수 없습니다",
    "arguments.ignored": "{value} 값을 받지 않습니다",
    "arguments.ambiguous": "옵션 {option} 이(가) 분명하지 않습니다. 가능한 것: {matches}",
}
register(_ENGLISH, _KOREAN)

_HEADINGS = {
    "positional arguments": "arguments.positional",
    "options": "arguments.options",
}
_ERRORS = [
    (key, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(text)), re.DOTALL))
    for key, text in _ENGLISH.items()
    if key not in {"arguments.usage", "arguments.failed", "arguments.help", *_HEADINGS.values()}
]


def translated(text: str) -> str:
    """Return what argparse says of a mistake, in the language in force.

    >>> translated("argument --port: invalid int value: 'x'") in (
    ...     "argument --port: invalid int value: 'x'", "--port: 'x' 은(는) int 값이 아닙니다")
    True
    """
    for key, pattern in _ERRORS:
        found = pattern.fullmatch(text)
        if found is not None:
            values = found.groupdict()
            if key == "arguments.of":
                values["text"] = translated(values["text"])
            return message(key, **values)
    return text


class _Formatter(argparse.HelpFormatter):
    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, message("arguments.usage") if prefix is None else prefix)


class ArgumentParser(argparse.ArgumentParser):
    """A parser of one command.

    Args:
        prog: the command as it is typed.
        description: what it does.
    """

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, formatter_class=_Formatter, add_help=False)
        self.add_argument("-h", "--help", action="help", help=message("arguments.help"))

    def add_argument_group(self, title: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Add a group of arguments; the two that argparse makes itself get headings of the catalogue."""
        key = _HEADINGS.get(title or "")
        return super().add_argument_group(title if key is None else message(key), *args, **kwargs)

    def error(self, message: str) -> NoReturn:  # the name is argparse's
        """Say what is wrong with the command line, and end with its exit code."""
        self.print_usage(sys.stderr)
        self.exit(2, _failed(self.prog, translated(message)))


def _failed(prog: str, text: str) -> str:
    return message("arguments.failed", prog=prog, text=text) + "\n"
