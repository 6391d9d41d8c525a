"""What several tools have in common: they are built on transformers' TrainingArguments and PEFT's LoraConfig."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from mft_core.importing.importer import Carry, Conversion
from mft_importers.optimizers import optimizer, rate_of_b
from mft_importers.sharding import shards

GRADIENTS, PER_DEVICE = "gradient_accumulation_steps", "per_device_train_batch_size"
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant", "constant_with_warmup": "constant"}
MEGATRON = ("linear_qkv", "linear_proj", "linear_fc1", "linear_fc2", "all-router", "all-embedding")
"""Its names of layers, of which one stands for several here."""
NO_NEED = "there is no need for it here"
NO_CODE = "no code of a checkpoint is ever run; older families are built in"
KERNELS = "attention and losses take the fastest way that is exact on the device"
FOUR_BITS = "weights are quantised to four bits, by qlora, or not at all"
METHODS = "it is lora now: `mft list tuner` shows what there is"
OWN_TEMPLATE = "the tokenizer's own chat template is used; data.tokenization names others"
VALIDATION_FILES = "validation files belong to tasks: [[data.tasks]] valid"
ANSWERS_ALONE = "answers alone are learned"
NO_OTHER_MODULES = "tune.modules_to_save trains modules whole beside LoRA, in float32 alone; name them there"
NO_OTHER_ADAPTER = "mft run --continue trains an adapter further (model.adapter_path)"
NOTHING_UPLOADED = "nothing is uploaded; mft export writes what can be"
OUT_OF_SCOPE = "preferences, rewards and classes are out of mft's scope."
PICTURES = "pictures and sound are out of mft's scope; texts alone are learned"
SPLIT_OF_PROCESSES = "train.sharding spreads weights over processes; each has whole samples"


def training(
    conversion: Conversion,
    batch_default: int,
    rate: float,
    schedule: str = "linear",
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float | None = None,
) -> None:
    """The keys of TrainingArguments.

    Args:
        batch_default: `per_device_train_batch_size` where it is not given.
        rate: `learning_rate` where it is not given.
        schedule: `lr_scheduler_type` where it is not given.
        betas: `adam_beta1` and `adam_beta2` where they are not given.
        weight_decay: where it is not given, if it is not 0.
    """
    batches(conversion, PER_DEVICE, GRADIENTS, batch_default)
    conversion.carry(
        [
            Carry("learning_rate", "train.learning_rate", float, rate),
            Carry("num_train_epochs", "train.epochs", float, 3.0),
            Carry("weight_decay", "train.weight_decay", float, weight_decay),
            Carry("max_grad_norm", "train.clip", float),
            Carry("seed", "train.seed", int, 42),
            Carry("neftune_noise_alpha", "tune.noise", float),
            Carry("logging_steps", "train.log_every", _steps),
            Carry("save_total_limit", "output.keep", lambda value: max(1, int(value))),
            Carry("gradient_checkpointing", "train.gradient_checkpointing", bool),
            Carry("output_dir", "output.dir", conversion.path),
        ]
    )
    _course(conversion, schedule, betas)
    precision(conversion)
    shards(conversion)
    conversion.leave_all(
        {
            "per_device_eval_batch_size": "validation takes train.micro_batch_size",
            "do_train": NO_NEED,
            "do_eval": NO_NEED,
            "trust_remote_code": NO_CODE,
            "ddp_timeout": NO_NEED,
            "ddp_find_unused_parameters": NO_NEED,
            "ddp_backend": NO_NEED,
            "group_by_length": "the samples of a step are sorted by length before they are dealt out",
            "dataloader_num_workers": NO_NEED,
            "overwrite_output_dir": "mft never overwrites: remove the folder, or name another",
            "resume_from_checkpoint": "mft run --resume goes on with a run of its own",
            "save_strategy": "train.save_every says it",
            "eval_strategy": "train.eval_every says it",
            "evaluation_strategy": "train.eval_every says it",
            "logging_strategy": "train.log_every says it",
            "load_best_model_at_end": "the best model is always kept, and is the result under train.stop",
            "metric_for_best_model": "it is the mean of the tasks' validation losses",
            "tf32": NO_NEED,
            "use_liger_kernel": KERNELS,
            "attn_implementation": KERNELS,
        }
    )


def _course(conversion: Conversion, schedule: str, betas: tuple[float, float]) -> None:
    """How many steps, by what, at which rates, and how they are followed."""
    steps(conversion, "max_steps")
    warm_up(conversion, "warmup_ratio", "warmup_steps")
    scheduler(conversion, "lr_scheduler_type", schedule)
    optimizer(conversion, "optim", betas)
    rate_of_b(conversion, "loraplus_lr_ratio")
    evaluations(conversion)
    trackers(conversion)


def batches(conversion: Conversion, per_device: str, accumulation: str, default: int) -> None:
    """Rows per forward and per step; theirs count per process, ours over all of them."""
    micro = int(conversion.take(per_device, default))
    times = int(as_number(conversion.take(accumulation, 1), 1))
    conversion.set("train.micro_batch_size", micro)
    conversion.set("train.batch_size", micro * times)
    conversion.remark(
        f"train.batch_size is {micro} x {times} for one process; times the number of processes it was meant for."
    )


def steps(conversion: Conversion, key: str) -> None:
    """A number of steps; -1 and 0 say nothing."""
    wanted = int(conversion.take(key, -1))
    if wanted > 0:
        conversion.set("train.steps", wanted)


def warm_up(conversion: Conversion, share: str, number: str) -> None:
    """A share of the steps; a number of steps is one where it is known how many there are."""
    ratio, count = float(conversion.take(share, 0.0)), float(as_number(conversion.take(number, 0), 0.0))
    total = conversion.values.get("train", {}).get("steps", 0)
    if 0 < count < 1:
        ratio = count
    elif count >= 1 and total:
        ratio = round(min(count / total, 0.99), 4)
    elif count >= 1:
        conversion.leave(number, "ours is a share of all steps: divide by their number, and set train.warmup")
        return
    conversion.set("train.warmup", ratio)


def scheduler(conversion: Conversion, key: str, default: str) -> None:
    """The course of the learning rate; it ends at 0 unless something else is said."""
    name = str(conversion.take(key, default))
    if name in SCHEDULES:
        conversion.set("train.schedule", SCHEDULES[name])
        conversion.set("train.min_learning_rate", 0.0)
    else:
        conversion.leave(key, f"the schedules are {', '.join(sorted(set(SCHEDULES.values())))}; it is cosine now")


def validation(conversion: Conversion, key: str) -> None:
    """The share of the samples that validates; a number of them has no equivalent."""
    size = float(conversion.take(key, 0.0))
    if 0 < size < 1:
        conversion.set("data.valid_fraction", size)
    elif size:
        conversion.leave(key, "data.valid_fraction is a share of each task")
    else:
        conversion.remark("Each task gives up 5% for validation (data.valid_fraction): balance is judged by it.")


def evaluations(conversion: Conversion) -> None:
    """Steps between evaluations and between checkpoints."""
    for key, to in (("eval_steps", "train.eval_every"), ("save_steps", "train.save_every")):
        value = as_number(conversion.take(key), None)
        if value is None:
            continue
        if value >= 1 or value == 0:
            conversion.set(to, int(value))
        else:
            conversion.leave(key, f"it is a share of the steps there; {to} counts steps")


def trackers(conversion: Conversion) -> None:
    """Those of the trackers that there are here."""
    names = conversion.take("report_to", [])
    known = [name for name in listed(names) if name in ("tensorboard", "wandb")]
    track(conversion, "report_to", known)
    others = [name for name in listed(names) if name not in (*known, "none")]
    if others:
        conversion.leave("report_to", "the trackers are tensorboard and wandb")


def track(conversion: Conversion, key: str, names: Sequence[str]) -> None:
    """Write for these trackers as well, of which those that are not installed would end the run."""
    absent = [name for name in names if find_spec(name) is None]
    if installed := [name for name in names if name not in absent]:
        conversion.set("output.trackers", installed)
    for name in absent:
        conversion.leave(key, f"{name} is not installed: pip install 'mft[{name}]', and name it in output.trackers")


def precision(conversion: Conversion) -> None:
    """The dtype that is computed in."""
    if conversion.take("bf16") in (True, "true"):
        conversion.set("model.dtype", "bfloat16")
    if conversion.take("fp16") in (True, "true"):
        conversion.set("model.dtype", "float16")
    for key in ("torch_dtype", "dtype", "model_dtype"):
        named = str(conversion.take(key, "")).removeprefix("torch.")
        if named in ("float32", "bfloat16", "float16"):
            conversion.set("model.dtype", named)


def lora(conversion: Conversion, names: Mapping[str, str], rank: int, alpha: float, dropout: float) -> None:
    """LoRA's settings.

    Args:
        names: what they are called: "rank", "alpha", "dropout", "targets".
        rank: where it is not given, and so on.
    """
    conversion.carry(
        [
            Carry(names["rank"], "tune.rank", int, rank),
            Carry(names["alpha"], "tune.alpha", float, alpha),
            Carry(names["dropout"], "tune.dropout", float, dropout),
            Carry("use_rslora", "tune.rslora", bool),
            Carry("use_dora", "tune.dora", bool),
        ]
    )
    targets = conversion.take(names["targets"])
    if targets is not None:
        modules = listed(targets)
        every = [name for name in modules if name.lower().replace("_", "-") in ("all", "all-linear", "linear")]
        unusual = [name for name in modules if name in MEGATRON or re.search(r"[^\w.-]", name)]
        conversion.set("tune.targets", "all-linear" if every or unusual else modules)
        if unusual or (modules[1:] and every):
            conversion.leave(names["targets"], "names of linear layers, or all-linear, which it is now")


def listed(value: Any) -> list[str]:
    """A list, whether it was given as one, or as a text with commas."""
    parts = value if isinstance(value, list) else re.split(r"[,\s]+", str(value).strip("[]"))
    return [str(part).strip().strip("'\"") for part in parts if str(part).strip()]


def as_number(value: Any, default: Any) -> Any:
    """The number that it is, or is a text of; the default for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def _steps(value: Any) -> int:
    """A number of steps, of which less than one is every one."""
    return max(1, int(as_number(value, 10)))
