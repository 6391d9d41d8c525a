"""What every component must do, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mft_core.registry.options import Configurable


class ComponentTests:
    """Inherited by the tests of each kind.

    Attributes:
        component: the class under test; a test class sets it.
        options: what a recipe would give it.
    """

    component: ClassVar[type[Configurable]]
    options: ClassVar[Mapping[str, Any]] = {}

    def build(self) -> Any:
        """A new instance with `options`."""
        return self.component.from_options(self.options)

    def test_every_option_has_a_default_and_a_description(self) -> None:
        for name, field in self.component.Options.model_fields.items():
            assert not field.is_required(), f"{name} has no default"
            assert field.description, f"{name} has no Field(description=...), so `mft show` cannot explain it"

    def test_its_docstring_says_what_it_is(self) -> None:
        assert (self.component.__doc__ or "").strip(), "`mft show` prints the class's docstring, and there is none"
