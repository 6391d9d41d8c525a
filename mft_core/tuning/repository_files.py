"""What is shared of a finished model: its files, and in them nothing of where they lay on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mft_core.errors import MftError
from mft_core.support.nesting import leaves
from mft_core.support.redact import redact
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, RECORD_FILE, read_json_object
from mft_core.tuning.model_card import CARD

VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")
"""Their texts are tokens, and what looks like a path in them is none."""
JSON_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """One file to be shared.

    Attributes:
        name: in the repository.
        content: where it lies; or what it is, where that is not what lies on disk.
    """

    name: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def repository_files(folder: Path, card: str, base: tuple[str, str | None] | None) -> list[RepositoryFile]:
    """The files of a finished model or adapter, by name; configurations without paths of this machine or secrets.

    Args:
        folder: of the model, left as it is.
        card: in place of the README.md there.
        base: name on the Hub and revision that an adapter's files name in place of a folder; None: as they are.

    Raises:
        MftError: a file names a place on this machine that nothing is known to stand for.
    """
    names = {path.name: path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}
    files = [RepositoryFile(CARD, redact(card).encode())]
    for name, path in sorted(names.items()):
        if name == CARD:
            continue
        if name.endswith(JSON_SUFFIX) and name not in VOCABULARIES:
            files.append(_configuration(path, base))
        else:
            files.append(RepositoryFile(name, path))
    return files


def named_base(folder: Path) -> tuple[str, str | None] | None:
    """What an adapter's files call its base, where that is a name on the Hub; None: it is a folder, or none is."""
    config = read_json_object(folder / ADAPTER_CONFIG)
    name = str(config.get("base_model_name_or_path") or "")
    return None if not name or is_place(name) else (name, config.get("revision"))


def is_place(text: str) -> bool:
    """Whether a text names a place on some machine."""
    return ("\n" not in text and text.startswith(("/", "~/", "./", "../", "\\\\"))) or text[1:3] in (":\\", ":/")


def without_places(value: Any) -> Any:
    """Tables and lists with the last part of a path in the place of every path."""
    if isinstance(value, Mapping):
        return {key: without_places(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner) for inner in value]
    if isinstance(value, str) and is_place(value):
        return PurePosixPath(value.replace("\\", "/")).name
    return value


def _configuration(path: Path, base: tuple[str, str | None] | None) -> RepositoryFile:
    content = read_json_object(path)
    changes: dict[str, Any] = {}
    if base is not None and path.name == ADAPTER_CONFIG:
        changes = {"base_model_name_or_path": base[0], "revision": base[1]}
    elif path.name == RECORD_FILE:
        # Whoever loads it elsewhere says where the base lies, and the fingerprint tells whether it is that.
        changes = {"base": base[0] if base else ""}
    shared = {**content, **changes}
    if place := next(_places(shared), None):
        raise MftError(
            f"{path.name} names a place on this machine, which nobody else has: {place[0]} = {place[1]!r}",
            "Nothing was sent. Mend the file, or push another folder.",
        )
    text = json.dumps(shared, indent=1, ensure_ascii=False)
    unchanged = shared == content and redact(text) == text
    return RepositoryFile(path.name, path if unchanged else redact(text).encode())


def _places(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((key, text) for key, text in leaves(content) if isinstance(text, str) and is_place(text))
