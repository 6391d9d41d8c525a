"""LLaMA-Factory: its YAML or JSON, and the dataset_info.json that says what its data sets are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mft_core.data.turns import CALL, ROLES
from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import hub_address, shares, task, watched
from mft_importers.shared import (
    ANSWERS_ALONE,
    FOUR_BITS,
    KERNELS,
    METHODS,
    NO_NEED,
    NO_OTHER_ADAPTER,
    NO_OTHER_MODULES,
    OWN_TEMPLATE,
    PICTURES,
    listed,
    lora,
    training,
    validation,
)

STAGES = ("sft", "pt")
ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}
TURNS = {"role_tag": ("from", "role"), "content_tag": ("value", "content")}
"""Their keys of a turn, and the names that are read here anyway."""
ROLE_TAGS = {
    "user_tag": ("human", "user"),
    "assistant_tag": ("gpt", "assistant"),
    "observation_tag": ("observation", "tool"),
    "function_tag": ("function_call", CALL),
    "system_tag": ("system", "system"),
}
"""Their names of roles: what they are by default, and what each must mean here."""
READ_ANYWAY = {
    "prompt": ("instruction", "prompt", "question", "query", "input"),
    "query": ("input", "query"),
    "response": ("output", "response", "completion", "answer", "target"),
    "system": ("system", "system_prompt"),
    "history": ("history",),
    "messages": ("conversations", "messages"),
    "tools": ("tools",),
}


class LlamaFactory(Importer):
    """LLaMA-Factory's configuration of a training run; its data sets are looked up in `dataset_dir`."""

    tool: ClassVar = "LLaMA-Factory"
    marks: ClassVar = frozenset(
        {"stage", "finetuning_type", "cutoff_len", "dataset_dir", "template", "lora_target", "neat_packing"}
    )

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        stage = str(conversion.take("stage", "sft"))
        if stage not in STAGES:
            raise UsageError(
                f"stage: {stage} is no supervised fine-tuning.", "Preferences and rewards are out of mft's scope."
            )
        conversion.carry([Carry("model_name_or_path", "model.base", conversion.path)])
        _tuning(conversion)
        training(conversion, batch_default=8, rate=5e-5)
        conversion.carry(
            [
                Carry("cutoff_len", "data.max_length", int, 2048),
                Carry("max_samples", "data.max_samples", int),
                Carry("default_system", "data.system", str),
            ]
        )
        conversion.set("data.overlong", "split" if stage == "pt" else "truncate")
        packed = conversion.take("packing", stage == "pt") or conversion.take("neat_packing", False)
        conversion.set("data.packer", "best-fit" if packed else "dynamic")
        validation(conversion, "val_size")
        _template(conversion)
        _data_sets(conversion, pretraining=stage == "pt")
        _rest(conversion)


def _tuning(conversion: Conversion) -> None:
    method = str(conversion.take("finetuning_type", "lora"))
    bits = conversion.take("quantization_bit")
    if method not in ("lora", "full"):
        conversion.leave("finetuning_type", METHODS)
        method = "lora"
    if bits is not None and int(bits) != 4:
        conversion.leave("quantization_bit", FOUR_BITS)
        bits = None
    conversion.set("tune.method", "qlora" if bits else method)
    conversion.carry(
        [
            Carry("quantization_type", "tune.quant_type"),
            Carry("double_quantization", "tune.double_quant", bool),
        ]
    )
    if conversion.take("pissa_init"):
        conversion.set("tune.init", "pissa")
    rank = int(conversion.take("lora_rank", 8))
    names = {"rank": "lora_rank", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "lora_target"}
    lora(conversion, names, rank=8, alpha=2.0 * rank, dropout=0.0)
    conversion.leave_all(
        {
            "quantization_method": "four bits are bitsandbytes' (qlora)",
            "adapter_name_or_path": NO_OTHER_ADAPTER,
            "additional_target": NO_OTHER_MODULES,
        }
    )


def _template(conversion: Conversion) -> None:
    name = conversion.take("template")
    if name in ("alpaca", "default"):
        conversion.set("data.tokenization", "alpaca")
    elif name is not None:
        conversion.leave("template", OWN_TEMPLATE)


def _data_sets(conversion: Conversion, pretraining: bool) -> None:
    folder = Path(conversion.path(str(conversion.take("dataset_dir", "data"))))
    known = _dataset_info(folder)

    def made(name: str) -> dict[str, Any] | None:
        if name in known:
            return _data_set(conversion, name, known[name], folder, pretraining)
        conversion.remark(f"{folder / 'dataset_info.json'} does not describe {name}: say where it lies.")
        return task(conversion, name, conversion.path(name))

    for name in listed(conversion.take("dataset", [])):
        made(name)
    if str(conversion.take("mix_strategy", "concat")).startswith("interleave"):
        shares(conversion, "interleave_probs")
    conversion.leave("mix_strategy", "all tasks are trained; the loss keeps them in balance")
    for name in listed(conversion.take("eval_dataset", [])):
        if (measured := made(name)) is not None:
            watched(measured)
    conversion.leave_all({"interleave_probs": "it says nothing there either, where data sets are concatenated"})


def _dataset_info(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "dataset_info.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _data_set(
    conversion: Conversion, name: str, described: Mapping[str, Any], folder: Path, pretraining: bool
) -> dict[str, Any] | None:
    others: dict[str, Any] = {}
    if any((described.get("columns") or {}).get(key) for key in ("images", "videos", "audios")):
        conversion.remark(f"{name} is left out: {PICTURES}.")
        return None
    if described.get("num_samples"):
        others["max_samples"] = int(described["num_samples"])
    columns = _columns(described.get("columns") or {}, pretraining)
    if columns:
        others["columns"] = columns
    made = task(conversion, name, _place(described, folder), **others)
    if made["train"].endswith(".txt"):
        made["reader"] = {"name": "text", "documents": "line"}
    _say_of_turns(conversion, name, described)
    for key in ("ranking", "script_url", "cloud_file_name", "ms_hub_url"):
        if described.get(key) and not (key.endswith("url") and described.get("hf_hub_url")):
            conversion.remark(f"{name}: {key} = {described[key]!r} is not carried over.")
    return made


def _say_of_turns(conversion: Conversion, name: str, described: Mapping[str, Any]) -> None:
    """What it says of turns that is read otherwise here, or not at all."""
    for tag, (theirs, ours) in TURNS.items():
        given = (described.get("tags") or {}).get(tag, theirs)
        if given not in (theirs, ours):
            conversion.remark(
                f"{name}: turns have their {tag.removesuffix('_tag')} under {given!r}, which is not read."
            )
    for tag, (theirs, meaning) in ROLE_TAGS.items():
        given = (described.get("tags") or {}).get(tag, theirs)
        if ROLES.get(str(given).lower()) != meaning:
            conversion.remark(f"{name}: {tag} = {given!r} is not carried over: it is not read as that role.")
    for key in ("chosen", "rejected", "kto_tag"):
        if column := (described.get("columns") or {}).get(key):
            conversion.remark(f"{name}: columns.{key} = {column!r} is not carried over; see data.preference.")


def _place(described: Mapping[str, Any], folder: Path) -> str:
    if "hf_hub_url" in described:
        return hub_address(described["hf_hub_url"], described.get("subset"), str(described.get("split", "train")))
    return str((folder / str(described.get("file_name", ""))).absolute())


def _columns(columns: Mapping[str, str], pretraining: bool) -> dict[str, str]:
    """Those that have names of their own; the usual names are read as they are."""
    if columns.get("prompt") and (pretraining or columns.keys() == {"prompt"}):
        return {} if columns["prompt"] == "text" else {"text": columns["prompt"]}
    if all(columns.get(key, default) in READ_ANYWAY[key] for key, default in ALPACA.items()) and all(
        columns[key] in READ_ANYWAY.get(key, ()) for key in columns if key not in ("images", "videos", "audios")
    ):
        return {}
    if "messages" in columns:
        return {key: columns[key] for key in ("messages", "system", "tools") if columns.get(key)}
    prompt, query = columns.get("prompt", ALPACA["prompt"]), columns.get("query")
    found = {"prompt": f"{{{prompt}}}\n{{{query}}}" if query else prompt, "response": columns.get("response", "output")}
    return {**found, **{key: columns[key] for key in ("system", "history") if columns.get(key)}}


def _rest(conversion: Conversion) -> None:
    conversion.leave_all(
        {
            "flash_attn": KERNELS,
            "enable_liger_kernel": KERNELS,
            "use_unsloth": KERNELS,
            "use_unsloth_gc": KERNELS,
            "plot_loss": "curves.png and report.html are always drawn",
            "overwrite_cache": "tokens are kept under a key of all that matters",
            "preprocessing_num_workers": NO_NEED,
            "tokenized_path": "mft prepare tokenises ahead",
            "streaming": "files are read bit by bit anyway",
            "train_on_prompt": ANSWERS_ALONE,
            "mask_history": "every answer is learned; a turn with weight 0 is not",
            "enable_thinking": "thoughts are learned where the data has them",
            "save_only_model": "checkpoints hold all that --resume needs",
            "include_num_input_tokens_seen": "tokens are counted in metrics.jsonl",
            "upcast_layernorm": NO_NEED,
            "resize_vocab": "tokens are not added",
            **dict.fromkeys(("disable_gradient_checkpointing", "run_name", "pure_bf16"), NO_NEED),
            **dict.fromkeys(("image_max_pixels", "video_max_pixels", "video_fps", "video_maxlen"), PICTURES),
            **dict.fromkeys(("freeze_vision_tower", "freeze_multi_modal_projector", "freeze_language_model"), PICTURES),
        }
    )
