"""LLaMA-Factory's second form (`examples/v1`): its YAML, and the YAML that says what its data sets are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import hub_address, task
from mft_importers.sharding import shards
from mft_importers.shared import (
    FOUR_BITS,
    KERNELS,
    METHODS,
    NO_CODE,
    NO_NEED,
    OUT_OF_SCOPE,
    SPLIT_OF_PROCESSES,
    evaluations,
    listed,
    steps,
)


class LlamaFactoryV1(Importer):
    """LLaMA-Factory's configuration of supervised fine-tuning, in its second form."""

    tool: ClassVar = "LLaMA-Factory v1"
    marks: ClassVar = frozenset(
        {"model_class", "train_dataset", "peft_config", "dist_config", "kernel_config", "quant_config", "cutoff_len"}
    )

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        if (kind := str(conversion.take("model_class", "llm"))) != "llm":
            raise UsageError(f"model_class: {kind}: {OUT_OF_SCOPE}", "Take a configuration of a language model.")
        conversion.carry(
            [
                Carry("model", "model.base", conversion.path),
                Carry("cutoff_len", "data.max_length", int, 2048),
                Carry("learning_rate", "train.learning_rate", float, 1e-4),
                Carry("num_train_epochs", "train.epochs", float, 3.0),
                Carry("max_grad_norm", "train.clip", float, 1.0),
                Carry("seed", "train.seed", int, 42),
                Carry("enable_activation_checkpointing", "train.gradient_checkpointing", bool),
                Carry("save_total_limit", "output.keep", int),
                Carry("output_dir", "output.dir", conversion.path),
            ]
        )
        steps(conversion, "max_steps")
        evaluations(conversion)
        if conversion.take("bf16", True):
            conversion.set("model.dtype", "bfloat16")
        _batches(conversion)
        _tuning(conversion)
        shards(conversion, ("dist_config",))
        for named in listed(conversion.take("train_dataset", [])):
            _data_sets(conversion, named)
        conversion.leave_all(
            {
                "trust_remote_code": NO_CODE,
                "flash_attn": KERNELS,
                "kernel_config": KERNELS,
                "init_config": NO_NEED,
                "batching_workers": NO_NEED,
                "sample_backend": "mft generate and mft chat have their own settings",
                "max_new_tokens": "mft generate and mft chat have their own settings",
                "cp_size": SPLIT_OF_PROCESSES,
                "cp_mode": SPLIT_OF_PROCESSES,
            }
        )


def _batches(conversion: Conversion) -> None:
    micro = int(conversion.take("micro_batch_size", 1))
    conversion.set("train.micro_batch_size", micro)
    conversion.set("train.batch_size", int(conversion.take("global_batch_size", micro)))
    packed = str(conversion.take("batching_strategy", "normal")) != "normal"
    conversion.set("data.packer", "best-fit" if packed else "dynamic")
    conversion.set("data.overlong", "truncate")


def _tuning(conversion: Conversion) -> None:
    peft = conversion.take("peft_config", {})
    quantised = conversion.take("quant_config", {})
    bits = int(quantised.get("quantization_bit") or 0)
    if bits not in (0, 4):
        conversion.leave("quant_config", FOUR_BITS)
    if not peft:
        conversion.set("tune.method", "full")
        return
    if peft.get("name") != "lora":
        conversion.leave("peft_config", METHODS)
    conversion.set("tune.method", "qlora" if bits == 4 else "lora")
    rank = int(peft.get("r", 8))
    conversion.set("tune.rank", rank)
    conversion.set("tune.alpha", float(peft.get("lora_alpha", 2 * rank)))
    conversion.set("tune.dropout", float(peft.get("lora_dropout", 0.0)))
    modules = listed(peft.get("target_modules", "all"))
    conversion.set("tune.targets", "all-linear" if modules == ["all"] else modules)


def _data_sets(conversion: Conversion, named: str) -> None:
    """A YAML file of data sets, or one on the Hub."""
    place = Path(conversion.path(named))
    if place.suffix not in (".yaml", ".yml"):
        task(conversion, place.stem, str(place) if place.exists() else hub_address(named))
        return
    try:
        described = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        conversion.remark(f"train_dataset: {named} cannot be read: {' '.join(str(error).split())}")
        return
    for name, one in described.items() if isinstance(described, Mapping) else ():
        _data_set(conversion, str(name), one if isinstance(one, Mapping) else {})


def _data_set(conversion: Conversion, name: str, described: Mapping[str, Any]) -> None:
    path, split = str(described.get("path", name)), str(described.get("split", "train"))
    remote = str(described.get("source", "hf_hub")) != "local"
    others: dict[str, Any] = {"max_samples": int(described["size"])} if described.get("size") else {}
    task(conversion, name, hub_address(path, None, split) if remote else conversion.path(path), **others)
    for key in sorted(described.keys() - {"path", "source", "split", "size", "converter", "streaming"}):
        conversion.remark(f"{name}: {key} = {described[key]!r} is not carried over.")
