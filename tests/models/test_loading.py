"""Bases are found by name, recognised by shape, and refused with a reason where they cannot be loaded truly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.tiny_models import ADAPTERS, config_of, load_tiny, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError, UsageError
from mft_core.models import precision
from mft_core.models.checkpoints.config import read_config
from mft_core.models.checkpoints.weight_files import load_strictly
from mft_core.models.loading import build_empty, check_vocabulary, load_base, load_tokenizer
from mft_core.models.precision import automatic_dtype, resolve_dtype
from mft_core.models.recognition import recognize_adapter, resolve_base
from mft_core.testing.random_models import VOCABULARY, relative_difference
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.lora import merge

CPU = torch.device("cpu")
BASES = ("tiny", "smollm2", "folder", "hub", "modelscope")


def edit_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def edit_weights(folder: Path, change: Any) -> Path:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def adapter_weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("tiny", ("tiny", "")),
        ("modelscope:ORG/NAME", ("modelscope", "ORG/NAME")),
        ("folder:models/x", ("folder", "models/x")),
        ("ORG/NAME", ("hub", "ORG/NAME")),
        ("ORG/NAME@v1.0", ("hub", "ORG/NAME@v1.0")),
        ("models/mine", ("folder", "models/mine")),
        ("./tiny", ("folder", "./tiny")),
    ],
)
def test_a_base_is_found_by_name(
    reference: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "tiny").mkdir()
    assert resolve_base(reference, BASES) == expected


@pytest.mark.parametrize("reference", ["smolm2", "./nowhere", "a/b/c", "/absolute/nowhere", ""])
def test_what_names_no_base_is_refused(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_base(reference, BASES)
    assert "smollm2" in caught.value.hint


def test_a_wrong_model_is_refused_and_the_right_one_named() -> None:
    config = config_of("gpt_neox").to_dict()
    assert recognize_adapter(ADAPTERS.items(), config, "gpt_neox") == "gpt_neox"
    with pytest.raises(UsageError) as caught:
        recognize_adapter(ADAPTERS.items(), config, "llama")
    assert "--model llama" in caught.value.message
    assert "--model gpt_neox" in caught.value.hint


def test_a_checkpoint_that_wants_code_of_its_own_is_refused() -> None:
    config = {"model_type": "unheard-of", "auto_map": {"AutoModelForCausalLM": "modeling.UnheardOf"}}
    with pytest.raises(MftError, match=r"code of its own to be run \(AutoModelForCausalLM\)"):
        recognize_adapter(ADAPTERS.items(), config)


def test_an_auto_map_beside_a_native_type_is_never_followed(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    edit_config(tmp_path, auto_map={"AutoModelForCausalLM": "evil.Evil", "AutoConfig": "evil.Config"})
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert type(load_base(ADAPTERS["llama"], tmp_path, torch.float32)).__name__ == "LlamaForCausalLM"
    assert not (tmp_path / "ran").exists()


def test_two_families_that_recognise_one_checkpoint_need_a_choice() -> None:
    config = config_of("llama").to_dict()
    pairs = [*ADAPTERS.items(), ("acme/llama", ADAPTERS["llama"])]
    with pytest.raises(UsageError, match="llama, acme/llama"):
        recognize_adapter(pairs, config)
    assert recognize_adapter(pairs, config, "acme/llama") == "acme/llama"


def test_the_adapter_must_fit_the_checkpoint(tmp_path: Path) -> None:
    write_checkpoint("gpt_neox", tmp_path)
    with pytest.raises(MftError, match=r"Llama does not recognise the checkpoint.*gpt_neox"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


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


@pytest.mark.parametrize("content", [None, "{", "[]"], ids=["absent", "torn", "no object"])
def test_a_bad_config_is_an_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(MftError, match=r"config\.json"):
        read_config(tmp_path)


def test_a_float64_model_computes_what_plain_transformers_does(tmp_path: Path) -> None:
    ids = torch.arange(9)[None]
    model = load_tiny("llama", tmp_path, torch.float64)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    logits = [each(input_ids=ids, use_cache=False).logits for each in (model, own)]
    assert logits[0].dtype == torch.float64
    assert relative_difference(*logits) < 1e-12


@pytest.mark.parametrize("matrix_units", [False, True])
@pytest.mark.parametrize("vector_units", [False, True])
def test_an_automatic_dtype_is_bfloat16_where_the_processor_computes_in_it(
    vector_units: bool, matrix_units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "automatic_dtype", automatic_dtype)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vector_units)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units)
    assert resolve_dtype("auto", CPU) == (torch.bfloat16 if vector_units or matrix_units else torch.float32)
    assert resolve_dtype("auto", torch.device("mps")) == torch.float32
    assert resolve_dtype("float32", CPU) == torch.float32
    assert resolve_dtype("bfloat16", CPU) == torch.bfloat16


def test_dtypes() -> None:
    assert resolve_dtype("float64", CPU) == torch.float64
    with pytest.raises(UsageError, match="float16 needs a GPU"):
        resolve_dtype("float16", CPU)
    with pytest.raises(UsageError, match="no dtype 'float8'"):
        resolve_dtype("float8", CPU)


def test_a_tokenizer_gets_pad_token_and_family_template(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    for name, expected in (("<pad>", "<pad>"), (None, "<pad>")):
        tokenizer.pad_token = name
        tokenizer.save_pretrained(tmp_path)
        assert load_tokenizer(ADAPTERS["llama"], tmp_path).pad_token == expected
    assert load_tokenizer(ADAPTERS["llama"], tmp_path).chat_template is None
    assert load_tokenizer(ADAPTERS["qwen"], tmp_path).chat_template == ADAPTERS["qwen"].chat_template
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(ADAPTERS["qwen"], tmp_path).chat_template == tokenizer.chat_template


def test_a_folder_without_tokenizer_is_an_error(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    with pytest.raises(MftError, match="tokenizer"):
        load_tokenizer(ADAPTERS["llama"], tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    with pytest.raises(MftError, match=f"up to 2047, but the model has {VOCABULARY} embeddings"):
        check_vocabulary(model, AutoTokenizer.from_pretrained(TOKENIZER))


def test_an_empty_model_counts_without_memory() -> None:
    model = tuned_model(build_empty(config_of("llama"), torch.bfloat16), rank=4)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert 0 < sum(p.numel() for p in adapter_weights(model).values()) < sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("base", "adapter"),
    [(torch.float32, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_adapters_start_at_zero_effect_in_full_precision(
    base: torch.dtype, adapter: torch.dtype, tmp_path: Path
) -> None:
    ids = torch.arange(9)[None]
    model = load_tiny("llama", tmp_path, base)
    before = model(input_ids=ids, use_cache=False).logits
    tuned = tuned_model(model, rank=4)
    assert {parameter.dtype for parameter in adapter_weights(tuned).values()} == {adapter}
    assert torch.equal(tuned(input_ids=ids, use_cache=False).logits, before)


def test_the_seed_alone_decides_how_adapters_start(tmp_path: Path) -> None:
    starts = []
    for noise, seed in ((1, 5), (2, 5), (2, 6)):
        torch.manual_seed(noise)
        starts.append(adapter_weights(tuned_model(load_tiny("llama", tmp_path), seed=seed)))
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])
    assert not all(torch.equal(starts[0][name], starts[2][name]) for name in starts[0])


def test_preparing_leaves_the_random_state_alone(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    tuned_model(model)
    assert torch.equal(torch.rand(1), expected)


def test_full_tuning_trains_every_weight(tmp_path: Path) -> None:
    model = tuned_model(load_tiny("llama", tmp_path).requires_grad_(False), method="full")
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_target_that_is_not_there_is_refused(tmp_path: Path) -> None:
    model = load_tiny("starcoder2", tmp_path)
    with pytest.raises(UsageError) as caught:
        tuned_model(model, targets=["q_proj", "c_fcc"])
    assert "'c_fcc'" in caught.value.message
    assert "Did you mean 'c_fc'? There is: c_fc, c_proj, k_proj, o_proj, q_proj, v_proj." in caught.value.hint
    tuned = tuned_model(model, targets=["q_proj"])
    assert all(".q_proj.lora_" in name for name in adapter_weights(tuned))


def test_merging_computes_the_same(tmp_path: Path) -> None:
    ids = torch.arange(9)[None]
    tuned = tuned_model(load_tiny("gpt_bigcode", tmp_path, torch.float64), rank=4)
    untuned = tuned(input_ids=ids, use_cache=False).logits
    for name, parameter in adapter_weights(tuned).items():
        torch.nn.init.normal_(parameter, std=0.1 if "lora_B" in name else 1.0)
    before = tuned.eval()(input_ids=ids, use_cache=False).logits
    merged = merge(tuned)
    assert type(merged).__name__ == "GPTBigCodeForCausalLM"
    assert relative_difference(merged(input_ids=ids, use_cache=False).logits, before) < 1e-12
    assert relative_difference(untuned, before) > 1e-2
    assert merge(merged) is merged
