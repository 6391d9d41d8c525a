"""ms-swift: the arguments of `swift sft`, in a script or a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from mft_core.errors import UsageError
from mft_core.importing.importer import Carry, Conversion, Importer
from mft_importers.shared import (
    FOUR_BITS,
    NO_NEED,
    OWN_TEMPLATE,
    hub_address,
    listed,
    lora,
    shares,
    task,
    training,
    watched,
)

TRUNCATION = {"delete": "drop", "left": "truncate", "right": "truncate", "split": "split"}


class MsSwift(Importer):
    """ms-swift's arguments of a supervised training run."""

    tool: ClassVar = "ms-swift"
    marks: ClassVar = frozenset(
        {"train_type", "tuner_type", "sft_type", "model", "target_modules", "split_dataset_ratio",
         "truncation_strategy", "val_dataset", "loss_scale", "use_hf", "model_author"}
    )  # fmt: skip

    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent."""
        if conversion.take("rlhf_type"):
            raise UsageError(
                "rlhf_type: preferences and rewards are out of mft's scope.", "Take `swift sft`'s arguments."
            )
        conversion.carry(
            [
                Carry("model", "model.base", conversion.path),
                Carry("max_length", "data.max_length", int, 2048),
                Carry("truncation_strategy", "data.overlong", lambda value: TRUNCATION.get(str(value), "drop")),
                Carry("system", "data.system", str),
                Carry("split_dataset_ratio", "data.valid_fraction", lambda value: float(value) or 0.05),
            ]
        )
        _tuning(conversion)
        training(
            conversion,
            batch_default=1,
            rate=1e-4 if conversion.values["tune"]["method"] != "full" else 1e-5,
            schedule="cosine",
        )
        packed = bool(conversion.take("packing", False))
        conversion.set("data.packer", "best-fit" if packed else "dynamic")
        for named in listed(conversion.take("dataset", [])):
            _data_set(conversion, named)
        shares(conversion, "interleave_prob")
        for named in listed(conversion.take("val_dataset", [])):
            watched(conversion, _data_set(conversion, named))
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
            }
        )


def _tuning(conversion: Conversion) -> None:
    given = [conversion.take(key) for key in ("train_type", "tuner_type", "sft_type")]
    method = next((str(one) for one in given if one is not None), "lora")
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
    conversion.leave_all({"quant_method": "four bits are bitsandbytes' (qlora)", "tuner_backend": NO_NEED})


def _data_set(conversion: Conversion, named: str) -> dict[str, Any]:
    """`PATH#COUNT`, or `ORG/NAME:SUBSET#COUNT` on a hub."""
    place, _, count = named.partition("#")
    found = conversion.path(place)
    others: dict[str, Any] = {"max_samples": int(count)} if count.isdigit() else {}
    if not Path(found).exists():
        name, _, subset = place.removeprefix("HF::").removeprefix("MS::").partition(":")
        return task(conversion, name.rpartition("/")[2], hub_address(name, subset), **others)
    return task(conversion, Path(found).stem, found, **others)
