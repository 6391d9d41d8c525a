"""axolotl: its YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mft_core.data.file_kinds import stem
from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import hub_address, task, task_field, watched
from mft_importers.optimizers import optimizer, rate_of_b
from mft_importers.sharding import shards
from mft_importers.shared import (
    ANSWERS_ALONE,
    FOUR_BITS,
    KERNELS,
    METHODS,
    NO_CODE,
    NO_NEED,
    NO_OTHER_ADAPTER,
    NO_OTHER_MODULES,
    NOTHING_UPLOADED,
    OUT_OF_SCOPE,
    OWN_TEMPLATE,
    SPLIT_OF_PROCESSES,
    batches,
    evaluations,
    lora,
    precision,
    scheduler,
    steps,
    track,
    validation,
    warm_up,
)

FORMS = (
    "alpaca", "alpaca_chat", "alpaca_w_system", "chat_template", "sharegpt", "completion", "pretrain", "oasst",
    "chatml", "input_output", "jeopardy", "gpteacher", "pygmalion", "metharme", "summarizetldr", "creative_acr",
    "context_qa",
)  # fmt: skip
OTHERS = {
    **dict.fromkeys(("rl", "reward_model", "process_reward_model", "num_labels"), OUT_OF_SCOPE),
    "processor_type": "pictures and sound are out of mft's scope.",
    "diffusion": "diffusion of texts is out of mft's scope.",
}
"""Keys of other kinds of training, and what they are."""
TEMPLATES = {"alpaca": "alpaca", "chatml": "chatml"}
CHANNEL = "channel"
BY_TASK = "losses are always shown by task"
WITHOUT_ADAPTER = "without an adapter it says nothing"
PER_EPOCH = "it counts by epochs there; train.eval_every and train.save_every count steps"


class Axolotl(Importer):
    """axolotl's configuration of a supervised training run."""

    tool: ClassVar = "axolotl"
    marks: ClassVar = frozenset(
        {
            "base_model",
            "sequence_len",
            "sample_packing",
            "micro_batch_size",
            "val_set_size",
            "adapter",
            "datasets",
            "num_epochs",
        }
    )

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        for key, what in OTHERS.items():
            if conversion.take(key):
                raise UsageError(f"{key}: {what}", "Take a configuration without it.")
        conversion.carry(
            [
                Carry("base_model", "model.base", conversion.path),
                Carry("sequence_len", "data.max_length", int, 512),
                Carry("num_epochs", "train.epochs", float, 1.0),
                Carry("learning_rate", "train.learning_rate", float),
                Carry("weight_decay", "train.weight_decay", float),
                Carry("max_grad_norm", "train.clip", float),
                Carry("neftune_noise_alpha", "tune.noise", float),
                Carry("seed", "train.seed", int),
                Carry("logging_steps", "train.log_every", int),
                Carry("save_total_limit", "output.keep", int),
                Carry("gradient_checkpointing", "train.gradient_checkpointing", bool),
                Carry("output_dir", "output.dir", conversion.path),
            ]
        )
        _tuning(conversion)
        batches(conversion, "micro_batch_size", "gradient_accumulation_steps", 1)
        steps(conversion, "max_steps")
        warm_up(conversion, "warmup_ratio", "warmup_steps")
        scheduler(conversion, "lr_scheduler", "cosine")
        optimizer(conversion, "optimizer")
        rate_of_b(conversion, "loraplus_lr_ratio")
        evaluations(conversion)
        precision(conversion)
        shards(conversion)
        _data(conversion)
        _rest(conversion)


def _tuning(conversion: Conversion) -> None:
    method = conversion.take("adapter")
    four, eight = conversion.take("load_in_4bit"), conversion.take("load_in_8bit")
    if method not in (None, "lora", "qlora"):
        conversion.leave("adapter", METHODS)
        method = "lora"
    if eight:
        conversion.leave("load_in_8bit", FOUR_BITS)
    if four and method is None:
        conversion.leave("load_in_4bit", WITHOUT_ADAPTER)
    conversion.set("tune.method", "full" if method is None else "qlora" if four or method == "qlora" else "lora")
    if method is not None:
        if conversion.take("lora_target_linear"):
            conversion.set("tune.targets", "all-linear")
        names = {"rank": "lora_r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "lora_target_modules"}
        lora(conversion, names, rank=8, alpha=16.0, dropout=0.0)
        conversion.carry([Carry("peft_use_dora", "tune.dora", bool), Carry("peft_use_rslora", "tune.rslora", bool)])
    conversion.leave_all({"lora_model_dir": NO_OTHER_ADAPTER, "lora_modules_to_save": NO_OTHER_MODULES})


def _data(conversion: Conversion) -> None:
    packed = bool(conversion.take("sample_packing"))
    padded = bool(conversion.take("pad_to_sequence_len"))
    conversion.set("data.packer", "best-fit" if packed else "pad" if padded else "dynamic")
    validation(conversion, "val_set_size")
    template = str(conversion.take("chat_template", ""))
    if template in TEMPLATES:
        conversion.set("data.tokenization", TEMPLATES[template])
    elif template:
        conversion.leave("chat_template", OWN_TEMPLATE)
    described = [*conversion.take("datasets", []), *conversion.take("pretraining_dataset", [])]
    channel = str(conversion.take("channel_loss_field", CHANNEL)) if conversion.take("enable_channel_loss") else ""
    of_sets = [isinstance(each, Mapping) and bool(channel) and bool(each.get(channel)) for each in described]
    for each, has_channel in zip(described, of_sets, strict=True):
        _data_set(conversion, each, channel if has_channel else "")
    if channel and not any(of_sets):
        task_field(conversion, channel)
    conversion.carry([Carry("default_system_message", "data.system", str)])
    if conversion.take("excess_length_strategy") == "truncate":
        conversion.set("data.overlong", "truncate")
    for described in conversion.take("test_datasets", []):
        watched(_data_set(conversion, described))


def _data_set(conversion: Conversion, described: Any, channel: str = "") -> dict[str, Any]:
    """One data set; `channel` is the key of it that says which loss it counts to, and so which task it is."""
    described = described if isinstance(described, Mapping) else {"path": str(described)}
    place, files = conversion.path(str(described.get("path", ""))), described.get("data_files")
    if isinstance(files, str) and "*" not in files:
        place = conversion.path(files)
    on_disk = place.startswith("/")
    if not on_disk:
        place = hub_address(place, described.get("name"), str(described.get("split", "train")))
    columns = _columns(described)
    others: dict[str, Any] = {"columns": columns} if columns else {}
    if isinstance(described.get("type"), Mapping) and described["type"].get("system_prompt"):
        others["system"] = str(described["type"]["system_prompt"])
    if described.get("chat_template") in TEMPLATES:
        others["tokenization"] = TEMPLATES[described["chat_template"]]
    path = Path(str(described.get("path", "task")))
    name = stem(path) if Path(place).name == path.name and Path(place).is_file() else path.name
    name = str(described[channel]) if channel else name
    made = task(conversion, name, place, **others)
    form = described.get("type")
    if isinstance(form, str) and form.partition(".")[0].partition(":")[0] not in FORMS:
        conversion.remark(f"{made['name']}: type {form} is unknown here; its columns are read as they are named.")
    known = {"path", "data_files", "name", "split", "type", "ds_type", *COLUMNS, channel}
    carried = {"chat_template"} if "tokenization" in others else set()
    for key in sorted(described.keys() - known - carried):
        if described[key] not in (None, "", False, *AS_USUAL.get(key, ())):
            conversion.remark(f"{made['name']}: {key} = {described[key]!r} is not carried over.")
    for key, value in _unsaid(described).items():
        if on_disk or key != "split":  # that of a set on the Hub is in its address
            conversion.remark(f"{made['name']}: {key} = {value!r} is not carried over.")
    return made


COLUMNS = {
    "field_messages": "messages",
    "field_instruction": "prompt",
    "field_output": "response",
    "field_system": "system",
    "field_tools": "tools",
    "field": "text",
    "text_column": "text",
}
FORMS_COLUMNS = {
    "metharme": {"prompt": "prompt", "response": "generation"},
    "summarizetldr": {"prompt": "article", "response": "summary"},
    "alpaca_chat.load_camel_ai": {"prompt": "message_1", "response": "message_2"},
    "creative_acr.load_answer": {"prompt": "instruction", "response": "revision"},
    "context_qa": {"prompt": "{article}\n{question}", "response": "answer"},
    "context_qa.load_v2": {"prompt": "{context}\n{question}", "response": "answer"},
}
"""Forms whose columns have names of their own."""
AS_USUAL: dict[str, tuple[Any, ...]] = {
    "message_property_mappings": tuple(
        {"role": role, "content": content} for role in ("from", "role") for content in ("value", "content")
    ),
    "message_field_role": ("from", "role"),
    "message_field_content": ("value", "content"),
    "roles_to_train": (["assistant"], ["gpt"], ["assistant", "gpt"]),
    "train_on_eos": ("turn",),
    "chat_template": ("tokenizer_default", "tokenizer_default_fallback_chatml"),
    "trust_remote_code": (True,),
}
"""Settings of a data set that say what is done here anyway."""
USUAL = {
    ("messages", "messages"),
    ("messages", "conversations"),
    ("prompt", "instruction"),
    ("response", "output"),
    ("system", "system"),
    ("tools", "tools"),
    ("text", "text"),
}
"""Columns that are found without being named."""
CARRIED_OF_CUSTOM = {"system_prompt", "field_input", *COLUMNS}


def _columns(described: Mapping[str, Any]) -> dict[str, str]:
    """Columns with names of their own; those of a custom type stand in its table."""
    form = described.get("type")
    custom = form if isinstance(form, Mapping) else {}
    given = {**described, **custom}
    columns = {ours: str(given[key]) for key, ours in COLUMNS.items() if given.get(key)}
    if custom and given.get("field_input"):
        layout = str(custom.get("format", "{instruction}\n{input}"))
        instruction, extra = str(given.get("field_instruction", "instruction")), str(given["field_input"])
        columns["prompt"] = layout.replace("{instruction}", f"{{{instruction}}}").replace("{input}", f"{{{extra}}}")
    if not custom:
        columns = {**FORMS_COLUMNS.get(str(form).partition(":")[0], {}), **columns}
    return {} if columns.items() <= USUAL else columns


def _unsaid(described: Mapping[str, Any]) -> dict[str, Any]:
    """What of a data set's custom type, files and split the recipe does not say."""
    form, split = described.get("type"), described.get("split")
    custom = form if isinstance(form, Mapping) else {}
    carried = CARRIED_OF_CUSTOM | ({"format"} if custom.get("field_input") else set())
    unsaid = {f"type.{key}": value for key, value in custom.items() if value and key not in carried}
    files = described.get("data_files")
    if files and (not isinstance(files, str) or "*" in files):
        unsaid["data_files"] = files
    return {**unsaid, **({"split": split} if split and "[" in str(split) else {})}


def _rest(conversion: Conversion) -> None:
    if conversion.take("wandb_project"):
        track(conversion, "wandb_project", ["wandb"])
    patience = conversion.take("early_stopping_patience")
    if patience is not None:
        conversion.set("train.stop", "patience")
        conversion.set("train.patience", max(1, int(patience)))
    conversion.leave_all(
        {
            **dict.fromkeys(
                ("flash_attention", "xformers_attention", "sdp_attention", "flash_attn_cross_entropy"), KERNELS
            ),
            **dict.fromkeys(("flash_attn_rms_norm", "flash_attn_fuse_qkv", "flash_attn_fuse_mlp"), KERNELS),
            **dict.fromkeys(("model_type", "tokenizer_type", "is_llama_derived_model", "strict", "tf32"), NO_NEED),
            **dict.fromkeys(("evals_per_epoch", "saves_per_epoch"), PER_EPOCH),
            "trust_remote_code": NO_CODE,
            "group_by_length": "the samples of a step are sorted by length before they are dealt out",
            "train_on_inputs": ANSWERS_ALONE,
            "eval_sample_packing": "validation is packed as training is; the losses are the same",
            "dataset_prepared_path": "tokens are kept in MFT_CACHE; mft prepare tokenises ahead",
            "special_tokens": "the tokenizer's own are used",
            "eot_tokens": "answers end as the template and the base end them",
            "hub_model_id": NOTHING_UPLOADED,
            **dict.fromkeys(("channel_loss_prefix", "channel_loss_segment", "channel_loss_warn_on_missing"), BY_TASK),
            "channel_loss_field": "without enable_channel_loss it says nothing",
            "gradient_checkpointing_kwargs": NO_NEED,
            **dict.fromkeys(("attn_implementation", "plugins", "use_kernels", "experts_implementation"), KERNELS),
            **dict.fromkeys(("remove_unused_columns", "ddp_find_unused_parameters", "torch_compile"), NO_NEED),
            **dict.fromkeys(("dp_shard_size", "context_parallel_size", "tensor_parallel_size"), SPLIT_OF_PROCESSES),
            **dict.fromkeys(("expert_parallel_size", "fsdp_version"), SPLIT_OF_PROCESSES),
            **dict.fromkeys(("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules"), WITHOUT_ADAPTER),
            **dict.fromkeys(("lora_target_linear", "peft_use_dora", "peft_use_rslora"), WITHOUT_ADAPTER),
            "eval_batch_size": "validation takes train.micro_batch_size",
            "save_strategy": "train.save_every says it",
            "save_only_model": "checkpoints hold all that --resume needs",
            "tokens": "tokens are not added",
            "unfrozen_parameters": "every weight is trained, or LoRA's",
        }
    )
    conversion.leave_beginning({"liger_": KERNELS, "flex_attn_": KERNELS, "fused_": KERNELS, "activation_": NO_NEED})
    conversion.leave_beginning(dict.fromkeys(("lora_mlp_", "lora_qkv_", "lora_o_"), KERNELS))
