"""Which files of a data set's repository make up its configurations and splits, as the `datasets` library has it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support.reading import ReaderChoice

META = ("README.md", ".huggingface.yaml", "dataset_infos.json")
"""Files that describe a repository."""
SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})(\..*)")
ALIKE = {"version", "name", "data_dir", "data_files", "description", "features"}
"""What a configuration says that does not change what its records are."""
TAKEN = {
    "csv": {"sep": "delimiter", "delimiter": "delimiter", "encoding": "encoding", "quotechar": "quote"},
    "text": {"encoding": "encoding", "sample_by": "documents"},
    "json": {"field": ""},
}
"""By the library's name for a kind of file, which are those of our readers: its options, and what ours are called."""
NAMED_OTHERWISE = {("documents", "document"): "file"}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The files of each split, by their names in the repository; and what reads them, as for `TaskFiles`."""

    splits: dict[str, list[str]]
    reader: ReaderChoice | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Configurations by name, and the one meant where none is named; "": there is no such."""

    configurations: dict[str, Configuration]
    default: str


def layout_of(folder: Path, names: Collection[str], what: str) -> Layout:
    """What a repository holds.

    The library is asked about a folder of empty files with these names, so that what is in them need not be there.

    Args:
        folder: holds the files of `META` that there are.
        names: of all files of the repository.
        what: it is, for messages.

    Raises:
        MftError: the library finds no data in it.
    """
    import datasets

    _refuse_gaps(names, what)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve() / "data"
        for name in names:
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise MftError(f"hf:{what} holds a file called {name!r}.", "Nothing of it was fetched.")
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        for name in META:
            (root / name).unlink(missing_ok=True)
            if (folder / name).is_file() and not _is_prose(folder / name):
                shutil.copyfile(folder / name, root / name)
        try:
            found = {name: _configuration(root, name) for name in datasets.get_dataset_config_names(str(root))}
            default = datasets.get_dataset_default_config_name(str(root))
        except MftError:
            raise
        except Exception as error:  # whatever it makes of a repository that it does not understand
            said = " ".join(str(error).replace(f"{root}/", "").replace(str(root), what).split())[:300]
            raise MftError(f"hf:{what} has no data that can be read: {said}", "See its page on the Hub.") from error
    return Layout(found, default or (next(iter(found)) if len(found) == 1 else ""))


def _is_prose(path: Path) -> bool:
    """Whether it is a README that describes nothing for programs, of which the library would warn."""
    return path.suffix == ".md" and not path.read_bytes().startswith(b"---")


def _configuration(root: Path, name: str) -> Configuration:
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        builder = datasets.load_dataset_builder(str(root), name, cache_dir=cache)
    splits = {
        str(split): [Path(file).resolve().relative_to(root).as_posix() for file in files]
        for split, files in (builder.config.data_files or {}).items()
    }
    return Configuration(splits, _reader(type(builder).__module__.rpartition(".")[2], builder.config, name))


def _reader(kind: str, config: Any, name: str) -> ReaderChoice | None:
    """Our reader with what the configuration says about its files."""
    usual = {field.name: getattr(type(config)(), field.name) for field in fields(config)}
    said = {key: getattr(config, key) for key in usual if key not in ALIKE and getattr(config, key) != usual[key]}
    strange = [key for key in said if key not in TAKEN.get(kind, ())]
    if strange:
        what = f"{strange[0]} = {said[strange[0]]!r}"
        raise MftError(
            f"The configuration {name!r} has {what}, which only the datasets library knows.",
            "Save it with `datasets.load_dataset(...).save_to_disk(FOLDER)`, and name the folder.",
        )
    taken = [(ours, said[key]) for key, ours in TAKEN.get(kind, {}).items() if ours and key in said]
    options = {ours: NAMED_OTHERWISE.get((ours, value), value) for ours, value in taken}
    return ReaderChoice(kind, options) if options else None


def _refuse_gaps(names: Iterable[str], what: str) -> None:
    """Refuse that of files in numbered parts some are missing, as in a cache that was filled in part."""
    parts: dict[tuple[str, ...], int] = defaultdict(int)
    for name in names:
        if found := SHARD.fullmatch(name):
            parts[found.groups()] += 1
    for (begin, count, suffix), there in parts.items():
        if there < int(count):
            raise MftError(
                f"hf:{what}: of {begin}-*-of-{count}{suffix}, {there} are there.", "Fetch it with a network."
            )
