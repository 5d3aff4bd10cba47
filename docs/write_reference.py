"""Writes what comes from the code: the command-line reference in both languages, the reference of SQL, the table of
clients (from the results that `make conformance` recorded), the operators that run as columns, the README's numbers.

    make docs                            writes them
    python docs/write_reference.py --check    1 when a page is not what the code says

The pages come from the commands' own parsers and texts and from the function registry, so they cannot say anything
else than ``kappa --help`` and ``DESCRIBE FUNCTION``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide"
REFERENCE = ROOT / "docs" / "reference"
FLOOR = ROOT / "tests" / "conformance" / "ksql_queries_floor.json"

TITLES = {
    "en": (
        "# Commands",
        "Written by `make docs` from the commands themselves. Texts follow `KAPPA_LANG` (`en` or `ko`), else `LANG`.",
        "Exit codes: 0 done, 1 failed, 2 bad usage, 3 refused as unsafe.",
        ("Option", "Meaning"),
    ),
    "ko": (
        "# 명령",
        "`make docs` 가 명령 코드에서 만듭니다. 표시 언어는 `KAPPA_LANG`(`en`, `ko`), 없으면 `LANG` 을 따릅니다.",
        "종료 코드: 0 완료, 1 실패, 2 잘못된 사용법, 3 안전하지 않아 거부.",
        ("옵션", "설명"),
    ),
}


def command_page(language: str) -> str:
    """The command-line reference."""
    from kappaflow.cli.commands import COMMANDS
    from kappaflow.cli.messages import message

    os.environ["KAPPA_LANG"] = language
    title, about, codes, (option, meaning) = TITLES[language]
    lines = [title, "", about, "", codes, ""]
    for name, command in sorted(COMMANDS.items()):
        parser = argparse.ArgumentParser(prog=f"kappa {name}", add_help=False)
        import_module(command.module).add_arguments(parser)
        lines += [f"## kappa {name}", "", f"{message(command.summary)}.", ""]
        rows = [_row(action) for action in parser._actions if action.help != argparse.SUPPRESS]
        if rows:
            lines += [f"| {option} | {meaning} |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(action: argparse.Action) -> str:
    value = action.metavar or ("\\|".join(map(str, action.choices)) if action.choices else "")
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings)
    shown = f"{flags} {value}".strip() if flags else f"{value or action.dest}"
    meaning = (action.help or "") % {"default": action.default}
    return f"| {shown} | {meaning.replace('|', chr(92) + '|')} |"


def function_page() -> str:
    """The SQL functions, by category."""
    from kappaflow.sql.functions.registry import default_registry

    functions = sorted(default_registry(), key=lambda function: (function.category, function.name.upper()))
    lines = ["# Functions", "", f"Written by `make docs` from the code: {len(functions)} functions."]
    category = None
    for function in functions:
        if function.category != category:
            category = function.category
            lines += ["", f"## {category}", "", "| Function | What it gives | Example |", "|---|---|---|"]
        cells = (f"`{function.name.upper()}`", function.description, " ".join(f"`{e}`" for e in function.examples[:1]))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Every generated page."""
    from clients_page import clients_page
    from sql_pages import sql_pages
    from streams_columns_page import streams_columns_page

    return {
        **sql_pages(REFERENCE / "sql"),
        REFERENCE / "clients.md": clients_page(),
        REFERENCE / "streams-columns.md": streams_columns_page(),
        GUIDE / "commands.md": command_page("en"),
        GUIDE / "commands.ko.md": command_page("ko"),
        GUIDE / "functions.md": function_page(),
        **{ROOT / name: readme(ROOT / name) for name in ("README.md", "README.ko.md")},
    }


def readme(path: Path) -> str:
    """The README with the current numbers of functions and of query tests that pass."""
    from kappaflow.sql.functions.registry import default_registry

    passing = f"{min(json.loads(FLOOR.read_text('utf-8')).values()):,}"
    functions = len(list(default_registry()))
    text = path.read_text(encoding="utf-8")
    for pattern, number in (
        (r"[\d,]+(?= of 1,635 outside)", passing),
        (r"(?<=1,635개 중 )[\d,]+(?=개)", passing),
        (r"\d+(?= functions \|)", functions),
        (r"(?<=함수 )\d+(?=개 \|)", functions),
    ):
        text = re.sub(pattern, str(number), text)
    return text


def main() -> int:
    """Write the pages, or compare them."""
    written = pages()
    stale = [path for path, text in written.items() if not path.exists() or path.read_text("utf-8") != text]
    stale += sorted(set((REFERENCE / "sql").rglob("*.md")) - set(written))
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.name} is not what the code says: run make docs.\n")
        return 1 if stale else 0
    for path in stale:
        path.unlink(missing_ok=True)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
