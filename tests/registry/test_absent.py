"""What a run was made with and is gone is named with the package that had it, and how to have it again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.distributions import write_distribution
from mft_core.errors import MftError, UsageError
from mft_core.registry.absent import Absent, Recorded, not_to_be_had, recorded_components
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

LOSS = Recorded("loss", "sqrt", "acme", "acme-losses", "1.4", ("root",))
CODE = """
@hookimpl
def mft_losses():
    return [Component("{name}", "acme:Loss", "a loss")]
"""


def write_run(folder: Path, *components: Recorded) -> Path:
    """The record of a run."""
    folder.mkdir(exist_ok=True)
    content = {"components": [component._asdict() for component in components]}
    (folder / "components.json").write_text(json.dumps(content))
    return folder


def refused(run: Path, name: str = "sqrt", workspace: Workspace | None = None) -> MftError:
    """What looking a loss up in an opened run says."""
    plugins = discover(workspace or Workspace())
    with pytest.raises(MftError) as caught:
        plugins.opening(run).catalog.get("loss", name)
    return caught.value


@pytest.mark.parametrize("name", ["sqrt", "root", "acme/sqrt", "acme/root"])
def test_a_package_that_is_gone_is_named_with_its_version(name: str, site: Path) -> None:
    error = refused(write_run(site / "run", LOSS), name)
    assert "loss 'sqrt' of acme-losses 1.4: not installed" in error.message
    assert error.hint == "Install it: pip install acme-losses==1.4"


def test_all_that_is_gone_is_named_at_once(site: Path) -> None:
    others = [Recorded("callback", "bell", "acme", "acme-losses", "1.4"), Recorded("packer", "nap", "nap", "nap", "2")]
    present = Recorded("loss", "famo", "mft-losses", "mft", "9.9")
    error = refused(write_run(site / "run", present, *others, LOSS))
    assert [part in error.message for part in ("'sqrt'", "callback 'bell'", "packer 'nap' of nap 2", "famo")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert error.hint.splitlines() == ["Install it: pip install acme-losses==1.4", "Install it: pip install nap==2"]


def test_a_plugin_that_is_there_and_broken_says_why(site: Path) -> None:
    write_distribution(site, "acme", "import no_such_module\n", name="acme-losses", version="1.4")
    error = refused(write_run(site / "run", LOSS))
    assert "installed and broken: ModuleNotFoundError: No module named 'no_such_module'" in error.message
    assert "pip install" not in error.hint


def test_a_plugin_that_is_disabled_says_where(site: Path) -> None:
    write_distribution(site, "acme", CODE.format(name="sqrt"), name="acme-losses", version="1.4")
    Path("plugins.toml").write_text('disabled = ["acme"]\n', encoding="utf-8")
    error = refused(write_run(site / "run", LOSS), workspace=Workspace.find())
    assert f"disabled in {Path('plugins.toml').resolve()}" in error.message
    assert "`disabled`" in error.hint


def test_another_version_that_lost_the_component_is_named(site: Path) -> None:
    write_distribution(site, "acme", CODE.format(name="cube"), name="acme-losses", version="2.0")
    error = refused(write_run(site / "run", LOSS))
    assert "installed is 2.0, which does not offer it" in error.message
    assert error.hint == "Install it: pip install acme-losses==1.4"


def test_a_file_is_asked_for_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    local = Recorded("loss", "mine", "mine", str(path), "local")
    assert "that file is gone" in not_to_be_had([local], []).message
    path.touch()
    error = not_to_be_had([local], [])
    assert f"loss 'mine' of {path}: that file was not given" in error.message
    assert error.hint == f"Give it: --plugin {path}"


def test_what_the_run_did_not_have_is_a_misspelt_name(site: Path) -> None:
    error = refused(write_run(site / "run", LOSS), "fmo")
    assert isinstance(error, UsageError)
    assert "Did you mean 'famo'?" in error.hint


def test_what_another_plugin_offers_is_had(site: Path) -> None:
    write_distribution(site, "other", CODE.format(name="sqrt"))
    found = discover(Workspace()).opening(write_run(site / "run", LOSS)).catalog.get("loss", "sqrt")
    assert found.plugin == "other"


def test_a_recorded_component_that_cannot_be_imported_is_refused_with_the_reason() -> None:
    catalog = Catalog([], recorded=[LOSS], absent=[Absent("acme", "broken", "ImportError: no x")])
    catalog.require_recorded("model")
    catalog.require_recorded("loss", "cube")
    with pytest.raises(MftError, match="ImportError: no x"):
        catalog.require_recorded("loss")
    with pytest.raises(MftError, match="sqrt"):
        catalog.require_recorded("loss", "root")


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"components": 3}', '{"components": [{"kind": "loss"}]}'])
def test_a_record_that_cannot_be_read_adds_nothing(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "components.json").write_text(text)
    assert recorded_components(tmp_path) == ()


def test_the_folder_of_a_runs_result_is_of_the_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run", LOSS)
    for name in ("final", "checkpoints"):
        (tmp_path / "run" / name).mkdir()
    assert recorded_components(tmp_path / "run" / "final") == recorded_components(tmp_path / "run") == (LOSS,)
    assert recorded_components(tmp_path / "run" / "checkpoints") == ()
