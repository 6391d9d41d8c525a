"""What every importer must do: make recipes that are valid, and lose no key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mft_core.importing.importer import Conversion, Importer
from mft_core.recipe.schema import Recipe
from mft_core.testing.components import ComponentTests

UNKNOWN = "a_key_that_no_tool_has"


class ImporterTests(ComponentTests):
    """Inherit, and set `component` and `config`."""

    component: ClassVar[type[Importer]]

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        """A configuration of the tool, with a base model and at least one data set."""
        raise NotImplementedError("give a configuration")

    def converted(self, config: Mapping[str, Any], folder: Path) -> Conversion:
        """A finished conversion."""
        conversion = Conversion(config, folder)
        self.build().convert(conversion)
        conversion.finish()
        return conversion

    def test_it_recognises_its_own_configuration(self, config: Mapping[str, Any]) -> None:
        assert self.build().recognises(config) > 0
        assert self.build().recognises({UNKNOWN: 1}) == 0

    def test_the_recipe_is_valid_and_names_base_and_tasks(self, config: Mapping[str, Any], tmp_path: Path) -> None:
        values = self.converted(config, tmp_path).values
        recipe = Recipe.model_validate(values)
        assert values["model"]["base"]
        assert recipe.data.tasks

    def test_an_unknown_key_is_listed_with_a_reason(self, config: Mapping[str, Any], tmp_path: Path) -> None:
        left_out = self.converted({**config, UNKNOWN: 1}, tmp_path).left_out
        assert [row.key for row in left_out].count(UNKNOWN) == 1
        assert all(row.reason for row in left_out)

    def test_a_key_without_a_value_says_nothing(self, config: Mapping[str, Any], tmp_path: Path) -> None:
        conversion = self.converted({**config, UNKNOWN: None}, tmp_path)
        assert UNKNOWN in conversion.empty
        assert UNKNOWN not in [row.key for row in conversion.left_out]
