"""Weights in four bits: what is quantised, that it trains as its dense twin does, and what it takes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from helpers.four_bits import stored_bytes
from helpers.paths import CHECKPOINTS
from helpers.tiny_models import ADAPTERS, ARCHITECTURES, adapter_of, config_of, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.quantization import (
    Quantization,
    four_bit_layers,
    is_quantized,
    parameter_counts,
    quantization_named,
    quantization_of,
    take_dequantized,
)
from mft_core.models.recognition import recognize_adapter
from mft_core.testing.packed_texts import loss_and_gradients, move_weights
from mft_core.testing.random_models import VOCABULARY, logits_alone, random_ids, write_random_checkpoint
from mft_core.testing.tuned_models import save_tuned, tuned_model
from mft_core.tuning.finished import find_finished, load_finished, load_run

KINDS = [Quantization(), Quantization("nf4", False), Quantization("fp4", True), Quantization("fp4", False)]


def quantized(architecture: str, folder: Path, quantization: Quantization = KINDS[0]) -> Any:
    if not folder.is_dir():
        write_checkpoint(architecture, folder)
    return load_base(adapter_of(architecture), folder, torch.float32, quantization=quantization)


def dequantized(architecture: str, folder: Path, quantization: Quantization = KINDS[0]) -> Any:
    """The dense model that computes as the quantised one does."""
    other = quantized(architecture, folder, quantization)
    model = load_base(adapter_of(architecture), folder, torch.float32)
    take_dequantized(model, other)
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_linear_layer_is_quantised_and_nothing_else(architecture: str, tmp_path: Path) -> None:
    model = quantized(architecture, tmp_path / "base")
    dense = AutoModelForCausalLM.from_config(config_of(architecture))
    linear = {name for name, module in dense.named_modules() if isinstance(module, torch.nn.Linear)}
    heads = {name for name, module in dense.named_modules() if module is dense.get_output_embeddings()}
    assert four_bit_layers(model).keys() == linear - heads
    assert parameter_counts(model)[0] == dense.num_parameters()
    assert quantization_of(model) == Quantization()
    assert not model.training


@pytest.mark.parametrize("quantization", KINDS, ids=str)
def test_its_gradient_is_that_of_a_dense_model_with_the_dequantised_weights(
    quantization: Quantization, tmp_path: Path
) -> None:
    tuned = tuned_model(quantized("qwen2", tmp_path / "base", quantization), method="qlora", rank=4)
    twin = tuned_model(dequantized("qwen2", tmp_path / "base", quantization), rank=4)
    move_weights(tuned)
    move_weights(twin)
    (loss, gradients), (expected_loss, expected) = loss_and_gradients(tuned), loss_and_gradients(twin)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-6, atol=0)
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=1e-5 * float(gradient.abs().max()))


def test_an_evaluation_does_not_change_the_gradients_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with AVX512-BF16, where bitsandbytes would repack the weights in evaluation."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    tuned = tuned_model(quantized("llama", tmp_path / "base"), method="qlora", rank=4)
    move_weights(tuned)
    _, before = loss_and_gradients(tuned)
    with torch.no_grad():
        logits_alone(tuned.eval(), random_ids(9))
    _, after = loss_and_gradients(tuned)
    assert not any(getattr(layer.weight.quant_state, "packing_format_for_cpu", False) for layer in four_bits(tuned))
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def four_bits(model: torch.nn.Module) -> list[Linear4bit]:
    return list(four_bit_layers(model).values())


def test_layers_of_an_odd_width_stay_dense_and_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """bitsandbytes' CPU code computes something else for them, without a word."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4
    )
    write_random_checkpoint(config, tmp_path)
    with caplog.at_level(logging.WARNING, "mft_core"):
        model = load_base(ADAPTERS["llama"], tmp_path, torch.float32, quantization=Quantization())
    assert [name.rpartition(".")[2] for name in four_bit_layers(model)] == [
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj")
    ]
    assert any(
        "not quantised" in record.getMessage() and "down_proj" in record.getMessage() for record in caplog.records
    )


@pytest.mark.parametrize("quantization", KINDS, ids=str)
def test_the_bytes_of_a_weight_are_those_expected(quantization: Quantization, tmp_path: Path) -> None:
    for layer in four_bits(quantized("gpt_neox", tmp_path / "base", quantization)):
        assert stored_bytes(layer) == quantization.stored_bytes(layer.in_features * layer.out_features)


def test_bits_a_weight() -> None:
    elements = 8192 * 28672
    assert 8 * Quantization().stored_bytes(elements) / elements == pytest.approx(4.127, abs=1e-3)
    assert 8 * Quantization(double_quant=False).stored_bytes(elements) / elements == pytest.approx(4.5, abs=1e-3)


def test_what_cannot_be_quantised_is_refused(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    with pytest.raises(UsageError, match="cannot compute in"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float64, quantization=Quantization())
    with pytest.raises(UsageError, match="no quantisation 'int3'"):
        quantization_named("int3")
    assert quantization_named("fp4") == Quantization("fp4", True)


def test_method_and_weights_must_fit(tmp_path: Path) -> None:
    model = quantized("llama", tmp_path / "base")
    for method in ("lora", "full"):
        with pytest.raises(UsageError, match="does not fit a model whose weights are quantised"):
            tuned_model(model, method=method)
    with pytest.raises(UsageError, match="weights are not quantised"):
        tuned_model(dequantized("llama", tmp_path / "base"), method="qlora")


def test_a_dequantised_model_computes_the_same_and_is_dense(tmp_path: Path) -> None:
    expected = logits_alone(quantized("starcoder2", tmp_path / "base"), random_ids(9))
    dense = dequantized("starcoder2", tmp_path / "base")
    assert not is_quantized(dense)
    assert not four_bit_layers(dense)
    assert torch.equal(logits_alone(dense, random_ids(9)), expected)


@pytest.mark.slow
def test_a_finished_run_is_loaded_beside_the_weights_it_was_trained_with(tmp_path: Path) -> None:
    tuned = tuned_model(quantized("llama", tmp_path / "base", KINDS[2]), method="qlora", rank=4)
    move_weights(tuned)
    save_tuned(tuned, AutoTokenizer.from_pretrained(TOKENIZER), tmp_path / "run" / "final")
    loaded, _ = load_run(tmp_path / "run", ADAPTERS.items())
    assert quantization_of(loaded.get_base_model()) == KINDS[2]
    expected = logits_alone(tuned.eval(), random_ids(9))
    assert torch.equal(logits_alone(loaded, random_ids(9)), expected)
    dense = load_finished(find_finished(tmp_path / "run", ADAPTERS.items()), dense=True)
    assert not four_bit_layers(dense)
    torch.testing.assert_close(logits_alone(dense, random_ids(9)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["qwen", "chatglm3", "glm4_old", "baichuan7b_v1", "baichuan7b_v2"])
def test_published_formats_are_quantised_while_they_are_converted(name: str) -> None:
    folder = CHECKPOINTS / name
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    dense = dict(load_base(adapter, folder, torch.float32).named_modules())
    layers = four_bit_layers(load_base(adapter, folder, torch.float32, quantization=Quantization()))
    assert layers
    for name, layer in layers.items():
        expected = quantize_4bit(dense[name].weight.data, compress_statistics=True, quant_type="nf4")
        weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        assert torch.equal(weight, dequantize_4bit(*expected)), name
