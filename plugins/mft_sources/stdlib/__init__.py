"""The `stdlib` data source: five real code tasks made from the Python standard library of the user's own machine."""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from mft_core.interfaces import DataRequest, Options, Source
from mft_core.records import TaskFiles
from mft_core.support.suggestions import did_you_mean
from mft_sources.stdlib.generate import generate
from mft_sources.stdlib.modules import Module, find_modules, fingerprint
from mft_sources.stdlib.store import is_intact, write
from mft_sources.stdlib.tasks import TASKS


def _known_tasks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in TASKS:
            raise ValueError(f"there is no stdlib task {name!r}. {did_you_mean(name, TASKS)}")
    return names


class StandardLibraryOptions(Options):
    """Options of the `stdlib` source."""

    tasks: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_tasks)] = Field(
        tuple(TASKS), description="which of its tasks are handed over"
    )
    validation_fraction: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="share of every task that is for validation: whole modules, about 20 samples or more",
    )


class StandardLibrary(Source[StandardLibraryOptions]):
    """completion, comment, text2code, repair and unit_test, from the source of Python's own modules.

    Needs no download, executes nothing it reads, and gives the same files for the same Python. Training and
    validation samples come from different modules. The files stay in the request's cache folder, and a second
    call uses them again.
    """

    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """The tasks' files, generated on the first call (seconds).

        Raises:
            MftError: this Python has no source of its library, or the cache cannot be written.
        """
        modules = find_modules(Path(sysconfig.get_path("stdlib")))
        fraction = self.options.validation_fraction
        folder = request.cache / _folder_name(modules, fraction)
        if not is_intact(folder):
            write(generate(modules, fraction), folder)
        return [
            TaskFiles(name, (folder / name / "train.jsonl",), (folder / name / "valid.jsonl",))
            for name in sorted(set(self.options.tasks))
        ]


def _folder_name(modules: list[Module], fraction: float) -> str:
    """Names everything the records depend on: the library, this generator and its options."""
    here = Path(__file__).parent
    generator = [Module(path.relative_to(here).as_posix(), path) for path in sorted(here.rglob("*.py"))]
    key = f"{fingerprint(modules)} {fingerprint(generator)} {fraction!r}"
    return f"stdlib-{platform.python_version()}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
