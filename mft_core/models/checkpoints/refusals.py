"""What no model family can load, read off a checkpoint's config.json before anything is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mft_core.errors import MftError

WHOLE_WEIGHTS = (
    "Take the variant that was published in bfloat16 or float16, or convert it; "
    "--set tune.method=qlora quantises it to four bits while it loads."
)
OTHER_INPUTS = (
    *("vision_config", "audio_config", "visual", "audio", "mm_vision_tower"),
    *("vq_config", "audio_encoder_config", "audio_encoder", "text_encoder"),
)
"""Configuration keys of models that read more than text."""

ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function")
ROTARY = ("rope_parameters", "rope_scaling")


def refuse_unloadable(config: Mapping[str, Any]) -> None:
    """Refuse what would load wrong, or end in the middle of transformers' code, whatever its family.

    Args:
        config: of the checkpoint, as parsed from config.json.

    Raises:
        MftError: weights that were quantised before they were published, inputs other than text, or an activation or
            a kind of rotary positions that transformers does not have.
    """
    method = quantization_method(config)
    if method:
        raise MftError(
            f"This checkpoint holds weights that were quantised before they were published ({method}).", WHOLE_WEIGHTS
        )
    refuse("checkpoint", [*_other_inputs(config), *_unknown_names(config)])


def refuse(checkpoint: str, found: Sequence[str]) -> None:
    """Refuse a checkpoint for what was found in its configuration, if anything was.

    Args:
        checkpoint: what it is, such as "Qwen v1 checkpoint".
        found: what it has that cannot be represented, in a few words each.

    Raises:
        MftError: something was found.
    """
    if found:
        raise MftError(
            f"This {checkpoint} cannot be loaded truly: it has {'; '.join(found)}.",
            "No native model computes the same. Choose a variant without it.",
        )


def quantization_method(config: Mapping[str, Any]) -> str:
    """How the stored weights were quantised, such as "fp8", "gptq" or "bitsandbytes"; "": they are whole."""
    settings = config.get("quantization_config") or config.get("compression_config")
    if not settings:
        return ""
    return str(settings.get("quant_method") or "of an unnamed kind") if isinstance(settings, Mapping) else str(settings)


def differing(config: Mapping[str, Any], required: Mapping[str, Any]) -> list[str]:
    """What in a configuration has another value than the one it must have, in words; an absent key counts as that."""
    return [f"{key} = {config[key]!r}" for key, value in required.items() if config.get(key, value) != value]


def _other_inputs(config: Mapping[str, Any]) -> list[str]:
    return [f"{key}, so inputs other than text" for key in OTHER_INPUTS if config.get(key) is not None]


def _unknown_names(config: Mapping[str, Any]) -> list[str]:
    """Activations and kinds of rotary positions that transformers does not know."""
    from transformers.activations import ACT2FN
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    kinds = {"default", *ROPE_INIT_FUNCTIONS}
    found = [f"{key} = {config[key]!r}" for key in ACTIVATIONS if config.get(key) and str(config[key]) not in ACT2FN]
    for key in ROTARY:
        unknown = sorted({kind for kind in rotary_kinds(config.get(key)) if kind not in kinds})
        found += [f"{key} of the type {kind!r} (known: {', '.join(sorted(kinds))})" for kind in unknown]
    return found


def rotary_kinds(settings: Any) -> Iterator[str]:
    """The types that `rope_scaling` or `rope_parameters` name, for all layers alike or by kind of layer."""
    if not isinstance(settings, Mapping):
        return
    kind = settings.get("rope_type") or settings.get("type")
    if kind:
        yield str(kind)
    for part in settings.values():
        yield from rotary_kinds(part)
