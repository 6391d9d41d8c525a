"""A run's result made ready for a repository on the Hub: which files, and what its card says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.models.end_tokens import read_end_tokens
from mft_core.run.shared_card import shared_facts
from mft_core.support.hub_upload import check_name
from mft_core.support.run_folders import result_folder
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, RECORD_FILE
from mft_core.tuning.model_card import card_text
from mft_core.tuning.repository_files import RepositoryFile, named_base, repository_files

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog

FORMATS = ADAPTER, MERGED = "adapter", "merged"


def check_push(run: Path, repository: str, format: str, base_name: str) -> None:
    """Refuse what is wrong before anything is read.

    Raises:
        UsageError: no such folder or format, or a name that none can have on the Hub.
    """
    check_name(repository)
    if base_name:
        check_name(base_name.partition("@")[0])
    if format and format not in FORMATS:
        raise UsageError(f"There is no format {format!r} to push.", did_you_mean(format, FORMATS))
    if not run.is_dir():
        raise UsageError(f"There is no folder {run}.", "Name a run, or what `mft export` wrote.")


@contextmanager
def files_to_push(
    run: Path, repository: str, catalog: Catalog, *, format: str = "", base_name: str = "", base: str = ""
) -> Iterator[list[RepositoryFile]]:
    """The files of a run's result, of an adapter's folder or of a model's; those that are made last as long as this.

    Args:
        repository: their place on the Hub.
        format: "adapter" or "merged"; "": what the result is.
        base_name: the base's name on the Hub, ORG/NAME or ORG/NAME@REVISION; "": what the result's files say.
        base: reference of the base of an adapter that is merged, if that is no longer where it was; "": it is.

    Raises:
        UsageError: an adapter's base has no name on the Hub; a whole model is no adapter.
        MftError: there is no finished model; or what `export_run` raises.
    """
    place = result_folder(run)
    is_adapter, is_model = ((place / name).is_file() for name in (ADAPTER_CONFIG, "config.json"))
    if not is_adapter and not is_model and not (place / RECORD_FILE).is_file():
        raise MftError(f"{run} holds no finished model.", "A run has one, in final/, when it has ended.")
    if format == ADAPTER and not is_adapter:
        raise UsageError(f"{place} holds no adapter of PEFT's.", f"Use --format {MERGED}, or leave it out.")
    name, _, revision = base_name.partition("@")
    named = (name, revision or None) if name else named_base(place)
    shown = "@".join(filter(None, named)) if named else ""
    facts = shared_facts(run, place, shown, repository)
    if not is_adapter or format == MERGED:
        with _whole_model(run, place, not is_model, base, catalog) as folder:
            yield repository_files(folder, card_text(facts, "model", _ends(folder)), named)
        return
    if named is None:
        raise UsageError(
            "the adapter's base is a folder on this machine, and whoever fetches the adapter needs it by name",
            "--base-name ORG/NAME says what the Hub calls it; --format merged pushes base and adapter as one model.",
        )
    yield repository_files(place, card_text(facts, "adapter", _ends(place)), named)


@contextmanager
def _whole_model(run: Path, place: Path, merges: bool, base: str, catalog: Catalog) -> Iterator[Path]:
    """The folder of a model without adapters: as it is, or merged beside the run, where there was room for it."""
    if not merges:
        yield place
        return
    from mft_core.generation.opening import given_base
    from mft_core.models.recognition import model_adapters, of_recorded_family
    from mft_core.tuning.export import export_run

    with TemporaryDirectory(prefix=".push-", dir=run) as folder:
        merged = Path(folder) / MERGED
        with of_recorded_family(catalog):
            export_run(run, merged, model_adapters(catalog), format=MERGED, base=given_base(base, catalog))
        yield merged


def _ends(folder: Path) -> list[tuple[str, int]]:
    """Tokens that end an answer, with their ids; none where no tokenizer.json says what they are."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        return []
    tokenizer = Tokenizer.from_file(str(path))
    return [(tokenizer.id_to_token(end) or "", end) for end in read_end_tokens(folder)]
