"""The GLM of 2022: two-dimensional positions, prompts read both ways, exact whether packed, padded or cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, layer_norm, linear
from transformers import AutoModelForCausalLM

from helpers.paths import CHECKPOINTS
from helpers.running import events, mft, write_tasks
from mft_core import load_model, load_tokenizer
from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.nn.packed_attention import packed_inputs
from mft_core.records import Record, Turn
from mft_core.testing.random_models import logits_alone, relative_difference, take_gradients
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.tuning.original_layout import write_original
from mft_glm.adapter import Glm
from mft_tokenization.tokenizations import Auto

FIXTURE = CHECKPOINTS / "glm10b"
CONTROLS = ("<|endoftext|>", "<|startofpiece|>", "<|endofpiece|>", "[CLS]", "[MASK]", "[sMASK]", "[gMASK]")
WIDTH, HEADS, LAYERS, CONTEXT = 64, 4, 2, 256
TURNS = (Turn("user", "What is [gMASK]?"), Turn("assistant", "a blank"))


def write_glm(folder: Path, **changes: Any) -> Path:
    """A checkpoint in the published format, in float64, with GPT-2's kind of tokenizer and code that must not run."""
    folder.mkdir(parents=True, exist_ok=True)
    small_tokenizer().save_pretrained(folder / "byte")
    backend = json.loads((folder / "byte" / "tokenizer.json").read_text(encoding="utf-8"))
    for file in (folder / "byte").iterdir():
        file.unlink()
    (folder / "byte").rmdir()
    words = {name: number for name, number in backend["model"]["vocab"].items() if not name.startswith("<|")}
    words = {name: number for number, name in enumerate(sorted(words, key=words.get))}
    merges = [" ".join(merge) for merge in backend["model"]["merges"]]
    (folder / "vocab.json").write_text(json.dumps(words), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    added = {name: len(words) + number for number, name in enumerate(CONTROLS)}
    (folder / "added_tokens.json").write_text(json.dumps(added), encoding="utf-8")
    own_class = {"tokenizer_class": "GLMGPT2Tokenizer", "auto_map": {"AutoTokenizer": ["code.GLMGPT2Tokenizer", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(own_class), encoding="utf-8")
    (folder / "code.py").write_text("raise SystemExit('remote code was run')", encoding="utf-8")
    config = {
        "architectures": ["GLMForConditionalGeneration"],
        "model_type": "glm",
        "vocab_size": len(words) + len(CONTROLS),
        "hidden_size": WIDTH,
        "num_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_sequence_length": CONTEXT,
        "block_position_encoding": True,
        "relative_encoding": False,
        "output_predict": True,
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(original_weights(config["vocab_size"]), folder / "model.safetensors", {"format": "pt"})
    return folder


def original_weights(rows: int) -> dict[str, torch.Tensor]:
    shapes = {"word_embeddings.weight": (rows, WIDTH)}
    shapes |= {f"transformer.{kind}position_embeddings.weight": (CONTEXT + 1, WIDTH) for kind in ("", "block_")}
    shapes |= {f"transformer.final_layernorm.{kind}": (WIDTH,) for kind in ("weight", "bias")}
    sizes = {"attention.query_key_value": (3, 1), "attention.dense": (1, 1)}
    sizes |= {"mlp.dense_h_to_4h": (4, 1), "mlp.dense_4h_to_h": (1, 4)}
    for layer in range(LAYERS):
        block = f"transformer.layers.{layer}"
        for name, (out, into) in sizes.items():
            shapes |= {f"{block}.{name}.weight": (out * WIDTH, into * WIDTH), f"{block}.{name}.bias": (out * WIDTH,)}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes |= {f"{block}.{norm}.{kind}": (WIDTH,) for kind in ("weight", "bias")}
    generator = torch.Generator().manual_seed(0)
    return {
        f"glm.{name}": torch.randn(shape, generator=generator, dtype=torch.float64) * 0.2 + (len(shape) == 1)
        for name, shape in shapes.items()
    }


def reference(weights: dict[str, torch.Tensor], ids: list[int], position: list[int], block: list[int], n: int) -> Any:
    """[S, vocabulary]: the original computation of one text, whose first `n` tokens see each other both ways."""
    weights = {name.removeprefix("glm."): tensor for name, tensor in weights.items()}

    def apply(name: str, states: torch.Tensor) -> torch.Tensor:
        return linear(states, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, states: torch.Tensor) -> torch.Tensor:
        return layer_norm(states, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    words = weights["word_embeddings.weight"]
    first, second = (weights[f"transformer.{kind}position_embeddings.weight"] for kind in ("", "block_"))
    states = words[ids] + first[position] + second[block]
    sees = torch.ones(len(ids), len(ids)).tril().bool()
    sees[:, :n] = True
    for layer in range(LAYERS):
        name = f"transformer.layers.{layer}"
        fused = apply(f"{name}.attention.query_key_value", norm(f"{name}.input_layernorm", states))
        query, key, value = (part.view(len(ids), HEADS, -1).transpose(0, 1) for part in fused.chunk(3, -1))
        scores = (query @ key.mT / query.shape[-1] ** 0.5).masked_fill(~sees, float("-inf"))
        mixed = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        states = states + apply(f"{name}.attention.dense", mixed)
        inner = gelu(apply(f"{name}.mlp.dense_h_to_4h", norm(f"{name}.post_attention_layernorm", states)))
        states = states + apply(f"{name}.mlp.dense_4h_to_h", inner)
    return norm("transformer.final_layernorm", states) @ words.T


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glm(tmp_path_factory.mktemp("glm"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load_model(folder, dtype="float64")


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[torch.Tensor]:
    """Ids of a text with prompt and answer, of one without, and of one whose mask stands in the middle."""
    tokenizer = load_tokenizer(folder)
    subject = Auto()
    subject.bind(tokenizer)
    asked = subject.encode(Record(turns=TURNS)).ids
    plain = subject.encode(Record(text="import os\n")).ids
    mask, start = (tokenizer.convert_tokens_to_ids(name) for name in ("[MASK]", "<|startofpiece|>"))
    middle = [5, 6, mask, 7, 8, 9, start, 10, 11, start, 12]
    return [torch.as_tensor(ids) for ids in (asked, plain, middle)]


@torch.no_grad()
def test_logits_are_the_original_computation(folder: Path, model: Any, texts: list[torch.Tensor]) -> None:
    weights, (asked, plain, middle) = load_file(folder / "model.safetensors"), texts
    places = list(range(len(plain)))
    assert (
        relative_difference(logits_alone(model, plain), reference(weights, plain.tolist(), places, [0] * len(plain), 0))
        < 1e-12
    )
    start = asked.tolist().index(model.config.start_token_id)
    mask = start - 2  # [gMASK], then the end of the text, as the original's tokenizer puts it, then the start token
    answer = len(asked) - start
    layout = [*range(start), *[mask] * answer], [0] * start + list(range(1, answer + 1))
    assert relative_difference(logits_alone(model, asked), reference(weights, asked.tolist(), *layout, start)) < 1e-12
    layout = [0, 1, 2, 3, 4, 5, 2, 2, 2, 2, 2], [0] * 6 + [1, 2, 3, 4, 5]
    assert relative_difference(logits_alone(model, middle), reference(weights, middle.tolist(), *layout, 6)) < 1e-12
    positions = torch.tensor(layout)[None]
    sees = torch.ones(len(middle), len(middle)).tril().bool()
    sees[:, :6] = True
    for given in (torch.tensor([6]), torch.tensor([[6]]), torch.tensor(6), sees[None, None], sees[None, None].long()):
        told = model(input_ids=middle[None], position_ids=positions, attention_mask=given).logits[0]
        assert relative_difference(told, logits_alone(model, middle)) < 1e-12


def pack(texts: list[torch.Tensor], padding: int = 3) -> tuple[torch.Tensor, torch.Tensor, list[tuple[int, int, int]]]:
    """ids, positions and documents of one row, and of one that holds them in another order, both with a tail."""
    ids, positions, documents = [], [], []
    for row, order in enumerate((texts, texts[::-1])):
        tail = torch.zeros(padding, dtype=torch.int64)
        ids.append(torch.cat([*order, tail]))
        positions.append(torch.cat([*(torch.arange(len(text)) for text in order), tail]))
        end = 0
        for text in order:
            documents.append((row, end, end + len(text)))
            end += len(text)
    return torch.stack(ids), torch.stack(positions), documents


def test_packed_texts_are_as_if_alone(model: Any, texts: list[torch.Tensor]) -> None:
    ids, positions, documents = pack(texts)
    packed = model(input_ids=ids, position_ids=positions, **packed_inputs(documents)).logits
    weight = torch.randn(packed.shape[-1], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.stack([(packed[row, a:b] @ weight).square().sum() for row, a, b in documents]).sum().backward()
    together = take_gradients(model)
    for row, start, end in documents:
        alone = logits_alone(model, ids[row, start:end])
        assert relative_difference(packed[row, start:end], alone) < 1e-12
        (alone @ weight).square().sum().backward()
    apart = take_gradients(model)
    scale = max(gradient.abs().max() for gradient in apart.values())
    assert together.keys() == apart.keys()
    assert all((together[name] - apart[name]).abs().max() < 1e-12 * scale for name in apart)


@torch.no_grad()
def test_a_prompt_is_read_both_ways_and_an_answer_is_not(model: Any, texts: list[torch.Tensor]) -> None:
    asked = texts[0]
    start = asked.tolist().index(model.config.start_token_id)
    before = logits_alone(model, asked)
    for place, reaches in ((start - 3, 0), (start + 1, start + 1)):
        changed = asked.clone()
        changed[place] = 42
        difference = (logits_alone(model, changed) - before).abs().amax(-1)
        assert difference[reaches] > 1e-3
        assert difference[:reaches].sum() == 0


@torch.no_grad()
def test_padding_changes_nothing(model: Any, texts: list[torch.Tensor]) -> None:
    longest = max(map(len, texts)) + 2
    for side in ("right", "left"):
        ids, mask = (torch.zeros(len(texts), longest, dtype=torch.int64) for _ in range(2))
        places = [slice(0, len(text)) if side == "right" else slice(longest - len(text), longest) for text in texts]
        for row, (text, place) in enumerate(zip(texts, places, strict=True)):
            ids[row, place], mask[row, place] = text, 1
        padded = model(input_ids=ids, attention_mask=mask).logits
        for row, (text, place) in enumerate(zip(texts, places, strict=True)):
            assert relative_difference(padded[row, place], logits_alone(model, text)) < 1e-12


@torch.no_grad()
def test_generation_with_cache_is_generation_without(model: Any, texts: list[torch.Tensor]) -> None:
    asked = texts[0]
    prompt = asked[: asked.tolist().index(model.config.start_token_id) + 1]
    ids, mask = (torch.zeros(2, len(prompt) + 2, dtype=torch.int64) for _ in range(2))
    ids[0, 2:], mask[0, 2:] = prompt, 1
    ids[1, -5:], mask[1, -5:] = texts[1][:5], 1
    options = {"attention_mask": mask, "max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    cached = model.generate(ids, use_cache=True, **options)
    assert torch.equal(cached, model.generate(ids, use_cache=False, **options))
    for row, text in ((0, prompt), (1, texts[1][:5])):
        for _ in range(8):
            text = torch.cat([text, logits_alone(model, text)[-1:].argmax(-1)])
        assert torch.equal(cached[row, -8:], text[-8:])


@pytest.mark.slow
def test_what_is_saved_computes_the_same_and_the_original_comes_back(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder, dtype="float64")
    ids = torch.tensor([5, 6, model.config.mask_token_ids[0], model.config.start_token_id, 7, 8])
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=torch.float64)
    assert torch.equal(logits_alone(again, ids), logits_alone(model, ids))
    assert load_model(tmp_path / "saved", dtype="float64").config.start_token_id == model.config.start_token_id
    (tmp_path / "out").mkdir()
    assert write_original(model, folder, tmp_path / "out", Glm()).changed == 0
    before, after = (load_file(place / "model.safetensors") for place in (folder, tmp_path / "out"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_prompts_are_laid_out_as_by_the_original(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    subject = Auto()
    subject.bind(tokenizer)
    sample = subject.encode(Record(turns=TURNS))
    tokens = tokenizer.convert_ids_to_tokens(sample.ids)
    controls = ["[CLS]", "[gMASK]", "<|endoftext|>", "<|startofpiece|>", "<|endofpiece|>"]
    assert [token for token in tokens if token in CONTROLS] == controls, "a mask token in a question is text"
    assert tokenizer.decode(sample.ids[sample.supervised]) == "a blank<|endofpiece|>"
    assert subject.prompt(TURNS[:1]) == sample.ids[: tokens.index("<|startofpiece|>") + 1].tolist()


@pytest.mark.parametrize("change", [{"relative_encoding": True}, {"block_position_encoding": False}])
def test_other_variants_are_refused_by_name(change: dict[str, bool], tmp_path: Path) -> None:
    write_glm(tmp_path, **change)
    assert Glm().recognizes(read_config(tmp_path))
    with pytest.raises(MftError, match=rf"{next(iter(change))} = {next(iter(change.values()))}"):
        load_model(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_it_learns(method: str, folder: Path, tmp_path: Path) -> None:
    data, run = write_tasks(tmp_path / "data", {"copy": 24}), tmp_path / "run"
    settings = ("data.max_length=128", "train.batch_size=8", "train.log_every=1", f"tune.method={method}")
    sets = [part for each in (*settings, "train.learning_rate=5e-3", "model.dtype=float32") for part in ("--set", each)]
    command = ["run", "--base", str(folder), "--data", str(data), "--output", str(run), "--steps", "12", *sets]
    assert mft(*command) == 0
    losses = [event["loss"] for event in events(run, "train")]
    assert losses[-1] < 0.9 * losses[0]
    assert mft("generate", str(run), "--prompt", "copy", "--max-new-tokens", "3") == 0


@pytest.mark.skipif(not FIXTURE.is_dir(), reason="../shared is absent")
@torch.no_grad()
def test_logits_are_the_original_codes() -> None:
    model, expected = load_model(FIXTURE), load_file(FIXTURE / "expected.safetensors")
    causal = model(input_ids=expected["ids"]).logits
    assert (causal - expected["causal"]).abs().max() < 1e-4
    prompts = torch.full((len(expected["ids"]),), 10)
    prefix = model(input_ids=expected["ids"], position_ids=expected["pos"], attention_mask=prompts).logits
    assert (prefix - expected["prefix"]).abs().max() < 1e-4
    assert 1 < expected["prefix"].std() < 10
