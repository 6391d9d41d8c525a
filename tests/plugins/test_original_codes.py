"""Checkpoints written by the original code, and what it computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from helpers.paths import CHECKPOINTS
from helpers.tiny_models import ADAPTERS
from helpers.weights import same
from mft_core import load_model
from mft_core.models.checkpoints.config import read_config
from mft_core.models.recognition import recognize_adapter
from mft_core.nn.packed_attention import packed_inputs
from mft_core.tuning.original_layout import write_original

PUBLISHED = ("qwen", "chatglm2", "chatglm3", "chatglm3_32k", "codegeex2", "glm4_old")
CLOSE = 1e-4


@pytest.fixture(scope="module", params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> tuple[Path, Any, dict[str, torch.Tensor]]:
    folder = CHECKPOINTS / request.param
    if not CHECKPOINTS.is_dir():
        pytest.skip("../shared is absent")
    return folder, load_model(folder), load_file(folder / "expected.safetensors")


def furthest(found: torch.Tensor, expected: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """Largest difference; where there is a mask, of the positions it has."""
    difference = (found - expected).abs().amax(-1)
    return float(difference[mask.bool()].max() if mask is not None else difference.max())


@torch.no_grad()
def test_logits_are_the_original_codes(published: tuple[Path, Any, dict[str, torch.Tensor]]) -> None:
    _, model, expected = published
    ids = expected["ids"]
    assert 1 < expected["eval"].std() < 10
    assert furthest(model(ids).logits, expected["eval"]) < CLOSE
    assert float((model(ids, labels=ids).loss - expected["loss"]).abs()) < CLOSE
    training = {key.removesuffix("train") + "ids": key for key in expected if key.endswith("train")}
    for given, key in training.items():
        assert furthest(model.train()(expected[given]).logits, expected[key]) < CLOSE
    model.eval()


@torch.no_grad()
def test_padding_is_the_original_codes(published: tuple[Path, Any, dict[str, torch.Tensor]]) -> None:
    _, model, expected = published
    ids, right, left = (expected[key] for key in ("ids", "right_mask", "left_mask"))
    assert furthest(model(ids, attention_mask=right).logits, expected["right"], right) < CLOSE
    assert furthest(model(ids, attention_mask=left).logits, expected["left"], left) < CLOSE
    placed = model(ids, attention_mask=left, position_ids=expected["pos"]).logits
    assert furthest(placed, expected["leftpos"], left) < CLOSE


@torch.no_grad()
def test_packed_rows_are_the_original_codes(published: tuple[Path, Any, dict[str, torch.Tensor]]) -> None:
    _, model, expected = published
    length = expected["ids"].shape[1]
    packed = model(
        expected["ids"].reshape(1, -1),
        position_ids=torch.arange(length).repeat(2)[None],
        **packed_inputs([(0, 0, length), (0, length, 2 * length)]),
    ).logits
    assert furthest(packed.reshape(expected["eval"].shape), expected["eval"]) < CLOSE


@torch.no_grad()
@pytest.mark.parametrize("cache", [True, False], ids=["cached", "uncached"])
def test_greedy_answers_are_the_original_codes(
    published: tuple[Path, Any, dict[str, torch.Tensor]], cache: bool
) -> None:
    _, model, expected = published
    prompt = expected["ids"][:1]
    found = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=expected["greedy"].shape[1] - prompt.shape[1],
        do_sample=False,
        use_cache=cache,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert torch.equal(found, expected["greedy"])


def test_a_published_checkpoint_goes_back_file_by_file(
    published: tuple[Path, Any, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder, model, _ = published
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    assert write_original(model, folder, tmp_path, adapter).changed == 0
    originals = {path.name for path in folder.iterdir()} - {"expected.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == originals
    for name in originals:
        if name.endswith(".safetensors"):
            with safe_open(tmp_path / name, "pt") as ours, safe_open(folder / name, "pt") as theirs:
                assert ours.metadata() == theirs.metadata()
            assert same(load_file(tmp_path / name), load_file(folder / name))
        else:
            assert json.loads((tmp_path / name).read_text()) == json.loads((folder / name).read_text())
