"""The package as it is installed: a wheel without Rust runs on the twins, an abi3 wheel needs no Rust to run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from kappaflow.testing.toolchain import cache_directory

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt")
PROBE = """
import kappaflow, kappaflow.kernel, sys
from kappaflow.sql.grammar.parser import parse
statements = parse("CREATE STREAM s (a INT KEY) WITH (kafka_topic='s', value_format='JSON');")
print(kappaflow.kernel.backend(), len(statements), kappaflow.__file__)
"""
CASES = """{"tests": [{
  "name": "installed",
  "statements": ["CREATE STREAM INPUT (ID INT KEY, V INT) WITH (kafka_topic='in', value_format='JSON');",
                 "CREATE STREAM OUTPUT AS SELECT ID, V + 1 AS W FROM INPUT WHERE V > 1;"],
  "inputs": [{"topic": "in", "key": 1, "value": {"V": 1}}, {"topic": "in", "key": 2, "value": {"V": 2}}],
  "outputs": [{"topic": "OUTPUT", "key": 2, "value": {"W": 3}}]
}]}"""


def copy_sources(target: Path) -> Path:
    """What a source distribution holds, without anything that was built."""
    target.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, target / name)
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info", "target", "Cargo.lock")
    shutil.copytree(ROOT / "src", target / "src", ignore=ignored)
    shutil.copytree(ROOT / "native", target / "native", ignore=ignored)
    return target


def run(command: list[str | Path], path: str, **more: str) -> str:
    """Run with this search path; the output, or a failure that shows it."""
    environment = {**os.environ, "PATH": path, "KAPPA_KERNEL": "", **more}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def build_wheel(folder: Path, path: str, **more: str) -> Path:
    sources = copy_sources(folder / "sources")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--no-build-isolation", "-w", folder / "wheels", sources], path, **more)
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, path: str) -> Path:
    """A new environment with the wheel in it and this environment's libraries behind it; its ``bin``."""
    run([sys.executable, "-m", "venv", folder], path)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    (site / "behind.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], path)
    return folder / "bin"


def exercise(bin_folder: Path, folder: Path, path: str) -> str:
    """Run the installed package; the kernel that it uses."""
    backend, statements, home = run([bin_folder / "python", "-c", PROBE], path).split()
    assert statements == "1"
    assert Path(home).is_relative_to(bin_folder.parent)
    case = folder / "case.json"
    case.write_text(CASES)
    assert "1 passed, 0 failed" in run([bin_folder / "kappa", "sql", "test", case], path)
    assert "kappa" in run([bin_folder / "kappa", "--version"], path)
    run([bin_folder / "kappa", "doctor", "--data-dir", folder / "data"], path)
    return backend


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def assert_complete(wheel: Path) -> None:
    """Every module and data file of the sources is in the wheel, and nothing besides the package."""
    held = contents(wheel)
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for pattern in ("*.py", "*.pyi", "*.lark", "py.typed")
        for path in (ROOT / "src" / "kappaflow").rglob(pattern)
    }
    assert wanted <= held
    assert {name.split("/")[0] for name in held} == {"kappaflow", "kappaflow-0.1.0.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in held)


@pytest.mark.slow
def test_without_rust_the_package_runs_on_the_twins(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    wheel = build_wheel(tmp_path, str(empty))
    assert wheel.name.endswith("py3-none-any.whl")
    assert_complete(wheel)
    assert not [name for name in contents(wheel) if name.endswith(".so")]
    bin_folder = install(wheel, tmp_path / "env", str(empty))
    assert exercise(bin_folder, tmp_path, str(empty)) == "python"


@pytest.mark.rust
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_abi3_wheel_runs_where_there_is_no_rust(tmp_path: Path) -> None:
    built = ROOT / "native" / "target"
    target = built if built.is_dir() else cache_directory() / "native-target"
    wheel = build_wheel(tmp_path, os.environ["PATH"], CARGO_TARGET_DIR=str(target))
    assert "-cp311-abi3-" in wheel.name
    assert_complete(wheel)
    assert [name for name in contents(wheel) if name.endswith(".so")] == ["kappaflow/kernel/_native.abi3.so"]
    empty = tmp_path / "empty"
    empty.mkdir()
    bin_folder = install(wheel, tmp_path / "env", str(empty))
    assert exercise(bin_folder, tmp_path, str(empty)) == "native"
