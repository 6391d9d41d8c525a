"""The whole plugin API on one page.

A plugin is a module (or package) named by an entry point in the group `mft.v1`. It implements any of the
hooks below with `@hookimpl` and returns components: names with lazy targets, so that finding a plugin
imports none of its heavy code. The group's name carries the API's major version.

    # acme_losses/__init__.py                      # pyproject.toml
    from mft_core.hookspecs import Component, hookimpl   # [project.entry-points."mft.v1"]
                                                   # acme-losses = "acme_losses"
    @hookimpl
    def mft_losses():
        return [Component("sqrt", "acme_losses.sqrt:Sqrt", "weights ~ square root of the task's size")]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from mft_core.events import Event

API_GROUP = "mft.v1"
PROJECT = "mft"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Component:
    """Something that has a name on the command line.

    Attributes:
        name: what the user types, such as "famo"; lower-case letters and digits, joined by - or _.
        target: "module:Class", imported on first use.
        summary: its line in `mft list`.
        aliases: further names that find it.
        requires: modules that must be importable before the target is; checked on use.
        extra: of the package that offers it, which brings what `requires` names: the user is told to install
            `package[extra]`.
        last: `mft list` shows it behind the others of its kind, for what is taken where none of them fits.
    """

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str = ""
    last: bool = False


@hookspec
def mft_models() -> Sequence[Component]:  # type: ignore[empty-body]
    """Model families (`--model`); targets are `mft_core.interfaces.ModelAdapter`."""


@hookspec
def mft_bases() -> Sequence[Component]:  # type: ignore[empty-body]
    """Places base weights come from (`--base`); targets are `mft_core.interfaces.Base`."""


@hookspec
def mft_sources() -> Sequence[Component]:  # type: ignore[empty-body]
    """Places task data comes from (`data.source`); targets are `mft_core.interfaces.Source`."""


@hookspec
def mft_readers() -> Sequence[Component]:  # type: ignore[empty-body]
    """Kinds of files that records are read from (`data.reader`); targets are `mft_core.interfaces.Reader`."""


@hookspec
def mft_tokenizations() -> Sequence[Component]:  # type: ignore[empty-body]
    """Records to token ids and supervision (`data.tokenization`); targets are `mft_core.interfaces.Tokenization`."""


@hookspec
def mft_packers() -> Sequence[Component]:  # type: ignore[empty-body]
    """Samples to rows (`--packer`); targets are `mft_core.interfaces.Packer`."""


@hookspec
def mft_losses() -> Sequence[Component]:  # type: ignore[empty-body]
    """Multi-task objectives (`--loss`); targets are `mft_core.interfaces.Loss`."""


@hookspec
def mft_tuners() -> Sequence[Component]:  # type: ignore[empty-body]
    """What of a model is trained (`tune.method`); targets are `mft_core.interfaces.Tuner`."""


@hookspec
def mft_evaluators() -> Sequence[Component]:  # type: ignore[empty-body]
    """Measures of a trained model (`[[eval]]`); targets are `mft_core.interfaces.Evaluator`."""


@hookspec
def mft_importers() -> Sequence[Component]:  # type: ignore[empty-body]
    """Other tools' configurations (`mft init --from`); targets are `mft_core.interfaces.Importer`."""


@hookspec
def mft_makers() -> Sequence[Component]:  # type: ignore[empty-body]
    """Ways to make instruction data (`mft data make --method`); targets are `mft_core.interfaces.Maker`."""


@hookspec
def mft_optimizers() -> Sequence[Component]:  # type: ignore[empty-body]
    """What takes the steps (`train.optimizer`); targets are `mft_core.interfaces.Optimizer`."""


@hookspec
def mft_callbacks() -> Sequence[Component]:  # type: ignore[empty-body]
    """Work beside the steps of a run (`train.callbacks`); targets are `mft_core.interfaces.Callback`."""


@hookspec
def mft_add_commands(app: typer.Typer) -> None:
    """Add commands to the `mft` command line. Import heavy modules inside the command, not here."""


@hookspec
def mft_on_event(event: Event) -> None:
    """See every event of a run as it is written to metrics.jsonl (main process only).

    An exception raised here is reported once and does not stop the run.
    """
