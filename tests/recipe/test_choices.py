"""Components by name, with options of their own."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from mft_core.recipe.choices import LOSS, Choice, LossChoice, PackerChoice, as_table


@pytest.mark.parametrize(
    ("given", "name", "options"),
    [
        ("famo", "famo", {}),
        ({"name": "famo", "every": 4}, "famo", {"every": 4}),
        ({"by": "samples"}, LOSS, {"by": "samples"}),
    ],
)
def test_a_name_or_a_table_whose_options_belong_to_the_default(given: object, name: str, options: dict) -> None:
    found = TypeAdapter(LossChoice).validate_python(given)
    assert found == Choice(name=name, options=options)
    assert as_table(found) == {"name": name, **options}


def test_without_options_it_is_written_as_its_name_but_for_a_loss() -> None:
    packer, loss = TypeAdapter(PackerChoice), TypeAdapter(LossChoice)
    assert packer.dump_python(packer.validate_python("pad")) == "pad"
    assert packer.dump_python(packer.validate_python({"name": "pad", "x": 1})) == {"name": "pad", "x": 1}
    assert loss.dump_python(loss.validate_python("famo")) == {"name": "famo"}


def test_a_component_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PackerChoice).validate_python(3)
