from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, events, write_tasks

pytestmark = pytest.mark.slow
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def toy_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed tests/mft-toy, without a network."""
    missing = [name for name in ("pip", "hatchling") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"building a package here needs {' and '.join(missing)}")
    target = tmp_path_factory.mktemp("toy-site")
    source = REPOSITORY / "tests" / "mft-toy"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, capture_output=True, text=True)
    return target


def test_a_package_of_a_third_party_is_listed(toy_site: Path, mft: Run) -> None:
    done = mft("list", "--json", PYTHONPATH=str(toy_site))
    assert done.returncode == 0, done.stderr
    rows = [row for row in json.loads(done.stdout) if row["plugin"] == "mft-toy"]
    assert [(row["kind"], row["name"], row["version"], row["status"]) for row in rows] == [
        ("model", "toy", "1.2.3", "ok"),
        ("loss", "toy-fixed", "1.2.3", "ok"),
    ]


def test_its_loss_is_shown(toy_site: Path, mft: Run) -> None:
    done = mft("show", "loss.toy-fixed", "--json", PYTHONPATH=str(toy_site))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert "weights" in {option["name"] for option in shown["options"]}
    assert Path(shown["file"]).is_relative_to(toy_site)


def test_its_model_and_loss_train_by_name(toy_site: Path, mft: Run, tmp_path: Path) -> None:
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    command = arguments(data, run, "--model", "toy", "--loss", "toy-fixed", "--steps", "2")
    done = mft(*command, "--set", "loss.weights=[0.5, 0.25, 0.25]", PYTHONPATH=str(toy_site))
    assert done.returncode == 0, done.stderr
    last = events(run, "train")[-1]["tasks"]
    assert [last[name]["weight"] for name in ("add", "copy", "reverse")] == [0.5, 0.25, 0.25]
    components = json.loads((run / "components.json").read_text())["components"]
    assert {part["name"] for part in components if part["distribution"] == "mft-toy"} == {"toy", "toy-fixed"}


def test_without_it_nothing_of_it_is_known(mft: Run) -> None:
    done = mft("show", "loss.toy-fixed")
    assert done.returncode == 2
    assert "There is no loss called 'toy-fixed'" in done.stderr
