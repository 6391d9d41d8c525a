"""The training or the validation files of a task: their contents, the key of what they become, and their records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mft_core.data.length_guard import LengthPolicy
from mft_core.data.line_records import Line
from mft_core.data.reader import FileContent, Reader
from mft_core.data.readers import Readers
from mft_core.data.token_store import TokenEntry
from mft_core.data.tokenization import Tokenization
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_core.support.reading import AS_IT_IS, EVERY_SAMPLE, RecordForm
from mft_core.support.shared_files import SharedFiles

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CACHE_VERSION = 15


class Part(NamedTuple):
    """Some records of a side.

    Attributes:
        records: their files and places.
        digests: of all records of the side, an entry without tokens.
        unseen: how many of these are neither among `records` nor left out.
        excluded: how many are left out (`data.exclude`).
    """

    records: frozenset[tuple[int, int]]
    digests: TokenEntry
    unseen: int
    excluded: int


@dataclass(frozen=True, slots=True)
class Side:
    """The training or the validation files of one task, and the entry they become: of shared files, its records.

    Attributes:
        digest_folder: of the entry with the digests of all records and no tokens.
        shared: of files in which the task is not alone: which records are its own.
        part: the records of which the entry is; None: all.
        only_digests: the entry has no tokens.
    """

    task: str
    paths: tuple[Path, ...]
    readers: tuple[Reader, ...]
    contents: tuple[FileContent, ...]
    folder: Path
    form: RecordForm
    policy: LengthPolicy
    digest_folder: Path
    shared: SharedFiles | None = None
    part: Part | None = None
    only_digests: bool = False

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
        """Of each file, its name and these words."""
        return origins(self.paths, self.place_forms)


def origins(paths: Sequence[Path], place_forms: Sequence[str]) -> list[str]:
    """Of each file, its name and the words for a place in it: a form, in which braces of the name are doubled."""
    names = (str(path).replace("{", "{{").replace("}", "}}") for path in paths)
    return [name + form for name, form in zip(names, place_forms, strict=True)]


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


def common_key(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """What the keys of all sides have in common."""
    return [str(CACHE_VERSION), tokenizer_fingerprint(tokenizer), template_fingerprint(tokenization, tokenizer)]


def readable_sides(
    files: Sequence[TaskFiles],
    readers: Readers,
    common: list[str],
    cache: Path,
    policy: LengthPolicy,
    form: RecordForm = AS_IT_IS,
    own: Mapping[str, list[str]] | None = None,
) -> tuple[dict[str, tuple[Side, Side | None]], list[MftError]]:
    """The sides of every task whose files can be read, by its name, and what is wrong with the other tasks.

    Args:
        files: the tasks.
        readers: of their files.
        common: from `common_key`.
        cache: folder of the entries.
        policy: for long samples of tasks that have no length of their own.
        form: of the records of tasks that have none of their own.
        own: what stands in the place of `common`, by task.
    """
    sides: dict[str, tuple[Side, Side | None]] = {}
    errors: list[MftError] = []
    for task in files:
        try:
            key, shaped = (own or {}).get(task.name, common), task if task.form else replace(task, form=form)
            sides[task.name] = _sides(shaped, readers, key, cache, own_policy(policy, task))
        except MftError as error:
            errors.append(MftError(f"Task {task.name!r}: {error.message}", error.hint))
    return sides, errors


def sides_without_task(
    files: Sequence[TaskFiles], readers: Readers, common: list[str], cache: Path, policy: LengthPolicy
) -> list[tuple[TaskFiles, tuple[Side, Side | None]]]:
    """Of the files that some tasks share, the records that are of no task: as a task without a name, and its sides.

    Arguments as `readable_sides`, which has named what cannot be read.
    """
    first = {task.shared: task for task in reversed(files) if task.shared}
    tasks = [
        replace(
            task, name="", train=paths, valid=(), sampling=EVERY_SAMPLE
        )  # read as the others are, so in one go with them
        for shared, task in first.items()
        if (paths := shared.without_task)
    ]
    return [(task, _sides(task, readers, common, cache, own_policy(policy, task))) for task in tasks]


def own_policy(policy: LengthPolicy, task: TaskFiles) -> LengthPolicy:
    """What happens to a task's long samples: by its own length, but never longer ones than all tasks may have."""
    own = task.sampling.max_length
    return policy if own is None else policy._replace(max_length=min(own, policy.max_length))


def _all_watched(task: TaskFiles) -> TaskFiles:
    """Files of a task that is only measured make one side."""
    return replace(task, train=(*task.train, *task.valid), valid=()) if task.sampling.watched else task


def _sides(
    task: TaskFiles, readers: Readers, common: list[str], cache: Path, policy: LengthPolicy
) -> tuple[Side, Side | None]:
    task = _all_watched(task)
    if not task.train:
        raise MftError("there is no training file.", "Every task needs at least one.")
    train = _side(task, task.train, readers, common, cache, policy)
    return train, _side(task, task.valid, readers, common, cache, policy) if task.valid else None


def _side(
    task: TaskFiles, paths: tuple[Path, ...], readers: Readers, common: list[str], cache: Path, policy: LengthPolicy
) -> Side:
    shared = task.shared.parts if task.shared else {}
    chosen = tuple(readers.reader_of(path, shared[path].reader if path in shared else task.reader) for path in paths)
    contents = tuple(
        FileContent(shared[path].digest, shared[path].size) if path in shared else reader.inspect(path)
        for reader, path in zip(chosen, paths, strict=True)
    )
    files = [[reader.fingerprint, content.digest] for reader, content in zip(chosen, contents, strict=True)]
    form = task.form or AS_IT_IS
    records = [files, asdict(form), *([task.name] if task.shared else [])]
    folder, digest_folder = (
        cache / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        for key in ([*common, str(policy.max_length), policy.overlong, *records], [str(CACHE_VERSION), *records])
    )
    return Side(task.name, paths, chosen, contents, folder, form, policy, digest_folder, task.shared)


def lines(side: Side) -> Iterator[Line]:
    """Every record of its files, or of its part."""
    part = None if side.part is None else side.part.records
    for file, (reader, path) in enumerate(zip(side.readers, side.paths, strict=True)):
        for record in reader.records(path):
            if part is None or (file, record.place) in part:
                yield Line(file, *record)
