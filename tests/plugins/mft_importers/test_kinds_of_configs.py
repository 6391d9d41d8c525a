"""Configurations of the kinds that the tools' own examples have: what of them is carried over, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft, write_rows
from mft_core.errors import UsageError
from mft_core.importing.writing import imported_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def imported(folder: Path, name: str, content: str | dict[str, Any]) -> tuple[dict[str, Any], str]:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    text = imported_recipe(path, discover(Workspace()).catalog)
    return tomllib.loads(text), text


AXOLOTL = {"base_model": "org/model", "datasets": [{"path": "org/data", "type": "alpaca"}], "sequence_len": 512}
SWIFT = "swift sft --model org/model --dataset org/data --tuner_type lora"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", {**AXOLOTL, "rl": "dpo"}, "rl: preferences"),
        ("a.json", {**AXOLOTL, "reward_model": True}, "reward_model: preferences"),
        ("a.json", {**AXOLOTL, "processor_type": "AutoProcessor"}, "processor_type: pictures"),
        ("a.json", {**AXOLOTL, "diffusion": {"noise": 1}}, "diffusion: "),
        ("a.sh", f"{SWIFT} --task_type embedding", "task_type: embedding is no language modelling"),
        ("a.sh", f"{SWIFT} --reward_funcs accuracy", "reward_funcs: "),
        ("a.sh", "swift infer --model org/model --val_dataset x", "swift infer` is no supervised"),
        ("a.json", {"data_paths": "[a]", "seq_length": 5, "xxpo": "dpo"}, "xxpo: "),
        ("a.json", {"model": "org/model", "model_class": "cls", "train_dataset": "a"}, "model_class: cls"),
        (
            "a.yaml",
            "model_name_or_path: org/model\ntemplate: qwen\n",
            "configures no training run",
        ),
        ("a.sh", f"{SWIFT} --max_length long", r"max_length = \"long\" cannot be carried over"),
        ("a.json", {**AXOLOTL, "micro_batch_size": [2]}, r"micro_batch_size = \[2\] cannot be carried over"),
    ],
)
def test_what_is_no_supervised_fine_tuning_is_refused(
    tmp_path: Path, name: str, content: str | dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        imported(tmp_path, name, content)


def test_a_part_of_a_split_is_a_number_of_samples_or_is_told(tmp_path: Path) -> None:
    sets = [{"path": "org/a", "split": "train[:500]"}, {"path": "org/b", "split": "train[:5%]"}, {"path": "org/c"}]
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, "datasets": sets})
    assert values["data"]["tasks"] == [
        {"name": "a", "train": "hf:org/a:train", "max_samples": 500},
        {"name": "b", "train": "hf:org/b:train"},
        {"name": "c", "train": "hf:org/c:train"},
    ]
    assert "# b: [:5%] of the split was used" in text


def test_columns_of_axolotls_forms_and_names_of_turns_that_are_not_read(tmp_path: Path) -> None:
    sets = [
        {"path": "org/a", "type": "metharme"},
        {"path": "org/b", "type": "context_qa.load_v2"},
        {"path": "org/c", "type": "input_output"},
        {"path": "org/d", "type": "chat_template", "message_property_mappings": {"role": "from", "content": "value"}},
        {"path": "org/e", "type": "chat_template", "message_property_mappings": {"role": "who", "content": "what"}},
        {"path": "org/f", "type": "pretrain", "text_column": "code"},
    ]
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, "datasets": sets})
    assert [task.get("columns") for task in values["data"]["tasks"]] == [
        {"prompt": "prompt", "response": "generation"}, {"prompt": "{context}\n{question}", "response": "answer"},
        None, None, None, {"text": "code"},
    ]  # fmt: skip
    assert "# e: message_property_mappings = {'role': 'who', 'content': 'what'} is not carried over." in text
    assert "# d: " not in text
    assert "is unknown here" not in text


def test_bits_without_an_adapter_are_told_and_four_bits_are_spread(tmp_path: Path) -> None:
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, "load_in_4bit": True, "load_in_8bit": True})
    assert values["tune"]["method"] == "full"
    assert "#   load_in_4bit: true" in text
    assert "#   load_in_8bit: true" in text
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, "adapter": "qlora", "fsdp": ["full_shard"]})
    assert values["train"]["sharding"] == "full"
    assert "#   fsdp: " not in text


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, None),
        ({"fsdp": ["full_shard", "auto_wrap"], "fsdp_config": {"fsdp_offload_params": False}}, "full"),
        ({"deepspeed": "zero3.json"}, "full"),
        ({"deepspeed": {"zero_optimization": {"stage": 3, "mics_shard_size": -1}}}, "full"),
        ({"dp_replicate_size": 1}, None),
        ({"fsdp": "hybrid_shard auto_wrap"}, "hybrid"),
        ({"fsdp": ["hybrid_shard_zero2", "auto_wrap"]}, "hybrid"),
        ({"fsdp": ["auto_wrap"], "fsdp_config": {"fsdp_sharding_strategy": "HYBRID_SHARD"}}, "hybrid"),
        ({"fsdp": ["auto_wrap"], "fsdp_config": {"sharding_strategy": "_HYBRID_SHARD_ZERO2"}}, "hybrid"),
        ({"fsdp": ["auto_wrap"], "fsdp_config": {"fsdp_sharding_strategy": 4}}, "hybrid"),
        ({"deepspeed": {"zero_optimization": {"stage": 3, "mics_shard_size": 8}}}, "hybrid"),
        ({"dp_replicate_size": 2, "dp_shard_size": 8}, "hybrid"),
    ],
)
def test_weights_are_spread_as_they_were(tmp_path: Path, given: dict[str, Any], kind: str | None) -> None:
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, **given})
    assert values["train"].get("sharding") == kind
    assert (f"train.sharding = {kind} stands for " in text) == (kind is not None)
    assert "is known to be its equivalent" not in text


@pytest.mark.parametrize(
    ("given", "targets", "told"),
    [
        (["q_proj", "v_proj"], ["q_proj", "v_proj"], False),
        ("all-linear", "all-linear", False),
        (["all-linear", "embed_tokens"], "all-linear", True),
        (["linear_qkv", "linear_proj"], "all-linear", True),
        (r"model.layers.[\d]+.(mlp|self_attn).(up|q)_proj", "all-linear", True),
    ],
)
def test_modules_are_names_or_all_linear_layers(tmp_path: Path, given: Any, targets: Any, told: bool) -> None:
    values, text = imported(tmp_path, "a.json", {**AXOLOTL, "adapter": "lora", "lora_target_modules": given})
    assert values["tune"]["targets"] == targets
    assert ("#   lora_target_modules: " in text) == told


def test_megatrons_names_of_the_same_settings(tmp_path: Path) -> None:
    script = (
        "NPROC_PER_NODE=4 megatron sft --model org/model --dataset org/data --micro_batch_size 2 "
        "--global_batch_size 16 "
        "--lr 1e-5 --min_lr 1e-6 --lr_warmup_fraction 0.05 --max_epochs 2 --tuner_type lora --init_weights pissa "
        "--tensor_model_parallel_size 4 --moe_aux_loss_coeff 1e-3 --recompute_granularity full"
    )
    values, text = imported(tmp_path, "a.sh", script)
    train = values["train"]
    assert (train["micro_batch_size"], train["batch_size"], train["epochs"]) == (2, 16, 2.0)
    assert (train["learning_rate"], train["min_learning_rate"], train["warmup"]) == (1e-5, 1e-6, 0.05)
    assert values["tune"]["init"] == "pissa"
    assert "for one process" not in text
    values, _ = imported(
        tmp_path, "a.sh", "megatron pt --model m --dataset d --lr 1e-5 --train_iters 100 --lr_warmup_iters 20"
    )
    assert (values["tune"]["method"], values["train"]["steps"], values["train"]["warmup"]) == ("full", 100, 0.2)
    assert "nothing here is known" not in text


def test_ms_swifts_columns(tmp_path: Path) -> None:
    columns = '{"ask": "query", "reply": "response", "why": "reason"}'
    values, text = imported(tmp_path, "a.sh", f"{SWIFT} --columns '{columns}'")
    assert values["data"]["columns"] == {"prompt": "ask", "response": "reply"}
    assert "# columns: why = 'reason' is not carried over." in text


def test_a_set_with_pictures_is_left_out_of_a_mixture(tmp_path: Path) -> None:
    described = {
        "seen": {"file_name": "seen.json", "columns": {"messages": "messages", "images": "images"}},
        "said": {"file_name": "said.json", "num_samples": 30},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
    config = {"stage": "sft", "model_name_or_path": "org/model", "dataset": "seen,said", "num_train_epochs": 1}
    values, text = imported(tmp_path, "a.json", config)
    assert values["data"]["tasks"] == [
        {"name": "said", "train": str(tmp_path / "data/said.json"), "max_samples": 30}
    ]  # fmt: skip
    assert "# seen is left out: pictures and sound are out of mft's scope" in text


V1 = """
model: tiny
model_class: llm
peft_config: {name: lora, r: 4, lora_alpha: 8, lora_dropout: 0.05, target_modules: all}
kernel_config: {name: auto}
dist_config: {name: fsdp2}
train_dataset: data/sets.yaml
micro_batch_size: 1
global_batch_size: 4
cutoff_len: 128
learning_rate: 1.0e-4
max_steps: 2
"""
SETS = """
said:
  path: data/said.jsonl
  source: local
  size: 20
  weight: 2
far:
  path: org/far
  converter: alpaca
"""


def test_llama_factorys_second_form_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "a"}]} for n in range(9)
    ]
    write_rows(tmp_path / "data/said.jsonl", rows)
    (tmp_path / "data/sets.yaml").write_text(SETS, encoding="utf-8")
    values, text = imported(tmp_path, "v1.yaml", V1)
    said, far = values["data"]["tasks"]
    assert said == {"name": "said", "train": str(tmp_path / "data/said.jsonl"), "max_samples": 20}
    assert far == {"name": "far", "train": "hf:org/far:train"}
    assert "(LLaMA-Factory v1)" in text
    assert values["train"]["sharding"] == "full"
    copied = V1.replace("{name: fsdp2}", "{name: fsdp2, mp_replicate_size: 2, mp_shard_size: 4}")
    assert imported(tmp_path, "copied.yaml", copied)[0]["train"]["sharding"] == "hybrid"
    assert "# said: weight = 2 is not carried over." in text
    assert (values["train"]["batch_size"], values["train"]["steps"], values["tune"]["rank"]) == (4, 2, 4)
    (tmp_path / "data/sets.yaml").write_text(SETS.partition("far:")[0], encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    assert mft("init", "--from", str(tmp_path / "v1.yaml"), str(recipe)) == 0
    small = ("--model", "llama", "--set", "model.dtype=float32", "--output", str(tmp_path / "run"))
    assert mft("run", str(recipe), *small, "--dry-run") == 0, capsys.readouterr().err
