"""The generated files on disk: written whole or not at all, checked before they are used again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from mft_core.errors import MftError
from mft_sources.stdlib.generate import Corpus, JsonRecord

MANIFEST = "manifest.json"


def is_intact(folder: Path) -> bool:
    """Whether `folder` holds every file its manifest names, with the contents they were written with."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all(_digest((folder / name).read_bytes()) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write(corpus: Corpus, folder: Path) -> None:
    """Make `folder`: TASK/train.jsonl, TASK/valid.jsonl and a manifest with digests, counts and what was skipped.

    A damaged `folder` is replaced. Of several processes that write the same one at once, any wins.

    Raises:
        MftError: the files cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(temporary, corpus)
            _move(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise MftError(
            f"Cannot write the stdlib tasks to {folder}: {error.strerror or error}.",
            "Make room or name another cache folder in the environment variable MFT_CACHE.",
        ) from error


def _fill(folder: Path, corpus: Corpus) -> None:
    digests = {}
    for side, tasks in (("train", corpus.train), ("valid", corpus.valid)):
        for name, records in tasks.items():
            content = _jsonl(records)
            (folder / name).mkdir(exist_ok=True)
            _write_durably(folder / name / f"{side}.jsonl", content)
            digests[f"{name}/{side}.jsonl"] = _digest(content)
    manifest = {
        "files": digests,
        "train": {name: len(records) for name, records in corpus.train.items()},
        "valid": {name: len(records) for name, records in corpus.valid.items()},
        "skipped": dict(sorted(corpus.skipped.items())),
    }
    _write_durably(folder / MANIFEST, json.dumps(manifest, indent=2).encode() + b"\n")


def _move(temporary: Path, folder: Path) -> None:
    if folder.exists() and not is_intact(folder):
        # Renamed first: another process must never see half of it.
        doomed = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.replace(doomed / "damaged")
        shutil.rmtree(doomed, ignore_errors=True)
    try:
        temporary.replace(folder)
    except OSError:
        if not is_intact(folder):
            raise


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _jsonl(records: list[JsonRecord]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode("utf-8")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
