"""A checkpoint's config.json, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support.json_files import read_object

UNBUILDABLE = (ValueError, RuntimeError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What transformers' model classes raise where a configuration's values do not go together."""

MOST_LAYERS, MOST_EXPERTS = 1_000, 10_000
LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "num_decoder_layers", "num_nextn_predict_layers")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts")
MOST_PARTS = {**dict.fromkeys(LAYERS, MOST_LAYERS), **dict.fromkeys(EXPERTS, MOST_EXPERTS)}


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        MftError: it is missing, is no JSON object, or describes more layers or experts than any model has.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise MftError(f"{folder} has no config.json, so it is no model folder.")
    config = read_object(path)
    _check_counts(config, path)
    return config


def _check_counts(config: Mapping[str, Any], path: Path) -> None:
    """Refuse numbers of parts that no model has, with which even an empty one would take hours and all memory."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            _check_counts(value, path)
        elif key in MOST_PARTS and isinstance(value, int | float) and value > MOST_PARTS[key]:
            raise MftError(
                f"{path}: {key} = {value:,} is more than any model has ({MOST_PARTS[key]:,}).",
                "The file is damaged, or made to do harm.",
            )


def describe_config(config: Mapping[str, Any]) -> str:
    """A checkpoint's kind in a few words, for messages."""
    architectures = ", ".join(config.get("architectures") or ()) or "no architecture named"
    return f"model_type {config.get('model_type', 'missing')!r}, {architectures}"


def remote_code_note(config: Mapping[str, Any]) -> str:
    """A sentence for messages where a checkpoint asks for code of its own to be run; else ""."""
    if not config.get("auto_map"):
        return ""
    return f" It wants code of its own to be run ({', '.join(map(str, config['auto_map']))}), which mft never does."
