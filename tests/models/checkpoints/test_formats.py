"""Original formats become native models bit by bit, compute what the original code computed, and go back unharmed."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from helpers.original_checkpoints import CHATGLM, ORIGINALS, QWEN, original_config, write_original_checkpoint
from helpers.paths import CHECKPOINTS
from helpers.tiny_models import ADAPTERS, write_checkpoint
from mft_core import load_model, load_tokenizer
from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.recognition import recognize_adapter
from mft_core.nn.packed_attention import packed_inputs
from mft_core.testing.model_adapters import move_weights
from mft_core.testing.random_models import logits_alone, random_ids
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.finished import load_run
from mft_core.tuning.original_layout import write_original
from mft_core.tuning.saving import save_final

PUBLISHED = ("qwen", "chatglm2", "chatglm3", "chatglm3_32k", "codegeex2", "glm4_old")
CLOSE = 1e-4


@pytest.fixture(params=ORIGINALS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def load_original(name: str, folder: Path, dtype: torch.dtype | None = None) -> Any:
    return load_base(ORIGINALS[name].adapter, folder, dtype or ORIGINALS[name].dtype)


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return {key: tensor for path in folder.glob("model*.safetensors") for key, tensor in load_file(path).items()}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


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


def test_the_original_comes_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    base, output = tmp_path / "base", tmp_path / "output"
    base.mkdir(), output.mkdir()
    native = write_original_checkpoint(name, base)
    (base / "modeling_theirs.py").write_text("raise SystemExit\n")
    model = load_original(name, base, torch.float32)
    written = write_original(model, base, output, ORIGINALS[name].adapter)
    assert written.changed == 0
    assert written.unchanged == len(stored(base)) - any("inv_freq" in key for key in stored(base))
    assert {path.name: path.read_bytes() for path in base.iterdir()} == {
        path.name: path.read_bytes() for path in output.iterdir()
    }
    with torch.no_grad():
        model.model.layers[1].self_attn.k_proj.weight += 0.5
    assert write_original(model, base, output, ORIGINALS[name].adapter).changed == 1
    moved = load_original(name, output).state_dict()
    assert {key for key in native if not torch.equal(moved[key], native[key])} == {
        "model.layers.1.self_attn.k_proj.weight"
    }


def test_every_token_of_a_converted_chatglm_can_be_learnt(tmp_path: Path) -> None:
    """Its padding token is the unknown token, whose embedding the original code trains."""
    write_original_checkpoint("chatglm", tmp_path)
    model = load_original("chatglm", tmp_path)
    ids = torch.tensor([[0, 5, 0, 7]])
    model(ids, labels=ids).loss.backward()
    assert model.get_input_embeddings().weight.grad[[0, 5]].abs().amax(1).min() > 0


def test_adapters_on_a_converted_base_are_native_adapters(tmp_path: Path) -> None:
    for place in (tmp_path / "chatglm", tmp_path / "qwen"):
        place.mkdir()
        write_original_checkpoint(place.name, place)
        tuned = tuned_model(load_original(place.name, place), rank=4)
        move_weights(tuned)
        save_final(tuned, small_tokenizer(), place / "run" / "final")
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


@pytest.mark.parametrize(
    ("config", "changes", "expected"),
    [
        (QWEN, {"no_bias": False}, "Qwen v1 .* no_bias = False"),
        (QWEN, {"rotary_pct": 0.25}, "rotary_pct = 0.25"),
        (QWEN, {"scale_attn_weights": False}, "scale_attn_weights = False"),
        (QWEN, {"kv_channels": 32}, "kv_channels = 32"),
        (QWEN, {"visual": {"layers": 48}}, "visual, so inputs other than text"),
        (QWEN, {"n_embd": 4096}, "the configuration key n_embd of the first release"),
        (CHATGLM, {"rmsnorm": False}, "ChatGLM .* rmsnorm = False"),
        (CHATGLM, {"post_layer_norm": False}, "post_layer_norm = False"),
        (CHATGLM, {"add_bias_linear": True}, "add_bias_linear = True"),
        (CHATGLM, {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        (CHATGLM, {"original_rope": False}, "original_rope = False"),
        (CHATGLM, {"rotary_percent": 1.0}, "rotary_percent = 1.0"),
        (CHATGLM, {"quantization_bit": 4}, "quantization_bit = 4"),
        (CHATGLM, {"pre_seq_len": 128}, "pre_seq_len = 128"),
        (CHATGLM, {"vision_config": {}}, "inputs other than text"),
        (CHATGLM, {"position_encoding_2d": True, "inner_hidden_size": 16384}, "the first ChatGLM-6B"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) and len(value) < 4 else "",
)
def test_what_no_native_model_represents_is_refused_by_name(
    config: dict[str, Any], changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    changed = config | changes
    with pytest.raises(MftError, match=expected):
        recognize_adapter(ADAPTERS.items(), changed)
    (tmp_path / "config.json").write_text(json.dumps(changed))
    with pytest.raises(MftError, match=expected):
        load_base(ADAPTERS[config["model_type"]], tmp_path, torch.float32)


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


# ---- old pickles


def test_old_pickles_load_with_a_warning_and_go_back_as_safetensors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base, output = tmp_path / "base", tmp_path / "output"
    base.mkdir(), output.mkdir()
    native = write_original_checkpoint("chatglm", base, pickled=True)
    with caplog.at_level(logging.WARNING):
        model = load_original("chatglm", base)
    assert same(model.state_dict(), native)
    assert "holds pickled weights" in caplog.text
    assert write_original(model, base, output, ADAPTERS["chatglm"]).changed == 0
    assert not list(output.glob("*.bin*"))
    index = json.loads((output / "model.safetensors.index.json").read_text())["weight_map"]
    assert index == {key: path.name for path in output.glob("*.safetensors") for key in load_file(path)}
    assert same(load_original("chatglm", output).state_dict(), native)


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


# ---- the Python API


def test_load_model_recognises_and_refuses(tmp_path: Path) -> None:
    native = write_original_checkpoint("qwen", tmp_path)
    assert same(load_model(tmp_path).state_dict(), native)
    assert load_model(str(tmp_path), adapter="qwen", dtype="bfloat16").dtype == torch.bfloat16
    with pytest.raises(UsageError, match="--model chatglm does not fit") as caught:
        load_model(tmp_path, adapter="chatglm")
    assert caught.value.hint == "Use --model qwen."
    with pytest.raises(UsageError, match="no dtype"):
        load_model(tmp_path, dtype="float23")
    with pytest.raises(UsageError, match="nowhere"):
        load_model(tmp_path / "nowhere")


def test_a_converted_model_can_be_quantised_while_it_loads(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    write_original_checkpoint("qwen", tmp_path)
    dense, quantised = load_model(tmp_path), load_model(tmp_path, quantize="nf4")
    names = [name for name, module in quantised.named_modules() if type(module).__name__ == "Linear4bit"]
    assert len(names) == 14
    ids = random_ids(20)
    with torch.no_grad():
        found, expected = logits_alone(quantised, ids), logits_alone(dense, ids)
    assert 0 < (found - expected).norm() / expected.norm() < 0.5


def test_a_small_checkpoint_without_tokenizer_reads_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_original_checkpoint("chatglm", tmp_path)
    config = {**original_config("chatglm"), "padded_vocab_size": 259}
    (tmp_path / "config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    assert "its tokens are taken for bytes" in caplog.text
    assert len(tokenizer) == 259
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (config["pad_token_id"], config["eos_token_id"])
    text = " naïve\t世界 \x00\n🦜  "
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == [3 + byte for byte in text.encode()]
    assert tokenizer.decode(ids) == text
    for size in (258, 65024):
        (tmp_path / "config.json").write_text(json.dumps({**config, "padded_vocab_size": size}))
        with pytest.raises(MftError, match="holds no tokenizer"):
            load_tokenizer(tmp_path)


def test_importing_the_api_imports_no_torch() -> None:
    code = "import sys, mft_core; mft_core.load_model; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


# ---- checkpoints written by the original code, and what it computed


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
