"""An adapter's files put into an adapter that has just been made, to be trained further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mft_core.errors import MftError, UsageError
from mft_core.tuning.adapters import PATTERN_KEYS
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, read_json_object

WITHOUT_EFFECT = (
    "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision", "task_type",
    "fan_in_fan_out", "runtime_config",
)  # fmt: skip
"""Keys of an adapter's configuration that say nothing of what it computes."""


def take_up_adapter(model: Any, folder: Path) -> None:
    """Put the weights of the adapter in `folder` into PEFT's wrapper, in place.

    Args:
        model: with an adapter of the same configuration; dropout and initial values may be others.

    Raises:
        UsageError: it was made with other options.
        MftError: it has other weights than the model's adapter, or they cannot be read.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict
    from safetensors import SafetensorError

    name = model.active_adapter
    then, now = read_json_object(folder / ADAPTER_CONFIG), model.peft_config[name].to_dict()
    if lines := list(_differences(then, now)):
        raise UsageError(
            f"The adapter in {folder} was made with other options:\n  " + "\n  ".join(lines),
            "Give [tune] the options that it was made with: a run's recipe.toml has them.",
        )
    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    try:
        stored = load_peft_weights(str(folder), device="cpu")
    except (OSError, SafetensorError, ValueError) as error:
        raise MftError(f"The adapter in {folder} cannot be read: {error}", "Fetch it again.") from error
    if differing := sorted(own.keys() ^ stored.keys()):
        where = "the adapter" if differing[0] in stored else "tune.targets"
        raise MftError(
            f"The adapter in {folder} has not the weights that would be trained: only {where} has {differing[0]}.",
            "Give tune.targets, and what else it stands beside, as they were.",
        )
    for key, tensor in own.items():
        if tensor.shape != stored[key].shape:
            shapes = f"{list(stored[key].shape)} in it and {list(tensor.shape)} here"
            raise MftError(f"The adapter in {folder} does not fit: {key} is {shapes}.", "Give the options it had.")
    set_peft_model_state_dict(model, stored, adapter_name=name)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What decides on what an adapter computes, and differs; which modules it stands beside, its weights' names say."""
    for key in sorted(then.keys() & now.keys() - set(WITHOUT_EFFECT) - set(PATTERN_KEYS)):
        if "dropout" in key or key.startswith("init_"):
            continue
        if _plain(then[key]) != _plain(now[key]):
            yield f"{key}: {then[key]!r} -> {now[key]!r}"


def _plain(value: Any) -> Any:
    """As JSON has it; nothing is nothing, however it is written."""
    if isinstance(value, (set, list, tuple)):
        return sorted(value, key=str)
    return getattr(value, "value", value) or None
