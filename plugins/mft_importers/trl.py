"""TRL: the YAML, or the arguments, of `trl sft`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.data_sets import hub_address, task
from mft_importers.shared import (
    ANSWERS_ALONE,
    FOUR_BITS,
    NO_NEED,
    NO_OTHER_MODULES,
    NOTHING_UPLOADED,
    VALIDATION_FILES,
    lora,
    training,
)


class Trl(Importer):
    """TRL's configuration of SFT."""

    tool: ClassVar = "TRL"
    marks: ClassVar = frozenset(
        {"dataset_name", "use_peft", "lora_r", "max_seq_length", "assistant_only_loss", "completion_only_loss",
         "dataset_train_split", "dataset_text_field", "datasets"}
    )  # fmt: skip

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        conversion.carry(
            [
                Carry("model_name_or_path", "model.base", conversion.path),
                Carry("max_seq_length", "data.max_length", int),
                Carry("max_length", "data.max_length", int, 1024),
            ]
        )
        conversion.set("data.overlong", "truncate")
        _tuning(conversion)
        training(conversion, batch_default=8, rate=2e-5)
        conversion.set("data.packer", "best-fit" if conversion.take("packing") else "dynamic")
        _data(conversion)
        conversion.leave_all(
            {
                "packing_strategy": "best-fit is the one that leaves least padding",
                "padding_free": "packed documents never see each other",
                "eval_packing": "validation is packed as training is; the losses are the same",
                "dataset_num_proc": NO_NEED,
                "assistant_only_loss": ANSWERS_ALONE,
                "completion_only_loss": ANSWERS_ALONE,
                "eos_token": "answers end as the template and the base end them",
                "pad_token": "padding is never seen",
                "chat_template_path": "data.tokenization names a template; the tokenizer's own is used",
                "loss_type": "losses are computed in parts anyway; [loss] has the objectives",
                "push_to_hub": NOTHING_UPLOADED,
                "model_init_kwargs": NO_NEED,
                "gradient_checkpointing_kwargs": NO_NEED,
            }
        )


def _tuning(conversion: Conversion) -> None:
    peft, four = bool(conversion.take("use_peft")), bool(conversion.take("load_in_4bit"))
    conversion.leave_all({"load_in_8bit": FOUR_BITS})
    conversion.set("tune.method", "qlora" if peft and four else "lora" if peft else "full")
    if peft:
        names = {"rank": "lora_r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "lora_target_modules"}
        lora(conversion, names, rank=16, alpha=32.0, dropout=0.05)
        conversion.carry(
            [Carry("bnb_4bit_quant_type", "tune.quant_type"), Carry("use_bnb_nested_quant", "tune.double_quant")]
        )
    conversion.leave_all({"lora_task_type": NO_NEED, "lora_modules_to_save": NO_OTHER_MODULES})


def _data(conversion: Conversion) -> None:
    split = str(conversion.take("dataset_train_split", "train"))
    config = conversion.take("dataset_config")
    name = conversion.take("dataset_name")
    field = conversion.take("dataset_text_field", "text")
    columns = {} if field == "text" else {"columns": {"text": field}}
    if name is not None:
        _data_set(conversion, str(name), config, split, columns)
    for described in conversion.take("datasets", []):
        if isinstance(described, Mapping):
            _data_set(
                conversion, str(described.get("path")), described.get("name"), str(described.get("split", "train")), {}
            )
    conversion.leave_all({"dataset_test_split": VALIDATION_FILES})


def _data_set(conversion: Conversion, name: str, config: Any, split: str, others: dict[str, Any]) -> None:
    found = conversion.path(name)
    if not Path(found).exists():
        found = hub_address(name, config, split)
    task(conversion, name.rstrip("/").rpartition("/")[2].removesuffix(".jsonl").removesuffix(".json"), found, **others)
