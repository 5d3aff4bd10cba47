"""The interactive prompt: history, several lines a statement, completion of keywords and names."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from kappaflow.cli.messages import message
from kappaflow.cli.sql.client import Client
from kappaflow.errors import KappaError
from kappaflow.sql.grammar.lexer import KEYWORDS

HISTORY_FILE = Path.home() / ".kappa_history"
_SCRIPT = re.compile(r"run\s+script\s+'(.+)'\s*;?", re.IGNORECASE)
_OUTPUT = re.compile(r"output\s+(table|json|csv)\s*;?", re.IGNORECASE)


def _history() -> History:
    try:
        HISTORY_FILE.touch(mode=0o600, exist_ok=True)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(HISTORY_FILE))


def is_complete(text: str) -> bool:
    """Tell whether the typed text can run: it ends a statement, or is a command of the client.

    >>> is_complete("SELECT *"), is_complete("SHOW TOPICS;"), is_complete("exit"), is_complete("SELECT ';")
    (False, True, True, False)
    """
    stripped = re.sub(r"--[^\n]*$", "", text).strip()
    first = stripped.split(maxsplit=1)[0].rstrip(";").lower() if stripped else ""
    if not stripped or first in {"exit", "quit", "help", "history", "output"} or _SCRIPT.fullmatch(stripped):
        return True
    return stripped.endswith(";") and stripped.count("'") % 2 == 0


def prompt(client: Client) -> int:
    """Read and run statements until `exit` or the end of input."""
    sys.stdout.write(message("sql.welcome", url=client.database.url) + "\n")
    completer = WordCompleter(sorted(KEYWORDS), ignore_case=True)
    history = _history()
    session: PromptSession[str] = PromptSession(
        history=history, completer=completer, complete_while_typing=False, lexer=PygmentsLexer(SqlLexer)
    )
    while True:
        try:
            text = session.prompt("kappa> ")
            while not is_complete(text):
                text += "\n" + session.prompt("   ..> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if not _run(client, text.strip(), history):
            return 0


def _run(client: Client, text: str, history: History) -> bool:
    word = text.rstrip(";").strip().lower()
    if word in {"exit", "quit"}:
        return False
    if word == "help":
        sys.stdout.write(message("sql.help") + "\n")
    elif word == "history":
        sys.stdout.writelines(f"{line}\n" for line in history.get_strings())
    elif match := _OUTPUT.fullmatch(text):
        client.output = match.group(1).lower()
    elif match := _SCRIPT.fullmatch(text):
        try:
            client.run_script(Path(match.group(1)).read_text(encoding="utf-8"))
        except OSError as error:
            sys.stderr.write(message("sql.script_missing", path=match.group(1), why=error.strerror) + "\n")
    elif text:
        try:
            client.run_script(text)
        except KappaError as error:
            client.complain(error)
    return True
