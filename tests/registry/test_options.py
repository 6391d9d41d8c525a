from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import pydantic
import pytest
from pydantic import Field
from typing_extensions import TypeVar as TypeVarWithDefault

from helpers.paths import REPOSITORY
from mft_core import interfaces
from mft_core.evaluation.code import CodeEvaluator, CodeOptions
from mft_core.interfaces import Configurable, GenerativeOptions, Loss, LossOptions, Options
from mft_core.registry.options import PathText, path_options
from mft_core.testing.losses import random_counts

SNIPPET = """
from mft_core.interfaces import Loss, LossOptions
from mft_losses.famo import FamoOptions
from typing_extensions import reveal_type


class Mine(Loss[FamoOptions]):
    def task_weights(self):
        reveal_type(self.options.guard)
        reveal_type(self.options.alpha)
        return self.options.gama


class Plain(Loss):
    def task_weights(self):
        reveal_type(self.options)


def use(loss: Loss) -> None:
    reveal_type(loss.options.by)


use(Mine())
use(Plain())
reveal_type(Mine.from_options({"guard": False}).options)
Mine(LossOptions())
"""
TOLD = """
9: note: Revealed type is "bool"
10: note: Revealed type is "float | dict[str, float]"
11: error: "FamoOptions" has no attribute "gama"; maybe "gamma"?  [attr-defined]
16: note: Revealed type is "mft_core.objective.within_task.LossOptions"
20: note: Revealed type is "Literal['tokens'] | Literal['samples']"
25: note: Revealed type is "mft_losses.famo.FamoOptions"
26: error: Argument 1 to "Mine" has incompatible type "LossOptions"; expected "FamoOptions | None"  [arg-type]
"""


class Wide(LossOptions):
    width: int = Field(3, ge=1, description="of the base")


class Wider(Wide):
    margin: int = Field(1, description="of the subclass")


SomeWide = TypeVarWithDefault("SomeWide", bound=Wide, default=Wide, covariant=True)
SomeUndecided = TypeVar("SomeUndecided", bound=Wide)
SomeFree = TypeVar("SomeFree")
Other = TypeVar("Other")


class Base(Loss[SomeWide]):
    def task_weights(self) -> Any:
        return self.counts.importance


class Undecided(Loss[SomeUndecided]):
    pass


class Free(Loss[SomeFree]):  # type: ignore[type-var]
    pass


class Several(Base[SomeWide], Generic[Other, SomeWide]):
    pass


class Alone(Base):
    pass


class Extended(Base[Wider]):
    pass


class Further(Extended):
    pass


class Mixin(Generic[Other]):
    pass


class Mixed(Mixin[int], Base[Wider]):
    pass


class Attribute(Loss):
    Options = Wider


class BelowAttribute(Attribute):
    pass


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (Configurable, Options),
        (interfaces.Source, Options),
        (Loss, LossOptions),
        (interfaces.GenerativeEvaluator, GenerativeOptions),
        (CodeEvaluator, CodeOptions),
        (Base, Wide),
        (Undecided, Wide),
        (Free, LossOptions),
        (Alone, Wide),
        (Extended, Wider),
        (Further, Wider),
        (Mixed, Wider),
        (Several, Wide),
        (type("Made", (Loss,), {}), LossOptions),
    ],
)
def test_the_options_are_those_of_the_nearest_type_argument(
    component: type[Configurable], expected: type[Options]
) -> None:
    assert component.Options is expected


def test_the_options_need_not_be_the_first_type_argument() -> None:
    class Chosen(Several[int, Wider]):
        pass

    assert Chosen.Options is Wider


@pytest.mark.parametrize("component", [Attribute, BelowAttribute])
def test_a_class_attribute_says_it_too(component: type[Loss]) -> None:
    assert component.Options is Wider


def test_built_without_options_it_has_their_defaults() -> None:
    assert Extended().options == Wider()
    assert Extended(Wider(width=7)).options.width == 7
    assert Extended.from_options({"width": 5}).options == Wider(width=5)
    with pytest.raises(pydantic.ValidationError, match="wdith"):
        Extended.from_options({"wdith": 5})


@pytest.mark.parametrize("argument", [int, "Wider", Wider(), list[int], Wider | Wide, Any, GenerativeOptions, Options])
def test_a_type_argument_that_is_not_the_options_is_told_with_the_class(argument: object) -> None:
    with pytest.raises(TypeError, match=r"class \S*Wrong\(Loss\[.*derives from LossOptions; .* does not"):

        class Wrong(Loss[argument]):  # type: ignore[valid-type]
            pass


def test_options_narrower_than_an_extended_class_takes_are_told_with_its_own() -> None:
    with pytest.raises(TypeError, match=r"Base\[LossOptions\].*derives from Wide"):

        class Narrow(Base[LossOptions]):  # type: ignore[type-var]
            pass


def test_mypy_knows_the_options(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """As an author's mypy does, but for libraries whose types would take most of the time."""
    from mypy import api

    assert pytestconfig.cache is not None
    (tmp_path / "mine.py").write_text(SNIPPET, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nplugins = pydantic.mypy\ncheck_untyped_defs = true\n"
        "[mypy-torch.*,transformers.*,numpy.*]\nfollow_imports = skip\nignore_missing_imports = true\n",
        encoding="utf-8",
    )
    search = [
        "--config-file",
        str(tmp_path / "mypy.ini"),
        "--cache-dir",
        str(pytestconfig.cache.mkdir("mypy")),
        "--no-error-summary",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("MYPYPATH", f"{REPOSITORY}:{REPOSITORY / 'plugins'}")
        told, failed, _ = api.run([*search, "mine.py"])
    assert not failed
    assert [line.removeprefix("mine.py:") for line in told.splitlines()] == TOLD.strip().splitlines()


def test_the_example_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8").partition("## Options\n")[2]
    names: dict[str, Any] = {}
    exec(text.split("```")[1].removeprefix("python"), names)
    power = names["Power"].from_options({"exponent": 0.3})
    power.start(random_counts(3))
    assert power.task_weights().sum() == pytest.approx(1)


def test_the_core_says_that_it_has_types() -> None:
    assert (REPOSITORY / "mft_core" / "py.typed").exists(), "without it mypy ignores the types of what is installed"


def test_paths_among_options_are_known_by_their_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Paths(Options):
        text: PathText = ""
        several: list[PathText] = []
        maybe: Path | None = None
        word: str = "a"
        words: list[str] = []

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert path_options(Paths) == {"text", "several", "maybe"}
    assert Paths().text == ""
    assert Paths(text="~/a", several=["b"]).model_dump()["several"] == [str(tmp_path / "b")]
    assert Paths(text="~/a").text == "/home/me/a"
