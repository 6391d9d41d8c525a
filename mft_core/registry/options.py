"""Components are built from options: typed, validated from the recipe."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, ClassVar, Generic, TypeGuard, cast, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

# Python 3.10's own TypeVar has no default, and without one `Loss` alone would mean `Loss[Any]`.
from typing_extensions import Self, TypeVar

from mft_core.errors import UsageError
from mft_core.support.suggestions import nearest


class Options(BaseModel):
    """Base of every option declaration: typed, frozen, and strict about unknown keys.

    Give each field a default and a `Field(description=...)`: `mft show KIND.NAME` prints them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def _absolute(text: str) -> str:
    return str(Path.cwd() / Path(text).expanduser()) if text else ""


_ABSOLUTE = AfterValidator(_absolute)

PathText = Annotated[str, _ABSOLUTE]
"""The type of an option that is a path, "" for none; `pathlib.Path` will do as well.

In a recipe it is relative to the recipe's folder, on the command line to the working folder, "~" is expanded; the
component gets it absolute.
"""


def path_options(options: type[BaseModel]) -> frozenset[str]:
    """The names of the options that are paths, or lists of them."""
    fields = options.model_fields.items()
    return frozenset(name for name, field in fields if _ABSOLUTE in field.metadata or _is_path(field.annotation))


def default_options(options: type[BaseModel]) -> dict[str, Any]:
    """Every option with its default, as a recipe has it; without those that must be given, or are None, which TOML has
    no word for."""
    fields = {name: field for name, field in options.model_fields.items() if not field.is_required()}
    values = {name: to_jsonable_python(field.get_default(call_default_factory=True)) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _is_path(annotation: Any) -> bool:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, PurePath)
    return annotation == _ABSOLUTE or any(_is_path(part) for part in get_args(annotation))


# Covariant, since options are only read: a `Loss[FamoOptions]` is a `Loss`.
SomeOptions = TypeVar("SomeOptions", bound=Options, default=Options, covariant=True)


class Configurable(ABC, Generic[SomeOptions]):
    """Anything built from options. A subclass names their class as type argument: `class Famo(Loss[FamoOptions])`.

    Without one it has the options of its base. A class that others extend with options of their own passes a type
    variable on, `class CodeEvaluator(GenerativeEvaluator[SomeCodeOptions])`; used alone it has the options that are the
    variable's default, or else its bound.

    Attributes:
        Options: the class of its options, taken from the type argument.
        options: what it was built from.

    Raises:
        TypeError: when a subclass is defined, where its type argument cannot be the class of its options.
    """

    Options: ClassVar[type[Options]] = Options
    _options_variable: ClassVar[object] = SomeOptions  # type: ignore[misc]  # a type variable as a value

    def __init__(self, options: SomeOptions | None = None) -> None:
        # mypy knows the class of the options as SomeOptions, never as the value of `Options`.
        self.options = options if options is not None else cast("SomeOptions", self.Options())

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        argument = _options_argument(cls)
        if isinstance(argument, TypeVar):
            cls._options_variable = argument
            argument = _default_of(argument)
        if argument is not None and "Options" not in vars(cls):
            cls.Options = argument

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> Self:
        """An instance with these options, the others at their defaults.

        Raises:
            pydantic.ValidationError: an unknown option, or a value that is not allowed.
        """
        return cls(cast("SomeOptions", cls.Options.model_validate(dict(given))))


def _options_argument(component: type[Configurable]) -> Any:
    """What a class definition gives its base for the options: their class, a type variable, or None for nothing."""
    for base in vars(component).get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Configurable):
            # A base may have further type variables, and any of them may stand for the options.
            given = dict(zip(getattr(origin, "__parameters__", ()), base.__args__, strict=False))
            if origin._options_variable in given:
                argument = given[origin._options_variable]
                _check_argument(component, origin, argument)
                return argument
    return None


def _check_argument(component: type[Configurable], origin: type[Configurable], argument: object) -> None:
    bound = getattr(origin._options_variable, "__bound__", None)
    allowed = bound if _is_options(bound) else Options
    if isinstance(argument, TypeVar) or (_is_options(argument) and issubclass(argument, allowed)):
        return
    name = getattr(argument, "__qualname__", argument)
    raise TypeError(
        f"class {component.__qualname__}({origin.__name__}[{name}]): the type argument is the class of its options, "
        f"which derives from {allowed.__name__}; {name} does not."
    )


def _default_of(variable: TypeVar) -> type[Options] | None:
    """The options that a type variable stands for where nobody says more; None: it does not say."""
    candidates = (getattr(variable, name, None) for name in ("__default__", "__bound__"))
    return next((found for found in candidates if _is_options(found)), None)


def _is_options(found: object) -> TypeGuard[type[Options]]:
    # In Python 3.10 list[int] is an instance of type, though no class.
    return isinstance(found, type) and get_origin(found) is None and issubclass(found, Options)


def options_error(error: ValidationError, label: str, where: str, options: list[str]) -> UsageError:
    """The message about options that a component's declaration refuses.

    Args:
        label: of the component.
        where: the place of the options in the recipe.
        options: the names it has.
    """
    problems = [_problem(details, where, options) for details in error.errors()]
    listing = ", ".join(options) or "none"
    return UsageError(f"Wrong options for {label}:\n" + "\n".join(problems), f"Options of {label}: {listing}.")


def _problem(details: ErrorDetails, where: str, options: list[str]) -> str:
    key = ".".join(str(part) for part in details["loc"])
    place = f"{where} {key}".strip()
    if details["type"] == "extra_forbidden":
        match = nearest(key, options)
        return f"  {place}: unknown option" + (f"; did you mean {match!r}?" if match else "")
    if details["type"] == "missing":
        return f"  {place}: must be given"
    return f"  {place} = {details['input']!r}: {details['msg']}" if key else f"  {where}: {details['msg']}"
