"""Data sets of the Hugging Face Hub: which files a configuration and its splits are, and these files."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from mft_core.data.split_files import WHOLE, sides_of
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import DataRequest, Fetched, Options, Source
from mft_core.records import TaskFiles
from mft_core.support.durable import write_text
from mft_core.support.hub import hub_errors
from mft_core.support.suggestions import did_you_mean
from mft_sources.hub_layout import META, Configuration, Layout, layout_of

FORM = "Addresses look like ORG/NAME, ORG/NAME@REVISION, ORG/NAME:CONFIG or ORG/NAME:CONFIG:SPLIT."
NAMES = "files.json"


class HubOptions(Options):
    """Which data set."""

    address: str = Field("", description="ORG/NAME[@REVISION][:CONFIG][:SPLIT]")


class Reference(NamedTuple):
    """An address, taken apart; "": not said."""

    name: str
    revision: str = ""
    config: str = ""
    split: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.name}{revision}" + f":{self.config}:{self.split}".rstrip(":")


class Hub(Source[HubOptions]):
    """Data sets on the Hugging Face Hub, as `hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT]`: files that `mft list reader`
    reads. No code of a repository is run. Which files make up a configuration and a split is for the `datasets` library
    to say; they land in the Hub's own cache, shared with every other tool.

    As a source (`--data hf:ORG/NAME`) each configuration is a task; where there is one, the data set is."""

    def __init__(self, options: HubOptions | None = None) -> None:
        super().__init__(options)
        self._pinned = ""

    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """One task per configuration, called after it; of a data set with one, called after the data set."""
        if not self.options.address:
            raise UsageError("The source 'hf' needs an address.", f"Give it: --data hf:ORG/NAME. {FORM}")
        snapshot = _Snapshot(_parsed(self.options.address), request.cache)
        wanted = snapshot.reference
        single = wanted.config or len(snapshot.layout.configurations) == 1
        names = [wanted.config] if single else sorted(snapshot.layout.configurations)
        self._pinned = str(wanted)
        tasks = []
        for config in names:
            fetched = snapshot.files(wanted._replace(config=config), request)
            name = wanted.name.rpartition("/")[2] if single else config
            tasks.append(TaskFiles(name, fetched.train, fetched.valid, reader=fetched.reader))
        return tasks

    def fetch(self, address: str, request: DataRequest) -> Fetched:
        """The files of one configuration: the only one, the default one, or the one that is named."""
        snapshot = _Snapshot(_parsed(address), request.cache)
        return snapshot.files(snapshot.reference, request)

    def pinned_options(self) -> dict[str, Any]:
        """The address with the commit."""
        return {"address": self._pinned or self.options.address}


def _parsed(address: str) -> Reference:
    repository, *rest = address.split(":")
    name, _, revision = repository.partition("@")
    if not name or len(rest) > 2:
        raise UsageError(f"hf:{address} is no address of a data set.", FORM)
    config, split = [*rest, "", ""][:2]
    return Reference(name, revision, config, split)


class _Snapshot:
    """One commit of a repository.

    Attributes:
        reference: with the commit; what was said as a configuration is its split, where it is the name of one.
        layout: its configurations.
    """

    def __init__(self, reference: Reference, cache: Path) -> None:
        self._asked = str(reference)
        folder, names = self._described(reference, cache)
        self.reference = reference._replace(revision=folder.name)
        self.layout: Layout = layout_of(folder, names, str(self.reference))
        config, default = reference.config, self.layout.default
        is_split = default and not reference.split and config in self.layout.configurations[default].splits
        if is_split and config not in self.layout.configurations:
            self.reference = self.reference._replace(config="", split=config)

    def files(self, reference: Reference, request: DataRequest) -> Fetched:
        """The files of its configuration, downloaded where they are not yet in the cache."""
        configuration = self._configuration(reference.config or self.layout.default)
        if reference.split and reference.split not in configuration.splits:
            known = f"Its splits: {', '.join(configuration.splits)}."
            raise UsageError(f"hf:{self._asked}: there is no split {reference.split!r}.", known)
        splits = {name: [Path(path) for path in paths] for name, paths in configuration.splits.items()}
        wanted = {WHOLE: splits[reference.split]} if reference.split else splits
        train, valid = sides_of(wanted, f"hf:{self._asked}")
        unknown = [path for path in (*train, *valid) if request.readers.by_suffix(path) is None]
        if unknown:
            hint = f"Read are {', '.join(request.readers.suffixes)}."
            raise MftError(f"hf:{self._asked} holds {unknown[0]}, which no reader reads.", hint)
        folder = self._download([path.as_posix() for path in (*train, *valid)], self.reference)
        place = [tuple(folder / path for path in side) for side in (train, valid)]
        return Fetched(place[0], place[1], str(reference), configuration.reader)

    def _configuration(self, name: str) -> Configuration:
        known = self.layout.configurations
        if not name:
            raise UsageError(
                f"hf:{self._asked} has several configurations, and none is the default one.",
                f"Name one, as in hf:{self.reference.name}:{next(iter(known))}. There are {', '.join(known)}.",
            )
        if name not in known:
            raise UsageError(f"hf:{self._asked}: there is no configuration {name!r}.", did_you_mean(name, known))
        return known[name]

    def _described(self, reference: Reference, cache: Path) -> tuple[Path, Collection[str]]:
        """The snapshot's folder with the files that describe it, and the names of all its files."""
        folder = self._download(META, reference)
        kept = cache / reference.name.replace("/", "--") / folder.name / NAMES
        if kept.is_file():
            return folder, json.loads(kept.read_text(encoding="utf-8"))
        from huggingface_hub import HfApi, constants

        if constants.HF_HUB_OFFLINE:
            names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
            return folder, names
        with self._errors(reference):
            names = sorted(HfApi().list_repo_files(reference.name, revision=folder.name, repo_type="dataset"))
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, json.dumps(names))
        return folder, names

    def _download(self, patterns: Sequence[str], reference: Reference) -> Path:
        from huggingface_hub import snapshot_download

        with self._errors(reference):
            folder = snapshot_download(
                reference.name, repo_type="dataset", revision=reference.revision or None, allow_patterns=list(patterns)
            )
        gone = [name for name in patterns if name not in META and not (Path(folder) / name).is_file()]
        if gone:
            raise MftError(f"hf:{self._asked}: {gone[0]} is not in the cache.", "Fetch it once with a network.")
        return Path(folder)

    def _errors(self, reference: Reference) -> Any:
        page = f"https://huggingface.co/datasets/{reference.name}"
        return hub_errors(reference.name, f"data set {self._asked}", page, "or name files on this machine.")
