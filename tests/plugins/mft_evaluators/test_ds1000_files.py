"""What programs leave is taken apart by lengths only, whatever they write."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from helpers import small_code_sets
from helpers.small_code_sets import ds1000_members, write_ds1000
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt
from mft_core.sandbox import available_tiers
from mft_evaluators.ds1000 import Ds1000
from mft_evaluators.ds1000_files import results_in


def sparse_archive() -> bytes:
    """A member of 2 KB that says that it has 2**60 bytes."""
    member = tarfile.TarInfo("result/result_1.pkl")
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "result/result_1.pkl"}
    member.pax_headers |= {"GNU.sparse.size": str(2**60), "GNU.sparse.map": "0,0"}
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    return packed.getvalue()


def archive_that_goes_back() -> bytes:
    """A header whose size is -512: who goes on behind the member reads the same header again."""
    header = bytearray(tarfile.TarInfo("result/result_1.pkl").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (b"\xff" * 4) + (-512).to_bytes(8, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


HOSTILE = {
    "sparse archive": sparse_archive(),
    "archive that goes back": archive_that_goes_back(),
    "negative": b"-512\nabc",
    "too long": b"999999999999\nabc",
    "endless digits": b"9" * 100_000,
    "nothing": b"",
    "no digits": b"\xb2\nab",
}


def test_results_are_told_apart_by_their_lengths() -> None:
    assert results_in(b"3\nabc0\n  2\n\n\n", ["1", "2", "7"]) == {"1": b"abc", "2": b"", "7": b"\n\n"}
    assert results_in(b"3\nabc4\nabc", ["1", "2"]) == {"1": b"abc"}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_has_no_such_lengths_has_no_results(name: str) -> None:
    assert results_in(HOSTILE[name], ["1"]) == {}


@pytest.mark.slow
@pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
def test_a_program_that_writes_to_the_judge_fails_and_ends_nothing(tmp_path: Path) -> None:
    data = write_ds1000(tmp_path / "set", small_code_sets.DS1000, ds1000_members())
    judging = Ds1000(Ds1000.Options.model_validate({"data": str(data), "workers": 2}))
    item = judging.items(EvaluationRequest(tmp_path))[0]
    programs = [f"import os\nos.write(3, {content[:4096]!r})\nresult = 0\n" for content in HOSTILE.values()]
    programs.append(judging.reference(item))
    verdicts = list(judging.judge_many([Attempt(item, number, text) for number, text in enumerate(programs)]))
    assert [verdict.outcome for verdict in verdicts] == [*["fail"] * len(HOSTILE), "pass"], verdicts
