"""Shared fixtures."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from helpers.running import Evaluate
    from mft_cli.session import Session
    from mft_core.nn.token_losses import TokenLossModel
    from mft_core.registry.catalog import Catalog

from mft_core.models import precision

# The models here are tiny: a second thread only waits for the first. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def no_answer_of_the_processor() -> Iterator[None]:
    """Here, `model.dtype = "auto"` is an error: with it, a test's outcome would depend on the machine.

    For the whole session, so that fixtures of modules are held to it too; processes of their own are not.
    """

    def refuse(device: object) -> NoReturn:
        raise AssertionError("what this test finds depends on the processor: set model.dtype")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "automatic_dtype", refuse)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache folder, apart from the user's, for the whole test session: also for the fixtures of modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MFT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def stdlib_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the `stdlib` source keeps its files. They are there: one process makes them for all; it takes seconds."""
    from mft_core.interfaces import DataRequest
    from mft_sources.stdlib import StandardLibrary

    here = tmp_path_factory.getbasetemp()
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "stdlib"
    folder.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        StandardLibrary().tasks(DataRequest(None, folder))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path to install plugins into; the working folder is an empty one beside it."""
    folder, workspace = tmp_path / "site", tmp_path / "workspace"
    folder.mkdir()
    workspace.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(workspace)
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def mft(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `mft` in a process of its own: mft("list", "--json", cwd=..., PYTHONPATH=...)."""

    def run(*arguments: str, cwd: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from mft_cli.app import main; main()", *arguments],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a recipe."""

    def write_recipe(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_recipe


@pytest.fixture(scope="session")
def session() -> Session:
    """What `mft` opens before a command: the plugins that are installed."""
    from mft_cli.session import Session
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace

    return Session(discover(Workspace()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def catalog(session: Session) -> Catalog:
    return session.plugins.catalog


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The results that a successful `mft eval ... --json` prints."""
    from helpers import running

    def call(*command: str | Path) -> list[dict[str, Any]]:
        assert running.mft("eval", *map(str, command), "--json") == 0, capsys.readouterr().err
        printed = json.loads(capsys.readouterr().out)
        assert list(printed) == ["results"]
        assert all(list(row) == running.SCORE_KEYS for row in printed["results"])
        return printed["results"]

    return call


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small tasks, to be read only."""
    from helpers.running import write_tasks

    return write_tasks(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def model() -> TokenLossModel:
    """A tiny random float64 model."""
    from mft_core.testing.random_models import random_token_loss_model

    return random_token_loss_model()
