"""What identifies weights: a base's, and those of an adapter on it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.checkpoints.weight_files import weight_files
from mft_core.support import run_files
from mft_core.support.durable import file_digest

RECORD_FILE = "mft.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SAMPLED_BLOCKS, BLOCK = 16, 1 << 16
# These change with the library that wrote the file, not with the weights.
INCIDENTAL_KEYS = ("transformers_version", "_name_or_path", "_model_name_or_path", "dtype", "torch_dtype")
PLACES = ("base_model_name_or_path", "revision")
"""Where an adapter's base lies, which its fingerprint identifies wherever that is."""


def base_fingerprint(folder: Path) -> str:
    """Identifies a base's weights: SHA-256 over its configuration and each file's size, header and sampled blocks.

    Cheap for any size: about 1 MB is read of every weight file. The folder's place and name do not count.

    Raises:
        MftError: there is no config.json, or there are no weights.
    """
    config = {key: value for key, value in read_config(folder).items() if key not in INCIDENTAL_KEYS}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in weight_files(folder).paths:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as stream:
            if path.suffix == ".safetensors":
                header = stream.read(8)
                digest.update(header + stream.read(int.from_bytes(header, "little")))
            for block in range(SAMPLED_BLOCKS):
                stream.seek(max(0, size - BLOCK) * block // (SAMPLED_BLOCKS - 1))
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise MftError(f"{path} is no valid JSON object: {error}") from error


def model_fingerprint(folder: Path) -> str:
    """SHA-256 over what decides a model's answers: its base's fingerprint, and its adapters' files if it has some.

    Args:
        folder: a run folder, its `final/`, or a model folder.

    Raises:
        MftError: there is no model.
    """
    place = folder / run_files.FINAL if (folder / run_files.FINAL).is_dir() else folder
    if not (place / ADAPTER_CONFIG).is_file():
        return base_fingerprint(place)
    record = read_json_object(place / RECORD_FILE)
    settings = {key: value for key, value in read_json_object(place / ADAPTER_CONFIG).items() if key not in PLACES}
    digests = [file_digest(path) for path in sorted(place.glob("adapter_model*.safetensors"))]
    parts = [record.get("fingerprint"), settings, digests]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
