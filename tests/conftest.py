"""Shared fixtures."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from mft_core.models import precision

# The models here are tiny: a second thread only waits for the first. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


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


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache folder for the whole test session, apart from the user's."""
    monkeypatch.setenv("MFT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def stdlib_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the `stdlib` source keeps its files: they are generated once, which takes seconds."""
    return tmp_path_factory.mktemp("stdlib")


def write_distribution(
    folder: Path, plugin: str, code: str, *, version: str = "1.0", group: str = "mft.v1", name: str = ""
) -> Path:
    """Install a plugin into `folder`, as pip would: a module and a dist-info with its entry point.

    Args:
        folder: becomes part of sys.path, or of PYTHONPATH.
        plugin: its id; the module's name is the same with underscores.
        code: of the module; "import" lines for hookimpl and Component come before it.
        version: of the distribution.
        group: of the entry point.
        name: of the distribution; by default the plugin's id.
    """
    name = name or plugin
    module = plugin.replace("-", "_")
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{plugin} = {module}\n")
    (folder / f"{module}.py").write_text("from mft_core.hookspecs import Component, hookimpl\n" + code)
    importlib.invalidate_caches()
    return folder / f"{module}.py"


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
