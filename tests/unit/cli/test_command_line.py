"""The command ``kappa``: finding commands, exit codes, messages in two languages."""

from __future__ import annotations

import string
import subprocess
import sys
from importlib.util import find_spec

import pytest

from kappaflow.cli import messages
from kappaflow.cli.commands import COMMANDS
from kappaflow.cli.main import EXIT_BAD_USAGE, EXIT_DONE, EXIT_REFUSED, main


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_every_text_with_the_same_values() -> None:
    assert set(messages.ENGLISH) == set(messages.KOREAN)
    for key, english in messages.ENGLISH.items():
        assert placeholders(english) == placeholders(messages.KOREAN[key]), key


def test_the_language_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("KAPPA_LANG", "ko")
    assert messages.message("broker.summary") == messages.KOREAN["broker.summary"]
    monkeypatch.delenv("KAPPA_LANG")
    assert messages.message("broker.summary") == messages.ENGLISH["broker.summary"]
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert messages.message("broker.summary") == messages.KOREAN["broker.summary"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_module_and_a_summary(name: str) -> None:
    assert find_spec(COMMANDS[name].module)
    assert messages.message(COMMANDS[name].summary)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_helps(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPPA_LANG", language)
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == EXIT_DONE
    assert name in capsys.readouterr().out


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"]):
        assert main(words) == EXIT_DONE
        listed = capsys.readouterr().out
        assert all(name in listed for name in COMMANDS)


def test_an_unknown_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["brokr"]) == EXIT_BAD_USAGE
    assert "brokr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        (["brokr", "inspect"], "Did you mean: kappa broker inspect"),
        (["topcs", "list", "--json"], "Did you mean: kappa topics list"),
        (["topics"], "Did you mean: kappa topics list, kappa topics create"),
        (["sqll"], "Did you mean: kappa sql?"),
    ],
)
def test_an_unknown_command_names_the_nearest(
    typed: list[str], suggested: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPPA_LANG", "en")
    assert main(typed) == EXIT_BAD_USAGE
    assert suggested in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "english", "korean"),
    [
        (
            ["sql", "--output", "xx"],
            "argument --output: invalid choice: 'xx' (choose from ",
            "오류: --output: 'xx' 은(는) 쓸 수 없는 값입니다 (다음 중에서 고르십시오: ",
        ),
        (["broker"], "the following arguments are required: --data-dir", "다음 인자가 필요합니다: --data-dir"),
        (["sql", "--nope"], "unrecognized arguments: --nope", "알 수 없는 인자: --nope"),
        (["sql", "-e"], "argument -e/--execute: expected one argument", "-e/--execute: 값이 하나 필요합니다"),
    ],
)
def test_bad_usage_is_told_in_the_language_in_force(
    typed: list[str],
    english: str,
    korean: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for language, usage, expected in (("en", "usage: kappa ", english), ("ko", "사용법: kappa ", korean)):
        monkeypatch.setenv("KAPPA_LANG", language)
        with pytest.raises(SystemExit) as ended:
            main(typed)
        assert ended.value.code == EXIT_BAD_USAGE
        printed = capsys.readouterr()
        assert printed.err.startswith(usage)
        assert expected in printed.err
        assert not printed.out


def test_an_unsafe_host_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "--data-dir", "never-made", "--host", "0.0.0.0"]) == EXIT_REFUSED
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_broker_command_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "import kappaflow.cli.main, kappaflow.cli.broker.run, kappaflow.broker.server\n"
        "heavy = {'numpy', 'pyarrow', 'polars', 'lark', 'rocksdict', 'kafka', 'hypothesis', 'starlette', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
