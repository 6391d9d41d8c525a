"""What identifies weights: a base's, and those of an adapter on it."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.checkpoints.safetensors_header import read_header
from mft_core.models.checkpoints.weight_files import weight_files
from mft_core.support.durable import file_digest
from mft_core.support.run_folders import result_folder

RECORD_FILE = "mft.json"
OWN_FORM = "own"
"""What mft.json says of a result that only its tuner loads, in place of "adapter" or "model"."""
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SAFETENSORS_SUFFIX = ".safetensors"
FULL = "sha256:"
"""Before a fingerprint for which every byte was read."""
MOST_READERS = 8
SAMPLED_BLOCKS, BLOCK = 16, 1 << 16
# These change with the library that wrote the file, not with the weights.
INCIDENTAL_KEYS = ("transformers_version", "_name_or_path", "_model_name_or_path", "dtype", "torch_dtype")
PLACES = ("base_model_name_or_path", "revision")
"""Where an adapter's base lies, which its fingerprint identifies wherever that is."""


def base_fingerprint(folder: Path) -> str:
    """Identifies a base's weights: SHA-256 over its configuration and every byte of each weight file.

    Files are read side by side, a few megabytes at a time: about a second per gigabyte and core, less than loading
    takes. The folder's place and name do not count.

    Raises:
        MftError: there is no config.json, there are no weights, or a file is damaged.
    """
    paths = weight_files(folder).paths
    for path in paths:
        _check(path)
    with ThreadPoolExecutor(min(len(paths), os.cpu_count() or 1, MOST_READERS)) as readers:
        digests = list(readers.map(file_digest, paths))
    facts = [_configuration(folder), *([path.name, digest] for path, digest in zip(paths, digests, strict=True))]
    return FULL + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_full(fingerprint: str) -> bool:
    """Whether every byte of the weights counts in it."""
    return fingerprint.startswith(FULL)


def is_fingerprint_of(recorded: str, folder: Path) -> bool:
    """Whether the weights in `folder` are those that a run recorded; raises as `base_fingerprint` does.

    Records from before mft 0.1.0 hold digests of samples, without the prefix `FULL`, and are compared by the samples.
    """
    return recorded == (base_fingerprint(folder) if is_full(recorded) else _sampled_fingerprint(folder))


def _sampled_fingerprint(folder: Path) -> str:
    """SHA-256 over a configuration and each file's size, header and sampled blocks."""
    digest = hashlib.sha256(json.dumps(_configuration(folder), sort_keys=True).encode())
    for path in weight_files(folder).paths:
        _check(path)
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as stream:
            if path.suffix == SAFETENSORS_SUFFIX:
                header = stream.read(8)
                digest.update(header + stream.read(int.from_bytes(header, "little")))
            for block in range(SAMPLED_BLOCKS):
                stream.seek(max(0, size - BLOCK) * block // (SAMPLED_BLOCKS - 1))
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()


def _configuration(folder: Path) -> dict[str, Any]:
    return {key: value for key, value in read_config(folder).items() if key not in INCIDENTAL_KEYS}


def _check(path: Path) -> None:
    if path.suffix == SAFETENSORS_SUFFIX:
        read_header(path)


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, RecursionError) as error:
        raise MftError(f"{path} is no valid JSON object: {error}") from error


def hub_name(folder: Path) -> tuple[str, str | None]:
    """The Hub's name and commit for a folder in its cache, which hold on any machine; the path itself otherwise."""
    snapshots, repository = folder.parent, folder.parent.parent.name
    if snapshots.name == "snapshots" and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/"), folder.name
    return str(folder), None


def model_fingerprint(folder: Path) -> str:
    """SHA-256 over what decides a model's answers: its base's fingerprint, and the files of its adapter, or of what
    else stands beside the base, if it has some.

    Args:
        folder: a run folder, its `final/`, or a model folder.

    Raises:
        MftError: there is no model.
    """
    place = result_folder(folder)
    record = read_json_object(place / RECORD_FILE)
    if record.get("form") == OWN_FORM:
        files = [[name, file_digest(place / name)] for name in record["files"]]
        own = [record.get("fingerprint"), record["tune"], files]
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    if not (place / ADAPTER_CONFIG).is_file():
        return base_fingerprint(place)
    settings = {key: value for key, value in read_json_object(place / ADAPTER_CONFIG).items() if key not in PLACES}
    digests = [file_digest(path) for path in sorted(place.glob("adapter_model*.safetensors"))]
    parts = [record.get("fingerprint"), settings, digests]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
