from __future__ import annotations

import pkgutil
import sys
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field

from mft_core import hookspecs, interfaces
from mft_core.errors import MftError, UsageError
from mft_core.hookspecs import Component
from mft_core.registry.absent import Absent
from mft_core.registry.catalog import AmbiguousComponent, Catalog, Entry
from mft_core.registry.kinds import KINDS


class SquareRootOptions(interfaces.LossOptions):
    floor: float = Field(0.1, ge=0, description="smallest weight")
    form: Literal["soft", "hard"] = Field("soft", description="of the weights")


class SquareRoot(interfaces.Loss[SquareRootOptions]):
    def task_weights(self) -> np.ndarray:
        return np.ones(1)


class Unfinished(interfaces.Loss):
    pass


class NoLoss:
    pass


def entry(name: str, plugin: str = "acme", target: str = "SquareRoot", kind: str = "loss", **more: Any) -> Entry:
    target = target if ":" in target else f"{__name__}:{target}"
    return Entry(kind, Component(name, target, "a loss", **more), plugin, plugin, "1.0")


def test_kinds_are_the_hooks_that_return_components() -> None:
    hooks = {name for name in dir(hookspecs) if name.startswith("mft_")}
    assert {kind.hook for kind in KINDS.values()} == hooks - {"mft_add_commands", "mft_on_event"}
    assert all(issubclass(pkgutil.resolve_name(kind.interface), interfaces.Configurable) for kind in KINDS.values())


def test_found_by_name_alias_and_qualified_name() -> None:
    catalog = Catalog([entry("sqrt", aliases=("root",)), entry("cube")])
    names = ("sqrt", "root", "acme/sqrt", "acme/root")
    assert {catalog.get("loss", name).name for name in names} == {"sqrt"}
    assert catalog.find("loss", "other/sqrt") is None
    assert catalog.find("model", "sqrt") is None


def test_an_unknown_name_lists_what_there_is() -> None:
    catalog = Catalog([entry("famo"), entry("balanced")], absent=[Absent("sick", "broken", "ImportError: no x")])
    with pytest.raises(UsageError) as caught:
        catalog.get("loss", "fmo")
    assert "Did you mean 'famo'? There is: balanced, famo." in caught.value.hint
    assert "Not searched: sick (broken)" in caught.value.message


def test_a_name_of_a_broken_plugin_says_why() -> None:
    catalog = Catalog([], absent=[Absent("sick", "broken", "ImportError: no x")])
    with pytest.raises(UsageError, match="Plugin 'sick' is broken: ImportError: no x"):
        catalog.get("loss", "sick/famo")


def test_an_unknown_kind() -> None:
    with pytest.raises(UsageError, match="Did you mean 'loss'"):
        Catalog([]).get("losses", "famo")


def test_two_plugins_of_one_name_are_ambiguous_until_one_is_preferred() -> None:
    entries = [entry("famo", "acme"), entry("famo", "mft-losses")]
    with pytest.raises(AmbiguousComponent) as caught:
        Catalog(entries).get("loss", "famo")
    assert "--loss acme/famo" in caught.value.hint
    assert "[prefer]" in caught.value.hint
    assert Catalog(entries).get("loss", "acme/famo").plugin == "acme"
    assert Catalog(entries, {"loss.famo": "mft-losses"}).get("loss", "famo").plugin == "mft-losses"


def test_an_alias_never_takes_another_plugins_name_silently() -> None:
    with pytest.raises(AmbiguousComponent):
        Catalog([entry("famo", "mft-losses"), entry("sqrt", "acme", aliases=("famo",))]).get("loss", "famo")


def test_a_preferred_plugin_that_lacks_the_name_is_an_error() -> None:
    catalog = Catalog([entry("famo", "mft-losses")], {"loss.famo": "acme"}, [Absent("acme", "disabled", "in x.toml")])
    with pytest.raises(UsageError, match=r"Plugin 'acme' is disabled: in x\.toml") as caught:
        catalog.get("loss", "famo")
    assert "mft-losses" in caught.value.hint


def test_required_modules_are_checked_before_the_import() -> None:
    catalog = Catalog([entry("sqrt", target="tabnanny:Nothing", requires=("no_such_module",))])
    sys.modules.pop("tabnanny", None)
    with pytest.raises(MftError, match="pip install no_such_module"):
        catalog.load("loss", "sqrt")
    assert "tabnanny" not in sys.modules


def test_where_an_extra_brings_them_it_is_the_extra_that_is_to_be_installed() -> None:
    catalog = Catalog([entry("sqrt", requires=("no_such_module", "nor_this"), extra="roots")])
    with pytest.raises(MftError, match="no_such_module nor_this") as caught:
        catalog.load("loss", "sqrt")
    assert caught.value.hint == "Install it: pip install 'acme[roots]'"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("no_such_module:Loss", "cannot be imported: ModuleNotFoundError"),
        ("Missing", "has no Missing"),
        ("NoLoss", "not a subclass of mft_core.interfaces.Loss"),
        ("entry", "not a subclass of mft_core.interfaces.Loss"),
        ("Unfinished", "does not implement: task_weights"),
    ],
)
def test_targets_that_are_no_loss(target: str, expected: str) -> None:
    with pytest.raises(MftError) as caught:
        Catalog([entry("sqrt", target=target)]).load("loss", "sqrt")
    assert expected in str(caught.value)
    assert "loss 'sqrt' of plugin 'acme'" in caught.value.message
    assert caught.value.exit_code == 1


def test_build_gives_the_options_of_the_component() -> None:
    catalog = Catalog([entry("sqrt")])
    loss = catalog.build("loss", "sqrt", {"floor": 0.5, "by": "samples"})
    assert isinstance(loss, SquareRoot)
    assert (loss.options.floor, loss.options.by, loss.options.form) == (0.5, "samples", "soft")
    assert catalog.build("loss", "sqrt").options == SquareRootOptions()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"flor": 1}, "[loss] flor: unknown option; did you mean 'floor'?"),
        ({"floor": -1}, "[loss] floor = -1: Input should be greater than or equal to 0"),
        ({"form": "sofd"}, "[loss] form = 'sofd': Input should be 'soft' or 'hard'"),
    ],
)
def test_wrong_options_name_the_place(options: dict, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        Catalog([entry("sqrt")]).build("loss", "sqrt", options, "[loss]")
    assert expected in caught.value.message
    assert caught.value.hint.startswith("Options of loss 'sqrt': by, ")
    assert caught.value.hint.endswith(", floor, form.")


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        Catalog([entry("sqrt")]).build("loss", "sqrt", {"flor": 1, "form": 2}, "[loss]")
    assert "flor" in caught.value.message
    assert "form" in caught.value.message
