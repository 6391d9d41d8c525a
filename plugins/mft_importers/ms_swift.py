"""ms-swift: the arguments of `swift sft`, in a script or a YAML file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import hub_address, shares, task, task_field, watched
from mft_importers.optimizers import rate_of_b
from mft_importers.shared import (
    FOUR_BITS,
    KERNELS,
    NO_NEED,
    OUT_OF_SCOPE,
    OWN_TEMPLATE,
    PICTURES,
    SPLIT_OF_PROCESSES,
    listed,
    lora,
    training,
    validation,
    warm_up,
)

CHANNEL = "channel"
TRUNCATION = {"delete": "drop", "left": "truncate", "right": "truncate", "split": "split"}


COLUMNS = {"query": "prompt", "response": "response", "system": "system", "messages": "messages", "tools": "tools"}
LEFT_OUT = {
    **dict.fromkeys(
        ("load_from_cache_file", "finetune", "dataloader_drop_last", "gradient_checkpointing_kwargs"), NO_NEED
    ),
    **dict.fromkeys(("save_only_model", "no_save_optim", "no_save_rng"), "checkpoints hold all that --resume needs"),
    **dict.fromkeys(("padding_free", "sequence_parallel", "attention_backend"), KERNELS),
    **dict.fromkeys(("model_kwargs", "max_pixels", "fps", "vit_lr", "aligner_lr"), PICTURES),
    "save_safetensors": "weights are written as safetensors",
    "merge_lora": "mft export merges",
    "cached_dataset": "mft prepare tokenises ahead",
    "new_special_tokens": "tokens are not added",
    "agent_template": "tools and calls are laid out by the chat template",
    "use_chat_template": OWN_TEMPLATE,
    "default_system": "a system text belongs into the records, or into a column",
}
BEGINNINGS = {
    "recompute_": "train.gradient_checkpointing is on where memory asks for it",
    "tensor_model_parallel": SPLIT_OF_PROCESSES,
    "pipeline_model_parallel": SPLIT_OF_PROCESSES,
    "expert_model_parallel": SPLIT_OF_PROCESSES,
    "context_parallel": SPLIT_OF_PROCESSES,
    "moe_": NO_NEED,
    "freeze_": PICTURES,
    "vit_": PICTURES,
    "cross_entropy_": KERNELS,
    "gradient_accumulation_fusion": KERNELS,
    "masked_softmax_fusion": KERNELS,
}


class MsSwift(Importer):
    """ms-swift's arguments of a supervised training run."""

    tool: ClassVar = "ms-swift"
    marks: ClassVar = frozenset(
        {"train_type", "tuner_type", "sft_type", "model", "target_modules", "split_dataset_ratio",
         "truncation_strategy", "val_dataset", "loss_scale", "use_hf", "model_author",
         "global_batch_size", "recompute_granularity", "no_save_optim"}
    )  # fmt: skip

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        if conversion.take("rlhf_type"):
            raise UsageError(f"rlhf_type: {OUT_OF_SCOPE}", "Take `swift sft`'s arguments.")
        conversion.carry(
            [
                Carry("model", "model.base", conversion.path),
                Carry("max_length", "data.max_length", int, 2048),
                Carry("truncation_strategy", "data.overlong", lambda value: TRUNCATION.get(str(value), "drop")),
                Carry("system", "data.system", str),
            ]
        )
        validation(conversion, "split_dataset_ratio")
        _refuse_others(conversion)
        if conversion.take("truncation_strategy") == "left":
            conversion.remark("truncation_strategy: left cut the beginning of a sample; data.overlong cuts its end.")
        _tuning(conversion)
        training(
            conversion,
            batch_default=1,
            rate=1e-4 if conversion.values["tune"]["method"] != "full" else 1e-5,
            schedule="cosine",
            betas=(0.9, 0.95),
            weight_decay=0.1,
        )
        rate_of_b(conversion, "lorap_lr_ratio")
        _megatron(conversion)
        packed = bool(conversion.take("packing", False))
        conversion.set("data.packer", "best-fit" if packed else "dynamic")
        for named in listed(conversion.take("dataset", [])):
            _data_set(conversion, named)
        _columns(conversion)
        shares(conversion, "interleave_prob")
        for named in listed(conversion.take("val_dataset", [])):
            watched(_data_set(conversion, named))
        _channels(conversion)
        conversion.leave_all(
            {
                "use_hf": "the Hub is where names are looked up; modelscope:NAME asks ModelScope for a base",
                "template": OWN_TEMPLATE,
                "loss_scale": "every token of an answer counts the same; records and turns may have a weight",
                "streaming": "files are read bit by bit anyway",
                "model_author": "self-cognition placeholders are not filled in",
                "model_name": "self-cognition placeholders are not filled in",
                "dataset_num_proc": NO_NEED,
                "attn_impl": NO_NEED,
                **LEFT_OUT,
            }
        )
        conversion.leave_beginning(BEGINNINGS)


def _refuse_others(conversion: Conversion) -> None:
    kind = str(conversion.take("task_type", "causal_lm"))
    if kind != "causal_lm":
        raise UsageError(f"task_type: {kind} is no language modelling.", OUT_OF_SCOPE.capitalize())
    for key in ("reward_funcs", "num_generations", "sampler_engine", "sampler_type", "num_labels"):
        if conversion.take(key) is not None:
            raise UsageError(f"{key}: {OUT_OF_SCOPE}", "Take `swift sft`'s arguments.")


def _megatron(conversion: Conversion) -> None:
    """What `megatron sft` calls otherwise; its batch counts over all processes, as ours does."""
    if not _is_megatron(conversion):
        return
    conversion.set("train.batch_size", int(conversion.take("global_batch_size", 16)))
    conversion.set("train.micro_batch_size", int(conversion.take("micro_batch_size", 1)))
    conversion.remarks = [remark for remark in conversion.remarks if not remark.startswith("train.batch_size is")]
    conversion.carry(
        [
            Carry("lr", "train.learning_rate", float),
            Carry("min_lr", "train.min_learning_rate", float),
            Carry("max_epochs", "train.epochs", float),
            Carry("train_iters", "train.steps", int),
            Carry("clip_grad", "train.clip", float),
            Carry("save_interval", "train.save_every", int),
            Carry("eval_interval", "train.eval_every", int),
            Carry("log_interval", "train.log_every", int),
        ]
    )
    warm_up(conversion, "lr_warmup_fraction", "lr_warmup_iters")


def _is_megatron(conversion: Conversion) -> bool:
    """Whether it is of `megatron sft`, by keys that have other names in `swift sft`."""
    return any(
        conversion.take(key) is not None for key in ("global_batch_size", "micro_batch_size", "lr", "train_iters")
    )


def _columns(conversion: Conversion) -> None:
    """Their columns, by the names that they are given, which are ms-swift's."""
    given = conversion.take("columns", {})
    named = json.loads(given) if isinstance(given, str) else given
    columns = {COLUMNS[usual]: str(column) for column, usual in named.items() if usual in COLUMNS}
    if columns:
        conversion.set("data.columns", columns)
    for column in named.keys() - columns.values():
        conversion.remark(f"columns: {column} = {named[column]!r} is not carried over.")


def _tuning(conversion: Conversion) -> None:
    given = [conversion.take(key) for key in ("train_type", "tuner_type", "sft_type")]
    usual = "full" if _is_megatron(conversion) else "lora"
    method = next((str(one) for one in given if one is not None), usual)
    bits = conversion.take("quant_bits", conversion.take("quantization_bit"))
    if method not in ("lora", "full"):
        conversion.remark(f"{method} is no method here: it is lora now.")
        method = "lora"
    if bits is not None and int(bits) not in (0, 4):
        conversion.leave("quant_bits", FOUR_BITS)
        bits = None
    conversion.set("tune.method", "qlora" if bits and method == "lora" else method)
    if method == "lora":
        names = {"rank": "lora_rank", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules"}
        lora(conversion, names, rank=8, alpha=32.0, dropout=0.05)
        if str(conversion.take("init_weights", "true")).startswith("pissa"):
            conversion.set("tune.init", "pissa")
        elif conversion.take("init_weights") not in (None, True, "gaussian"):
            conversion.leave("init_weights", "LoRA begins at nothing, or as pissa")
    conversion.leave_all({"quant_method": "four bits are bitsandbytes' (qlora)", "tuner_backend": NO_NEED})


def _channels(conversion: Conversion) -> None:
    """Losses by a field of the records: each of its values is a task here."""
    wanted, named = conversion.take("enable_channel_loss"), conversion.take("channels")
    by_plugin = str(conversion.take("loss_type", "")) == "channel_loss"
    if str(wanted).lower() == "true" or by_plugin:
        task_field(conversion, CHANNEL)
        if named is not None:
            conversion.remark(f"channels: every value of {CHANNEL!r} is a task; data.include chooses among them.")
    elif named is not None:
        conversion.leave("channels", "without a loss by channel they say nothing there either")
    if not by_plugin:
        conversion.leave("loss_type", "`mft list loss` has the objectives")


def _data_set(conversion: Conversion, named: str) -> dict[str, Any]:
    """`PATH#COUNT`, or `ORG/NAME:SUBSET#COUNT` on a hub."""
    place, _, count = named.partition("#")
    found = conversion.path(place)
    others: dict[str, Any] = {"max_samples": int(count)} if count.isdigit() else {}
    if not Path(found).exists():
        name, _, subset = place.removeprefix("HF::").removeprefix("MS::").partition(":")
        return task(conversion, name.rpartition("/")[2], hub_address(name, subset), **others)
    return task(conversion, Path(found).stem, found, **others)
