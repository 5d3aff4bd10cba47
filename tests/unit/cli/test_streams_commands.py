"""`kappa streams`: topologies named on the command line, what is printed, what is refused."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from kappaflow.cli.main import main
from kappaflow.cli.streams.target import load_topology

PROGRAM = """
from kappaflow.streams import Serdes, StreamsBuilder

def build(name="counts"):
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    builder.stream("lines").group_by_key().count(name).to_stream().to("out", value_serde=Serdes.long())
    return builder

def renamed():
    return build("numbers").build()

topology = build().build()
number = 7
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAPPA_LANG", "en")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "counting_program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


@pytest.mark.parametrize("name", ["", ":topology", ":build", ":renamed"])
@pytest.mark.parametrize("place", ["counting_program.py", "counting_program"])
def test_a_topology_is_found_by_file_and_by_module(program: Path, place: str, name: str) -> None:
    assert "Source: KSTREAM-SOURCE-0000000000 (topics: [lines])" in load_topology(place + name).describe()


def test_describe_prints_what_java_prints(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["streams", "describe", str(program)]) == 0
    assert capsys.readouterr().out == load_topology(str(program)).describe()


def test_plan_diff_with_a_saved_outline(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["streams", "describe", f"{program}:topology", "--json"]) == 0
    saved = program.with_name("old.json")
    saved.write_text(capsys.readouterr().out)
    assert main(["streams", "plan-diff", str(saved), f"{program}:build"]) == 0
    assert capsys.readouterr().out == "Topics and state stay as they are.\n"
    assert main(["streams", "plan-diff", str(saved), f"{program}:renamed", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["risk"], row["code"], row["name"]) for row in rows] == [
        ("care", "store_gone", "counts"),
        ("care", "store_added", "numbers"),
    ]


def test_plan_diff_refuses_what_loses_state(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = program.read_text()
    program.write_text(text.replace("count(name)", "count()"))
    later = program.with_name("later.py")
    later.write_text(text.replace("count(name)", "count()").replace('stream("lines")', 'stream("lines").peek(print)'))
    assert main(["streams", "plan-diff", str(program), str(later)]) == 3
    shown = capsys.readouterr().out
    assert shown.startswith("UNSAFE  store KSTREAM-AGGREGATE-STATE-STORE-0000000001 is now")
    assert "kappa streams reset" in shown


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py", "There is no file nowhere.py"),
        ("no_such_module:topology", "There is no Python module no_such_module"),
        ("counting_program.py:other", "counting_program.py has no other"),
        ("counting_program.py:number", "is a int; wanted is a Topology"),
        ("broken.py", "broken.py failed at broken.py:2: ZeroDivisionError"),
    ],
)
def test_a_wrong_target_is_explained(program: Path, capsys: pytest.CaptureFixture[str], target: str, said: str) -> None:
    program.with_name("broken.py").write_text("one = 1\ntwo = one / 0\n")
    assert main(["streams", "describe", target]) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--to-datetime", "yesterday"], "yesterday is no time"),
        (["--by-duration", "3 days"], "3 days is no duration"),
    ],
)
def test_reset_checks_its_options_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: list[str], said: str
) -> None:
    monkeypatch.setenv("KAPPA_LANG", "en")
    command = ["streams", "reset", "--application-id", "app", "--bootstrap-servers", "127.0.0.1:1", *option]
    assert main(command) == 2
    assert said in capsys.readouterr().err
