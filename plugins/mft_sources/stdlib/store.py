"""The generated files on disk: written whole or not at all, checked before they are used again."""

from __future__ import annotations

import json
from pathlib import Path

from mft_core.errors import MftError
from mft_core.support.durable import file_digest, whole_folder
from mft_sources.stdlib.generate import Corpus, JsonRecord

MANIFEST = "manifest.json"


def is_intact(folder: Path) -> bool:
    """Whether `folder` holds every file its manifest names, with the contents they were written with."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all(file_digest(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write(corpus: Corpus, folder: Path) -> None:
    """Make `folder`: TASK/train.jsonl, TASK/valid.jsonl and a manifest with digests, counts and what was skipped.

    A damaged `folder` is replaced. Of several processes that write the same one at once, any wins.

    Raises:
        MftError: the files cannot be written.
    """
    try:
        with whole_folder(folder, keep_existing=is_intact) as temporary:
            _fill(temporary, corpus)
    except OSError as error:
        raise MftError(
            f"Cannot write the stdlib tasks to {folder}: {error.strerror or error}.",
            "Make room or name another cache folder in the environment variable MFT_CACHE.",
        ) from error


def _fill(folder: Path, corpus: Corpus) -> None:
    digests = {}
    for side, tasks in (("train", corpus.train), ("valid", corpus.valid)):
        for name, records in tasks.items():
            path = folder / name / f"{side}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(_jsonl(records))
            digests[f"{name}/{side}.jsonl"] = file_digest(path)
    manifest = {
        "files": digests,
        "train": {name: len(records) for name, records in corpus.train.items()},
        "valid": {name: len(records) for name, records in corpus.valid.items()},
        "skipped": dict(sorted(corpus.skipped.items())),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _jsonl(records: list[JsonRecord]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode("utf-8")
