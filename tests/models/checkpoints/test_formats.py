"""Original formats become native models bit by bit, compute what the original code computed, and go back unharmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from helpers.original_checkpoints import ORIGINALS, original_config, write_original_checkpoint
from helpers.tiny_models import ADAPTERS, write_checkpoint
from helpers.weights import load_original, same
from mft_core.errors import MftError
from mft_core.models.loading import load_base
from mft_core.testing.packed_texts import move_weights
from mft_core.testing.random_models import logits_alone, random_ids
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tuned_models import save_tuned, tuned_model
from mft_core.tuning.finished import load_run


@pytest.fixture(params=ORIGINALS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_an_original_checkpoint_becomes_the_native_model_bit_by_bit(name: str, tmp_path: Path) -> None:
    native = write_original_checkpoint(name, tmp_path)
    model = load_original(name, tmp_path)
    assert same(model.state_dict(), native)
    assert type(model).__module__.startswith("transformers.models.")
    assert model.config.architectures == [type(model).__name__]
    assert not model.training


def test_what_is_saved_then_is_native_and_computes_the_same(name: str, tmp_path: Path) -> None:
    native = write_original_checkpoint(name, tmp_path)
    model = load_original(name, tmp_path)
    model.save_pretrained(tmp_path / "saved")
    assert set(load_file(tmp_path / "saved" / "model.safetensors")) == set(native)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=model.dtype)
    assert type(again) is type(model)
    ids = random_ids(20)
    assert torch.equal(logits_alone(again, ids), logits_alone(model, ids))


def test_every_token_of_a_converted_chatglm_can_be_learnt(tmp_path: Path) -> None:
    """Its padding token is the unknown token, whose embedding the original code trains."""
    write_original_checkpoint("chatglm", tmp_path)
    model = load_original("chatglm", tmp_path)
    ids = torch.tensor([[0, 5, 0, 7]])
    model(ids, labels=ids).loss.backward()
    assert model.get_input_embeddings().weight.grad[[0, 5]].abs().amax(1).min() > 0


@pytest.mark.slow
def test_adapters_on_a_converted_base_are_native_adapters(tmp_path: Path) -> None:
    for place in (tmp_path / "chatglm", tmp_path / "qwen"):
        place.mkdir()
        write_original_checkpoint(place.name, place)
        tuned = tuned_model(load_original(place.name, place), rank=4)
        move_weights(tuned)
        save_tuned(tuned, small_tokenizer(), place / "run" / "final")
        adapter_weights = load_file(place / "run" / "final" / "adapter_model.safetensors")
        assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in adapter_weights
        loaded, _ = load_run(place / "run", ADAPTERS.items())
        ids = random_ids(20)
        assert torch.equal(logits_alone(loaded, ids), logits_alone(tuned.eval(), ids))


def test_converting_changes_nothing_for_native_checkpoints(tmp_path: Path) -> None:
    for original, native, model_type in (("qwen", "qwen2", "qwen2"), ("chatglm", "glm", "glm")):
        (tmp_path / original).mkdir()
        write_original_checkpoint(original, tmp_path / original)
        load_original(original, tmp_path / original)
        assert get_checkpoint_conversion_mapping(model_type) is None
        folder = write_checkpoint(native, tmp_path / native)
        model = load_base(ADAPTERS[original], folder, torch.float64)
        assert same(model.state_dict(), load_file(folder / "model.safetensors"))


def damage(folder: Path, change: Any) -> None:
    (path,) = [each for each in folder.glob("model-*.safetensors") if "transformer.wte.weight" in load_file(each)]
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda weights: weights.pop("transformer.wte.weight"), r"1 missing \(model.embed_tokens.weight\)"),
        (lambda weights: weights.update({"transformer.extra": torch.ones(2)}), r"1 unexpected \(transformer.extra\)"),
        (
            lambda weights: weights.update({"transformer.wte.weight": torch.ones(3, 64)}),
            r"1 misshapen \(model.embed_tokens.weight: \(3, 64\), not \(128, 64\)\)",
        ),
    ],
    ids=["missing", "unexpected", "misshapen"],
)
def test_converted_weights_must_fit_too(change: Any, expected: str, tmp_path: Path) -> None:
    write_original_checkpoint("qwen", tmp_path)
    damage(tmp_path, change)
    with pytest.raises(MftError, match=expected):
        load_original("qwen", tmp_path)


def test_a_fused_matrix_of_other_groups_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_original_checkpoint("chatglm", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**original_config("chatglm"), "multi_query_group_num": 4}))
    with pytest.raises(MftError, match="a matrix that holds several has other rows"):
        load_original("chatglm", tmp_path)
    assert "LOAD REPORT" not in "".join(capfd.readouterr())


def test_a_config_that_lacks_a_size_is_an_error(tmp_path: Path) -> None:
    write_original_checkpoint("chatglm", tmp_path)
    config = original_config("chatglm")
    del config["ffn_hidden_size"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(MftError, match="ChatGLM checkpoint lacks 'ffn_hidden_size'"):
        load_original("chatglm", tmp_path)


def test_what_the_original_does_otherwise_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_original_checkpoint("qwen", tmp_path)
    load_original("qwen", tmp_path)
    assert not caplog.records
    (tmp_path / "config.json").write_text(json.dumps({**original_config("qwen"), "use_dynamic_ntk": True}))
    load_original("qwen", tmp_path)
    assert "rescales rotary positions when it generates beyond 64 tokens" in caplog.text


@pytest.mark.parametrize(
    ("published", "inverse", "says"),
    [("THUDM/chatglm2-6b-32k", 1 / 16, False), ("THUDM/chatglm3-6b-32k", None, False), ("", None, True)],
    ids=["positions divided", "base multiplied", "nothing tells"],
)
def test_both_meanings_of_rope_ratio(
    published: str, inverse: float | None, says: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """theta_i of 4 rotated pairs; ChatGLM2-6B-32K divides positions by the ratio, its successors multiply 10000."""
    write_original_checkpoint("chatglm", tmp_path)
    config = {**original_config("chatglm"), "rope_ratio": 16, "_name_or_path": published}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = load_original("chatglm", tmp_path)
    pairs = torch.arange(0, 8, 2) / 8
    expected = inverse / 10000**pairs if inverse else 1 / 160000**pairs
    torch.testing.assert_close(model.model.rotary_emb.inv_freq, expected)
    assert ("multiplies the rotary base" in caplog.text) == says
