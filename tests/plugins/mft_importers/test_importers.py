"""Configurations as people have them become recipes that mean the same; no key is lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft
from mft_core.errors import UsageError
from mft_core.importing.writing import imported_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LLAMA_FACTORY = """
### model
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
trust_remote_code: true
### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
quantization_bit: 4
### dataset
dataset: pairs,asked,web
template: llama3
cutoff_len: 2048
max_samples: 1000
packing: true
### output
output_dir: saves/sft
logging_steps: 10
save_steps: 500
report_to: none
### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
frobnicate: 3
resume_from_checkpoint: null
"""
AXOLOTL = """
base_model: NousResearch/Llama-3.2-1B
load_in_4bit: true
adapter: qlora
lora_r: 32
lora_alpha: 16
lora_dropout: 0.05
lora_target_linear: true
datasets:
  - path: mhenrichsen/alpaca_2k_test
    type: alpaca
  - path: cgato/SlimOrca
    type: chat_template
    field_messages: talk
    message_property_mappings: {role: from, content: value}
val_set_size: 0.1
sequence_len: 2048
sample_packing: true
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 4
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 2e-4
bf16: auto
warmup_steps: 100
saves_per_epoch: 1
wandb_project:
flash_attention: true
"""
MS_SWIFT = """
# 22GB
CUDA_VISIBLE_DEVICES=0 \\
swift sft \\
    --model Qwen/Qwen2.5-7B-Instruct \\
    --train_type lora \\
    --dataset 'AI-ModelScope/alpaca-gpt4-data-zh#500' \\
              'swift/self-cognition' \\
    --torch_dtype bfloat16 \\
    --num_train_epochs 1 \\
    --per_device_train_batch_size 1 \\
    --learning_rate 1e-4 \\
    --lora_rank 8 \\
    --lora_alpha 32 \\
    --target_modules all-linear \\
    --gradient_accumulation_steps 16 \\
    --eval_steps 50 --save_steps 50 --save_total_limit 2 \\
    --max_length 2048 \\
    --warmup_ratio 0.05 \\
    --model_author swift
"""
MFTCODER = {
    "load_raw_dataset": True,
    "data_paths": "[data/a,data/b]",
    "pretrained_model_path": "Qwen/Qwen-7B",
    "model_type": "qwen",
    "data_split": "90,10,0",
    "padding_mode": "padding",
    "use_dynamic_padding": True,
    "weighted_loss_mode": "coba",
    "coba_warmup_steps": 50,
    "coba_tau": 4,
    "peft_type": "qlora",
    "quantization": "4bit",
    "lora_rank": 96,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "per_device_train_batch_size": 8,
    "learning_rate": 5e-5,
    "min_lr": 5e-6,
    "weight_decay": 0.1,
    "gradient_accumulation_steps": 2,
    "lr_scheduler_type": "cosine",
    "num_warmup_steps": 300,
    "num_train_epochs": 4,
    "max_train_steps": 3000,
    "seed": 1234,
    "seq_length": 4096,
    "checkpointing_steps": 100,
    "evaluation_steps": 100,
    "early_stopping": True,
    "early_stopping_stall_num": 5,
    "saving_limit": None,
}
TRL = """
model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: trl-lib/Capybara
use_peft: true
lora_r: 32
lora_target_modules: [q_proj, v_proj]
learning_rate: 2.0e-4
num_train_epochs: 1
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
gradient_checkpointing: true
max_length: 512
packing: true
eval_strategy: steps
eval_steps: 100
"""


def imported(folder: Path, name: str, content: str) -> tuple[dict[str, Any], str]:
    (folder / name).write_text(content, encoding="utf-8")
    text = imported_recipe(folder / name, discover(Workspace()).catalog)
    values = tomllib.loads(text)
    Recipe.model_validate(values)
    return values, text


def test_llama_factory_with_its_data_sets(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    described = {
        "pairs": {"file_name": "pairs.json"},
        "asked": {
            "file_name": "asked.csv",
            "columns": {"prompt": "q", "query": "more", "response": "a", "system": "s"},
        },
        "web": {"hf_hub_url": "org/web", "subset": "en", "split": "train"},
    }
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
    values, text = imported(tmp_path, "llama3.yaml", LLAMA_FACTORY)
    assert values["tune"] == {"method": "qlora", "rank": 8, "alpha": 16.0, "dropout": 0.0, "targets": "all-linear"}
    assert values["model"] == {"base": "meta-llama/Meta-Llama-3-8B-Instruct", "dtype": "bfloat16"}
    pairs, asked, web = values["data"]["tasks"]
    assert pairs == {"name": "pairs", "train": str(tmp_path / "data/pairs.json")}
    assert asked["columns"] == {"prompt": "{q}\n{more}", "response": "a", "system": "s"}
    assert web["train"] == "hf:org/web:en:train"
    train = values["train"]
    assert (train["batch_size"], train["micro_batch_size"], train["learning_rate"]) == (8, 1, 1e-4)
    assert (train["warmup"], train["schedule"], train["min_learning_rate"]) == (0.1, "cosine", 0.0)
    assert (values["data"]["packer"], values["data"]["max_length"]) == ("best-fit", 2048)
    assert 'template: "llama3"' in text
    assert "frobnicate: 3" in text
    assert "Without a value there: resume_from_checkpoint" in text


def test_axolotl(tmp_path: Path) -> None:
    values, text = imported(tmp_path, "config.yml", AXOLOTL)
    assert values["tune"] == {"method": "qlora", "rank": 32, "alpha": 16.0, "dropout": 0.05, "targets": "all-linear"}
    first, second = values["data"]["tasks"]
    assert first == {"name": "alpaca_2k_test", "train": "hf:mhenrichsen/alpaca_2k_test:train"}
    assert second["columns"] == {"messages": "talk"}
    assert (values["data"]["valid_fraction"], values["data"]["packer"]) == (0.1, "best-fit")
    assert [values["train"][key] for key in ("batch_size", "learning_rate")] == [8, 2e-4]
    assert values["train"]["optimizer"]["name"] == "adamw-8bit"
    assert all(f"#   {key}: " in text for key in ("warmup_steps", "saves_per_epoch", "flash_attention"))


def test_ms_swift(tmp_path: Path) -> None:
    values, text = imported(tmp_path, "sft.sh", MS_SWIFT)
    first, second = values["data"]["tasks"]
    assert first == {
        "name": "alpaca-gpt4-data-zh", "train": "hf:AI-ModelScope/alpaca-gpt4-data-zh:train", "max_samples": 500,
    }  # fmt: skip
    assert second["name"] == "self-cognition"
    assert values["model"] == {"base": "Qwen/Qwen2.5-7B-Instruct", "dtype": "bfloat16"}
    assert (values["train"]["batch_size"], values["train"]["eval_every"], values["output"]["keep"]) == (16, 50, 2)
    assert "model_author" in text


def test_mftcoder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
    values, text = imported(tmp_path, "coba.json", json.dumps(MFTCODER))
    assert values["loss"] == {"name": "coba", "warmup": 50, "temperature": 4}
    assert [(task["name"], task["train"]) for task in values["data"]["tasks"]] == [
        ("a", str(tmp_path / "data/a")), ("b", str(tmp_path / "data/b")),
    ]  # fmt: skip
    assert values["tune"]["method"] == "qlora"
    assert (values["data"]["valid_fraction"], values["data"]["packer"]) == (0.1, "dynamic")
    train = values["train"]
    assert (train["steps"], train["warmup"], train["min_learning_rate"], train["patience"]) == (3000, 0.1, 5e-6, 5)
    assert "Without a value there: saving_limit" in text


def test_trl(tmp_path: Path) -> None:
    values, text = imported(tmp_path, "sft.yaml", TRL)
    assert values["tune"]["targets"] == ["q_proj", "v_proj"]
    assert values["data"]["tasks"] == [{"name": "Capybara", "train": "hf:trl-lib/Capybara:train"}]
    assert (values["train"]["eval_every"], values["data"]["max_length"]) == (100, 512)
    assert "eval_strategy" in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", LLAMA_FACTORY), ("b.yml", AXOLOTL), ("c.sh", MS_SWIFT), ("d.json", json.dumps(MFTCODER)),
        ("e.yaml", TRL),
    ],
)  # fmt: skip
def test_no_key_is_lost(tmp_path: Path, name: str, content: str) -> None:
    """A key with another value makes another recipe, or is listed."""
    from mft_core.importing.config_files import read_config

    (tmp_path / name).write_text(content, encoding="utf-8")
    config, catalog = read_config(tmp_path / name), discover(Workspace()).catalog
    whole = imported_recipe(tmp_path / name, catalog)
    seen_together = {"early_stopping", "do_train", "bf16", "load_in_4bit", "use_dynamic_padding"}
    for key in config.keys() - seen_together:
        (tmp_path / "less.json").write_text(json.dumps({one: config[one] for one in config if one != key}))
        less = imported_recipe(tmp_path / "less.json", catalog, _importer(name))
        assert less.partition("\n")[2] != whole.partition("\n")[2] or _is_the_default(key), key


def _importer(name: str) -> str:
    return {"a": "llama-factory", "b": "axolotl", "c": "ms-swift", "d": "mftcoder", "e": "trl"}[name[0]]


def _is_the_default(key: str) -> bool:
    """What these configurations say as it is without them."""
    return key in {
        "stage", "finetuning_type", "lora_rank", "num_train_epochs", "lr_scheduler", "lr_scheduler_type", "train_type",
        "lora_alpha", "max_length", "learning_rate", "cutoff_len", "lora_dropout", "per_device_train_batch_size",
        "padding_mode", "peft_type", "seq_length", "adapter", "report_to", "quantization",
    }  # fmt: skip


def test_preferences_are_refused_and_unknown_files_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stage: dpo is no supervised"):
        imported(tmp_path, "dpo.yaml", LLAMA_FACTORY.replace("stage: sft", "stage: dpo"))
    with pytest.raises(UsageError, match="no configuration of a known tool"):
        imported(tmp_path, "other.yaml", "colour: blue\n")
    with pytest.raises(UsageError, match="cannot be parsed"):
        imported(tmp_path, "broken.json", "{")
    with pytest.raises(UsageError, match=r"gives train\.epochs"):
        imported(tmp_path, "odd.yaml", LLAMA_FACTORY.replace("num_train_epochs: 3.0", "num_train_epochs: -1"))


def test_what_comes_out_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    records = [{"instruction": f"q{number}", "input": "", "output": f"a {number}"} for number in range(40)]
    (tmp_path / "data/pairs.json").write_text(json.dumps(records), encoding="utf-8")
    (tmp_path / "data/dataset_info.json").write_text('{"pairs": {"file_name": "pairs.json"}}', encoding="utf-8")
    config = LLAMA_FACTORY.replace("pairs,asked,web", "pairs").replace("meta-llama/Meta-Llama-3-8B-Instruct", "tiny")
    (tmp_path / "config.yaml").write_text(config.replace("quantization_bit: 4", ""), encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    assert mft("init", "--from", str(tmp_path / "config.yaml"), str(recipe)) == 0
    assert capsys.readouterr().out.endswith(f"; next: mft check {recipe}, then mft run {recipe}\n")
    assert mft("check", str(recipe), "--model", "llama", "--set", "model.dtype=float32", "--json") == 0
    out = capsys.readouterr().out
    checked = json.loads(out[out.index("{") :])
    assert [task["name"] for task in checked["tasks"]] == ["pairs"]
    assert mft("init", "--from", str(tmp_path / "config.yaml"), str(recipe)) == 2
