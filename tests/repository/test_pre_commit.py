"""The hooks of .pre-commit-config.yaml, run by git in a repository of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY

GOOD = "def length(text: str) -> int:\n    return len(text)\n"


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A repository with our hooks installed, whose .venv is the running Python's."""
    if importlib.util.find_spec("pre_commit") is None or shutil.which("git") is None:
        pytest.skip("needs git and pre-commit")
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".gitignore").write_text("/.venv\n/.mypy_cache\n/.ruff_cache\n/home\n")
    for package in ("mft_core", "mft_cli", "plugins/mft_own"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    assert commit(tmp_path, "--no-verify").returncode == 0
    hooks = [sys.executable, "-m", "pre_commit", "install"]
    subprocess.run(hooks, cwd=tmp_path, env=environment(tmp_path), check=True, capture_output=True)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    """Neither the developer's git settings nor their caches; no variable of a commit that these tests run in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PRE_COMMIT_HOME": str(folder / "home")}
    return kept | own


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    person = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    command = ["git", *person, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), check=False, capture_output=True, text=True)


def commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return git(folder, "commit", "--quiet", "--message", "change", *arguments)


@pytest.mark.slow
def test_a_commit_is_stopped_by_each_tool_and_no_other_is(committed: Path) -> None:
    module = committed / "mft_core" / "length.py"
    for hook, content in {
        "ruff-check": "import os\n\n\n" + GOOD,
        "ruff-format": GOOD.replace("len(text)", "len( text )"),
        "mypy": GOOD.replace("len(text)", "text"),
    }.items():
        module.write_text(content)
        git(committed, "add", ".")
        done = commit(committed)
        assert done.returncode == 1, hook
        assert [line for line in done.stderr.splitlines() if "hook id" in line] == [f"- hook id: {hook}"], done.stderr
    module.write_text(GOOD)
    git(committed, "add", ".")
    done = commit(committed)
    assert done.returncode == 0, done.stderr
