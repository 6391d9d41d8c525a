from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, events, settings, write_tasks
from helpers.running import mft as run_here

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
        ("maker", "toy-sums", "1.2.3", "ok"),
        ("optimizer", "toy-signs", "1.2.3", "ok"),
    ]


def test_its_loss_is_shown(toy_site: Path, mft: Run) -> None:
    done = mft("show", "loss.toy-fixed", "--json", PYTHONPATH=str(toy_site))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert "weights" in {option["name"] for option in shown["options"]}
    assert Path(shown["file"]).is_relative_to(toy_site)


@pytest.fixture(scope="module")
def toy_run(toy_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of its model, loss and optimizer, whose checkpoint before the last can be resumed."""
    place = tmp_path_factory.mktemp("toy")
    command = arguments(write_tasks(place / "data"), place / "run", "--model", "toy", "--loss", "toy-fixed")
    more = ("--steps", "2", *settings("loss.weights=[0.5, 0.25, 0.25]", "train.optimizer=toy-signs"))
    environment = {**os.environ, "PYTHONPATH": str(toy_site)}
    done = subprocess.run(
        [sys.executable, "-m", "mft_cli", *command, *more], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_its_model_loss_and_optimizer_train_by_name(toy_run: Path) -> None:
    last = events(toy_run, "train")[-1]["tasks"]
    assert [last[name]["weight"] for name in ("add", "copy", "reverse")] == [0.5, 0.25, 0.25]
    components = json.loads((toy_run / "components.json").read_text())["components"]
    own = {part["name"] for part in components if part["distribution"] == "mft-toy"}
    assert own == {"toy", "toy-fixed", "toy-signs"}


WITHOUT_IT = {
    "resume": ("run", "--resume", "--output", "RUN"),
    "again": ("run", "RUN/recipe.toml", "--output", "OTHER"),
    "check": ("check", "RUN/recipe.toml"),
    "chat": ("chat", "RUN"),
    "generate": ("generate", "RUN", "--prompt", "hi"),
    "eval": ("eval", "RUN", "--on", "loss", "--output", "OTHER"),
    "export": ("export", "RUN", "--output", "OTHER"),
}


@pytest.mark.parametrize("name", WITHOUT_IT)
def test_a_run_of_it_says_without_it_what_to_install(
    name: str, toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hi\n"))
    places = {"RUN": str(toy_run), "OTHER": str(tmp_path / "other")}
    before = sorted(toy_run.rglob("*"))
    command = [part.replace("RUN", places["RUN"]).replace("OTHER", places["OTHER"]) for part in WITHOUT_IT[name]]
    assert run_here(*command) == 1
    said = capsys.readouterr().err
    for part in ("loss 'toy-fixed' of mft-toy 1.2.3: not installed", "model 'toy' of mft-toy 1.2.3: not installed"):
        assert part in said
    assert said.count("pip install mft-toy==1.2.3") == 1
    assert sorted(toy_run.rglob("*")) == before


def test_a_comparison_with_it_says_without_it_what_to_install(
    toy_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = tmp_path / "out" / "toy-fixed" / "seed-1"
    begun.mkdir(parents=True)
    shutil.copy(toy_run / "components.json", begun)
    command = ["compare", "--model", "llama", "--data", str(toy_run.parent / "data"), "--output", str(tmp_path / "out")]
    assert run_here(*command, "--arms", "mixed,toy-fixed") == 1
    assert "pip install mft-toy==1.2.3" in capsys.readouterr().err


def test_a_run_of_it_is_reported_without_it(toy_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("report", str(toy_run), "--json") == 0, capsys.readouterr().err


def test_a_run_of_it_says_why_it_is_broken(toy_run: Path, toy_site: Path, mft: Run, tmp_path: Path) -> None:
    site = Path(shutil.copytree(toy_site, tmp_path / "site"))
    (site / "mft_toy" / "__init__.py").write_text("import no_such_module\n")
    done = mft("run", "--resume", "--output", str(toy_run), PYTHONPATH=str(site))
    assert done.returncode == 1
    assert "its plugin 'mft-toy' is installed and broken: ModuleNotFoundError" in " ".join(done.stderr.split())
    assert "pip install" not in done.stderr


def test_without_it_nothing_of_it_is_known(mft: Run) -> None:
    done = mft("show", "loss.toy-fixed")
    assert done.returncode == 2
    assert "There is no loss called 'toy-fixed'" in done.stderr
