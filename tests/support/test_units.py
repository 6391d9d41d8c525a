"""Progress of a run, the plan before it and the result after it, as text."""

from __future__ import annotations

import math

import pytest

from mft_core.support import units


def test_numbers_read_well() -> None:
    assert [units.count(value) for value in (0, 9999, 10_000, 999_999, 1_234_567, 2e9, None)] == [
        "0", "9,999", "10k", "1M", "1.23M", "2B", "-",
    ]  # fmt: skip
    assert [units.duration(value) for value in (0, 59.6, 3661, None, math.nan)] == ["0:00", "1:00", "1:01:01", "-", "-"]
    assert [units.loss(value) for value in (1.23456, 0.00012, 0.0, None, math.nan)] == [
        "1.235", "1.20e-04", "0.000", "-", "-",
    ]  # fmt: skip
    assert [units.memory(value) for value in (2**20, 3 * 2**30, 2**41)] == ["1 MiB", "3.0 GiB", "2.0 TiB"]
    assert (units.percent(0.1234), units.percent(0.5, signed=True)) == ("12.3%", "+50.0%")
    assert [units.difference(value) for value in (0.5, -0.00005, -0.00004, -0.0, None)] == [
        "+0.5000", "-0.0001", "0.0000", "0.0000", "-",
    ]  # fmt: skip
    assert units.shorten("abcdefghij", 8) == "abcd..ij"


@pytest.mark.parametrize(
    ("share", "expected"), [(None, "-"), (0.25, "0.250"), (1.0, "1.000"), (1 / 300, "0.0033"), (0.012345, "0.012")]
)
def test_weights_keep_two_digits(share: float | None, expected: str) -> None:
    assert units.weight(share) == expected
