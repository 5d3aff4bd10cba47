"""The command ``kappa``: ``kappa <verb>`` or ``kappa <noun> <verb>``.

Each verb is one module, imported only when it is used. A module has ``add_arguments(parser)`` and
``run(arguments) -> int``, the exit code. A noun without verbs has just one module, named as itself.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from kappaflow.cli.argument_parser import ArgumentParser
from kappaflow.cli.commands import COMMANDS, Command
from kappaflow.cli.messages import message
from kappaflow.errors import BrokerError, KappaError, UnsafeError, UsageError

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_USAGE = 2
EXIT_REFUSED = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 done, 1 failed, 2 bad usage, 3 refused as unsafe."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = _find(words)
    if command is None:
        return _without_command(words)
    module = import_module(command.module)
    parser = ArgumentParser(prog=f"kappa {command.name}", description=message(command.summary))
    module.add_arguments(parser)
    arguments = parser.parse_args(words[len(command.name.split()) :])
    try:
        return module.run(arguments)
    except KappaError as error:
        sys.stderr.write(f"kappa: {error}\n{_meaning(error)}")
        return _exit_code(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads it, such as `head`, has enough; the interpreter must not try once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:  # a file that may not be written, a full disk of this machine
        sys.stderr.write(f"kappa: {error}\n")
        return EXIT_FAILED


def _meaning(error: KappaError) -> str:
    if not isinstance(error, BrokerError):
        return ""
    from kappaflow.cli.broker_words import meaning_of

    meaning = meaning_of(error)
    return f"  -> {meaning}\n" if meaning else ""


def _exit_code(error: KappaError) -> int:
    if isinstance(error, UsageError):
        return EXIT_BAD_USAGE
    return EXIT_REFUSED if isinstance(error, UnsafeError) else EXIT_FAILED


def _find(words: Sequence[str]) -> Command | None:
    """The longest command that the words start with."""
    for length in (3, 2, 1):
        command = COMMANDS.get(" ".join(words[:length]))
        if command is not None and len(words) >= length:
            return command
    return None


def _without_command(words: Sequence[str]) -> int:
    if words[:1] == ["--version"]:
        from importlib.metadata import version

        sys.stdout.write(f"kappa {version('kappaflow')}\n")
        return EXIT_DONE
    asked = not words or words[0] in ("-h", "--help", "help")
    lines = [message("main.usage"), ""]
    if not asked:
        lines[:0] = _unknown(words)
    width = max(map(len, COMMANDS), default=0)
    lines += [f"  {name:<{width}}  {message(command.summary)}" for name, command in sorted(COMMANDS.items())]
    (sys.stdout if asked else sys.stderr).write("\n".join(lines) + "\n")
    return EXIT_DONE if asked else EXIT_BAD_USAGE


def _unknown(words: Sequence[str]) -> list[str]:
    """What to say of words that are no command, with the commands that are most like them."""
    typed = " ".join(itertools.takewhile(lambda word: not word.startswith("-"), words[:3])) or words[0]
    verbs = [name for name in COMMANDS if name.startswith(f"{typed} ")]
    near = verbs or get_close_matches(typed, COMMANDS, n=3, cutoff=0.6)
    lines = [message("main.unknown_command", command=typed)]
    if near:
        lines.append(message("main.nearest_command", commands=", ".join(f"kappa {name}" for name in near)))
    return lines


if __name__ == "__main__":
    sys.exit(main())
