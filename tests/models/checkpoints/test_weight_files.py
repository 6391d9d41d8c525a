"""Weights are those that the configuration needs, all of them and no others."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.checkpoints import edit_config, edit_weights
from helpers.original_checkpoints import write_original_checkpoint
from helpers.tiny_models import ADAPTERS, write_checkpoint
from helpers.weights import load_original
from mft_core.errors import MftError
from mft_core.models.checkpoints.weight_files import load_strictly
from mft_core.models.loading import load_base


def test_a_checkpoint_without_weights_is_refused(tmp_path: Path) -> None:
    (write_checkpoint("llama", tmp_path) / "model.safetensors").rename(tmp_path / "other.safetensors")
    with pytest.raises(MftError, match="holds no weights"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda weights: weights.pop("model.norm.weight"), r"1 missing \(model.norm.weight\)"),
        (lambda weights: weights.update({"model.extra": torch.ones(2)}), r"1 unexpected \(model.extra\)"),
    ],
    ids=["missing", "unexpected"],
)
def test_weights_must_be_those_the_configuration_needs(change: Any, expected: str, tmp_path: Path) -> None:
    edit_weights(write_checkpoint("llama", tmp_path), change)
    with pytest.raises(MftError, match=expected):
        load_strictly(tmp_path, dtype=torch.float32)


def test_weights_that_were_quantised_without_a_word_in_the_config_are_named(tmp_path: Path) -> None:
    """As the first GPTQ checkpoints are, whose settings lie in a file of their own."""

    def quantize(weights: dict[str, torch.Tensor]) -> None:
        matrix = weights.pop("model.layers.0.mlp.up_proj.weight")
        weights["model.layers.0.mlp.up_proj.qweight"] = matrix.to(torch.int32)

    edit_weights(write_checkpoint("llama", tmp_path), quantize)
    with pytest.raises(MftError, match="1 missing") as caught:
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)
    assert "quantised before they were published" in caught.value.hint


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    edit_config(tmp_path, intermediate_size=64)
    with pytest.raises(MftError, match=r"6 misshapen \(.*down_proj.weight: \(64, 192\), not \(64, 64\)"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


class Malicious:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("writer", ["torch.save", "pickle.dump"])
def test_a_pickle_with_code_in_it_is_refused_unrun(writer: str, tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    proof, weights = tmp_path / "ran", load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    path = tmp_path / "pytorch_model.bin"
    payload = {**weights, "evil": Malicious(proof)}
    torch.save(payload, path) if writer == "torch.save" else path.write_bytes(pickle.dumps(payload))
    with pytest.raises(MftError, match=r"pytorch_model.bin is a pickle that is damaged or holds more than weights"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)
    assert not proof.exists()
    pickle.loads(pickle.dumps(Malicious(proof)))
    assert proof.exists(), "the pickle would not have done anything at all"


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2])], ids=["empty", "text", "a list"])
def test_a_pickle_without_weights_is_an_error(content: bytes, tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(MftError, match=r"pytorch_model\.bin"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


def test_an_index_reaches_no_other_folder(tmp_path: Path) -> None:
    write_original_checkpoint("qwen", tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    first = next(tmp_path.glob("model-00001-*"))
    index.write_text(index.read_text().replace(first.name, f"../{first.name}"))
    shutil.move(first, tmp_path.parent / first.name)
    with pytest.raises(MftError, match="which is not there"):
        load_original("qwen", tmp_path)
