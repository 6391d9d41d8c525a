"""The training or the validation files of a task: their contents, the key of what they become, and their records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.data.encoding import Line
from mft_core.data.reader import FileContent, Reader
from mft_core.data.readers import Readers
from mft_core.data.tokenization import Tokenization
from mft_core.errors import MftError
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.support.reading import AS_IT_IS, RecordForm

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CACHE_VERSION = 10


@dataclass(frozen=True, slots=True)
class Side:
    """The training or the validation files of one task, and the entry they become."""

    task: str
    paths: tuple[Path, ...]
    readers: tuple[Reader, ...]
    contents: tuple[FileContent, ...]
    folder: Path
    form: RecordForm

    @property
    def size(self) -> int:
        """Bytes of the files, as `FileContent` counts them."""
        return sum(content.size for content in self.contents)

    @property
    def place_forms(self) -> list[str]:
        """Of each file, the words for a place in it."""
        return [reader.place_form(path) for reader, path in zip(self.readers, self.paths, strict=True)]

    @property
    def origins(self) -> list[str]:
        """Of each file, its name and these words: a form, in which braces of the name are doubled."""
        names = (str(path).replace("{", "{{").replace("}", "}}") for path in self.paths)
        return [name + form for name, form in zip(names, self.place_forms, strict=True)]


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of all that decides how the tokenizer encodes text: vocabulary, rules, special tokens."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    for passing in ("truncation", "padding"):
        state.pop(passing, None)
    return _digest([state, {key: str(value) for key, value in tokenizer.special_tokens_map.items()}])


def template_fingerprint(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of all that decides how a record is laid out: the tokenization and the tokenizer's chat template."""
    kind = type(tokenization)
    return _digest([f"{kind.__module__}:{kind.__qualname__}", tokenization.fingerprint, tokenizer.chat_template])


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def common_key(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase, settings: DataSection) -> list[str]:
    """What the keys of all sides have in common, beside the files: whatever decides what a record becomes."""
    return [
        str(CACHE_VERSION),
        tokenizer_fingerprint(tokenizer),
        template_fingerprint(tokenization, tokenizer),
        str(settings.max_length),
        settings.overlong,
    ]


def readable_sides(
    files: Sequence[TaskFiles], readers: Readers, common: list[str], cache: Path, form: RecordForm = AS_IT_IS
) -> tuple[dict[str, tuple[Side, Side | None]], list[MftError]]:
    """The sides of every task whose files can be read, by its name, and what is wrong with the other tasks.

    Args:
        files: the tasks.
        readers: of their files.
        common: from `common_key`.
        cache: folder of the entries.
        form: of the records of tasks that have none of their own.
    """
    sides: dict[str, tuple[Side, Side | None]] = {}
    errors: list[MftError] = []
    for task in files:
        try:
            sides[task.name] = _sides(task if task.form else replace(task, form=form), readers, common, cache)
        except MftError as error:
            errors.append(MftError(f"Task {task.name!r}: {error.message}", error.hint))
    return sides, errors


def _sides(task: TaskFiles, readers: Readers, common: list[str], cache: Path) -> tuple[Side, Side | None]:
    if not task.train:
        raise MftError("there is no training file.", "Every task needs at least one.")
    train = _side(task, task.train, readers, common, cache)
    return train, _side(task, task.valid, readers, common, cache) if task.valid else None


def _side(task: TaskFiles, paths: tuple[Path, ...], readers: Readers, common: list[str], cache: Path) -> Side:
    chosen = tuple(readers.reader_of(path, task.reader) for path in paths)
    contents = tuple(reader.inspect(path) for reader, path in zip(chosen, paths, strict=True))
    files = [[reader.fingerprint, content.digest] for reader, content in zip(chosen, contents, strict=True)]
    form = task.form or AS_IT_IS
    key = json.dumps([*common, files, asdict(form)])
    return Side(task.name, paths, chosen, contents, cache / hashlib.sha256(key.encode()).hexdigest()[:32], form)


def lines(side: Side) -> Iterator[Line]:
    """Every record of its files."""
    for file, (reader, path) in enumerate(zip(side.readers, side.paths, strict=True)):
        for record in reader.records(path):
            yield Line(file, *record)
