"""Examples of docstrings as tests."""

from __future__ import annotations

import pytest

from mft_sources.stdlib.doctests import as_test_function, split_docstring


def as_test(docstring: str) -> str | None:
    return as_test_function(
        "Fraction.half", split_docstring(docstring)[1], {"Fraction": "from fractions import Fraction"}
    )


def test_examples_become_assertions() -> None:
    docstring = """Halve.

    Examples:

    >>> x = Fraction(1, 2)
    >>> x == Fraction(2, 4)
    True
    >>> x.half()
    Fraction(1, 4)
    >>> print(x)
    1/2
    >>> Fraction(1, 0)
    Traceback (most recent call last):
        ...
    ZeroDivisionError: Fraction(1, 0)
    """
    assert split_docstring(docstring)[0] == "Halve."
    assert as_test(docstring) == (
        "from fractions import Fraction\nimport pytest\n\n\n"
        "def test_fraction_half():\n"
        "    x = Fraction(1, 2)\n"
        "    assert x == Fraction(2, 4)\n"
        "    assert x.half() == Fraction(1, 4)\n"
        "    assert str(x) == '1/2'\n"
        "    with pytest.raises(ZeroDivisionError):\n"
        "        Fraction(1, 0)"
    )


@pytest.mark.parametrize(
    "example",
    [
        ">>> Fraction(1)\n<Fraction object>",
        ">>> unknown(1)\n1",
        ">>> Fraction(1)",
        ">>> list('ab')  # doctest: +ELLIPSIS\n['a', ...]",
        ">>> for x in [1]: x\n1",
        ">>> 0.1\n0.10",
    ],
)
def test_what_cannot_be_asserted_stays_a_doctest(example: str) -> None:
    assert as_test(example) is None


def test_not_a_number_is_compared_as_text() -> None:
    test = as_test(">>> Fraction('NaN')\nFraction('NaN')")
    assert test is not None
    assert """assert repr(Fraction('NaN')) == "Fraction('NaN')\"""" in test
