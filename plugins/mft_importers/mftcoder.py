"""MFTCoder: its JSON, of mft_peft_hf and of mftcoder_accelerate."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import task
from mft_importers.shared import (
    FOUR_BITS,
    KERNELS,
    METHODS,
    NO_CODE,
    NO_NEED,
    OUT_OF_SCOPE,
    batches,
    listed,
    lora,
    scheduler,
    track,
    warm_up,
)

LOSSES = {
    "case2": ("mixed", {}),
    "case3": ("balanced", {"by": "tokens"}),
    "case4": ("balanced", {"by": "samples"}),
    "coba": ("coba", {}),
}
"""Their `weighted_loss_mode`, our loss and its options."""


class MftCoder(Importer):
    """MFTCoder's configuration of a multi-task run."""

    tool: ClassVar = "MFTCoder"
    marks: ClassVar = frozenset(
        {"data_paths", "pretrained_model_path", "weighted_loss_mode", "padding_mode", "tokenize_mode", "peft_type",
         "load_raw_dataset", "seq_length"}
    )  # fmt: skip

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        if conversion.take("xxpo"):
            raise UsageError(f"xxpo: {OUT_OF_SCOPE}", "Take a configuration of supervised fine-tuning.")
        conversion.carry(
            [
                Carry("pretrained_model_path", "model.base", conversion.path),
                Carry("model_type", "model.adapter", lambda value: "" if str(value).startswith("$") else str(value)),
                Carry("seq_length", "data.max_length", int, 4096),
                Carry("learning_rate", "train.learning_rate", float),
                Carry("min_lr", "train.min_learning_rate", float),
                Carry("weight_decay", "train.weight_decay", float),
                Carry("num_train_epochs", "train.epochs", float),
                Carry("max_train_steps", "train.steps", int),
                Carry("seed", "train.seed", int),
                Carry("log_interval", "train.log_every", int),
                Carry("checkpointing_steps", "train.save_every", int),
                Carry("evaluation_steps", "train.eval_every", int),
                Carry("evalation_steps", "train.eval_every", int),
                Carry("saving_limit", "output.keep", int),
                Carry("output_dir", "output.dir", conversion.path),
            ]
        )
        batches(conversion, "per_device_train_batch_size", "gradient_accumulation_steps", 8)
        lowest = conversion.values["train"].get("min_learning_rate", 0.0)
        scheduler(conversion, "lr_scheduler_type", "cosine")
        conversion.set("train.min_learning_rate", lowest)
        warm_up(conversion, "warmup_ratio", "num_warmup_steps")
        conversion.set("data.tokenization", "mftcoder")
        _tuning(conversion)
        _loss(conversion)
        _data(conversion)
        _rest(conversion)


def _tuning(conversion: Conversion) -> None:
    method, bits = str(conversion.take("peft_type", "full")), str(conversion.take("quantization", ""))
    if method not in ("lora", "qlora", "full"):
        conversion.leave("peft_type", METHODS)
        method = "lora"
    if bits == "8bit":
        conversion.leave("quantization", FOUR_BITS)
    conversion.set("tune.method", "qlora" if bits == "4bit" and method != "full" else method)
    if method != "full":
        names = {"rank": "lora_rank", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules"}
        lora(conversion, names, rank=96, alpha=32.0, dropout=0.05)


def _loss(conversion: Conversion) -> None:
    mode = str(conversion.take("weighted_loss_mode", "case3"))
    name, options = LOSSES.get(mode, ("balanced", {}))
    if mode not in LOSSES:
        conversion.leave("weighted_loss_mode", "it is balanced now; `mft list loss` has the objectives")
    conversion.set("loss", {"name": name, **options})
    if name == "coba":
        for theirs, ours in (
            ("coba_warmup_steps", "warmup"),
            ("coba_history_length", "window"),
            ("coba_tau", "temperature"),
            ("coba_update_interval", "every"),
        ):
            conversion.carry([Carry(theirs, f"loss.{ours}")])
    conversion.leave_all(
        {
            "coba_sample_valid_num": "batches of the probe there; [loss] probe_samples counts samples",
            "weight_by_num_documents": "[loss] by says what counts equally inside a task",
        }
    )
    if conversion.take("early_stopping"):
        conversion.set("train.stop", "patience")
        conversion.set("train.patience", int(conversion.take("early_stopping_stall_num", 2)))


def _data(conversion: Conversion) -> None:
    for named in listed(conversion.take("data_paths", [])):
        found = conversion.path(named)
        task(conversion, Path(named.rstrip("/")).stem.lstrip("$") or "task", found)
    parts = [float(part) for part in listed(conversion.take("data_split", "95,5,0"))]
    if len(parts) > 1 and 0 < parts[1] < sum(parts):
        conversion.set("data.valid_fraction", round(parts[1] / sum(parts), 6))
    padding, dynamic = conversion.take("padding_mode", "padding"), conversion.take("use_dynamic_padding")
    conversion.set("data.packer", "sequential" if padding == "pack" else "dynamic" if dynamic else "pad")
    conversion.set("data.overlong", "truncate")


def _rest(conversion: Conversion) -> None:
    if conversion.take("tb_dir"):
        track(conversion, "tb_dir", ["tensorboard"])
    conversion.leave_all(
        {
            **dict.fromkeys(("tokenizer_type", "use_slow_tokenizer", "vocab_file", "low_cpu_mem_usage"), NO_NEED),
            **dict.fromkeys(
                ("preprocessing_num_workers", "num_workers", "world_size", "make_vocab_size_divisible_by"), NO_NEED
            ),
            **dict.fromkeys(("use_xformers", "attn_implementation"), KERNELS),
            "trust_remote_code": NO_CODE,
            "load_raw_dataset": "records are read as they are",
            "tokenize_mode": "answers alone are learned (sft)",
            "shuffle_before_split": "the validation split goes by content, whatever the order",
            "use_random_sampler": "samples are shuffled, the tasks in their proportions everywhere",
            "checkpoint_activations": "train.gradient_checkpointing is on where memory asks for it",
            "per_device_eval_batch_size": "validation takes train.micro_batch_size",
            "model_parallel_size": "weights are spread over processes by train.sharding",
            "epoch_checkpointing": "train.save_every counts steps",
            "resume_from_checkpoint": "mft run --resume goes on with a run of its own",
            "early_stopping_stall_num": "without early_stopping it says nothing",
        }
    )
