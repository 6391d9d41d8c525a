"""Another tool's configuration to a recipe: what an importer's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mft_core.registry.options import Configurable, SomeOptions

Convert = Callable[[Any], Any]
Reasons = Mapping[str, str]


class Carry(NamedTuple):
    """One key of theirs that has an equivalent.

    Attributes:
        key: theirs.
        to: ours, dotted, such as "train.learning_rate".
        convert: their value to ours; None: it is the same.
        default: their value where the key is not given and ours would be another; None: ours will do.
    """

    key: str
    to: str
    convert: Convert | None = None
    default: Any = None


class LeftOut(NamedTuple):
    """A key that is not carried over, its value, and why."""

    key: str
    value: Any
    reason: str


class Conversion:
    """A configuration on its way to a recipe: what is set, and which keys have been dealt with.

    Args:
        config: all of it.
        folder: of its file.

    Attributes:
        latest: the key that was taken last, for messages.
        values: of the recipe, section by section.
        left_out: keys that were not carried over, with reasons.
        remarks: on what is set, to be read by the user.
    """

    def __init__(self, config: Mapping[str, Any], folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._seen: set[str] = set()
        self.latest = ""
        self.values: dict[str, Any] = {}
        self.left_out: list[LeftOut] = []
        self.remarks: list[str] = []

    def take(self, key: str, default: Any = None) -> Any:
        """A value, whose key is then dealt with; the default where it is absent, null or empty."""
        self._seen.add(key)
        self.latest = key
        value = self._config.get(key)
        return default if _says_nothing(value) else value

    def set(self, to: str, value: Any) -> None:
        """Set a key of the recipe, dotted."""
        section, _, key = to.partition(".")
        if key:
            self.values.setdefault(section, {})[key] = value
        else:
            self.values[section] = value

    def carry(self, table: Iterable[Carry]) -> None:
        """Carry over every key of a table that is given, or whose default differs from ours."""
        for row in table:
            value = self.take(row.key, row.default)
            if value is not None:
                self.set(row.to, row.convert(value) if row.convert else value)

    def leave(self, key: str, reason: str) -> None:
        """Leave a key out, if it is given, with the reason."""
        value = self.take(key)
        if value is not None:
            self.left_out.append(LeftOut(key, value, reason))

    def leave_all(self, reasons: Reasons) -> None:
        """Leave several out, unless they have been dealt with."""
        for key, reason in reasons.items():
            if key not in self._seen:
                self.leave(key, reason)

    def leave_beginning(self, reasons: Reasons) -> None:
        """Leave out every key that begins so, unless it has been dealt with."""
        for beginning, reason in reasons.items():
            self.leave_all({key: reason for key in self._config if key.startswith(beginning)})

    def remark(self, text: str) -> None:
        """Say something about what is set."""
        self.remarks.append(text)

    def finish(self) -> None:
        """Leave out whatever nothing was done with."""
        for key in self._config:
            if key not in self._seen:
                self.leave(key, "nothing here is known to be its equivalent")

    @property
    def empty(self) -> list[str]:
        """Keys that are there and say nothing."""
        return [key for key, value in self._config.items() if _says_nothing(value)]

    def path(self, text: str) -> str:
        """A path of theirs as an absolute one where it is found: in the working folder, or in that of the file or one
        above it. What is found nowhere stays as it is: it may be a name on the Hub.
        """
        for folder in (Path.cwd(), self._folder, *self._folder.resolve().parents):
            found = folder / Path(text).expanduser()
            if found.exists():
                return str(found.resolve())
        return text


def _says_nothing(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


class Importer(Configurable[SomeOptions]):
    """Makes a recipe of another tool's configuration (`mft init --from`).

    Attributes:
        tool: what it is called.
        marks: keys of which such a configuration has at least one, and hardly any other tool's has.
    """

    tool: ClassVar[str]
    marks: ClassVar[frozenset[str]]

    def recognises(self, config: Mapping[str, Any]) -> int:
        """How much it looks like a configuration of this tool: how many of its keys are `marks`."""
        return len(self.marks & config.keys())

    @abstractmethod
    def convert(self, conversion: Conversion) -> None:
        """Carry over what has an equivalent, and leave out the rest with reasons; what is not looked at is left out.

        Raises:
            UsageError: what is configured is no supervised fine-tuning of a language model.
        """
