"""Sets of problems: found by name, checked, told apart by their digest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mft_core.errors import MftError, UsageError
from mft_core.evaluation.items import Item
from mft_core.evaluation.published_sets import PublishedSet, load_set, set_digest

ROWS = [{"id": 1, "text": "a"}, {"id": 2, "text": "ß"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize("name", ["Known.jsonl", "Known.jsonl.gz", "Known.json", "other.jsonl"])
@pytest.mark.parametrize("by_folder", [True, False])
def test_a_set_is_a_file_or_a_folder(name: str, by_folder: bool, tmp_path: Path) -> None:
    text = json.dumps(ROWS) if name.endswith(".json") else LINES
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "README.md").write_text("what it is")
    data = tmp_path if by_folder else tmp_path / name
    assert load_set(str(data), PublishedSet(("Known",), required=("id",)), "riddles") == ROWS


def test_what_is_wrong_with_a_set_is_said(tmp_path: Path) -> None:
    known = PublishedSet(("Known",), required=("id", "answer"))
    (tmp_path / "a.jsonl").write_text(LINES)
    with pytest.raises(MftError, match="row 1 has no 'answer'"):
        load_set(str(tmp_path), known, "riddles")
    (tmp_path / "b.jsonl").write_text(LINES + "no JSON\n")
    with pytest.raises(UsageError, match=r"does not hold Known\.jsonl or"):
        load_set(str(tmp_path), known, "riddles")
    with pytest.raises(MftError, match=r"b\.jsonl:3 is no JSON object"):
        load_set(str(tmp_path / "b.jsonl"), known, "riddles")
    with pytest.raises(UsageError, match=r"eval\.riddles\.data: there is no"):
        load_set(str(tmp_path / "c.jsonl"), known, "riddles")
    with pytest.raises(UsageError, match="where the set 'riddles' lies is not given"):
        load_set("", known, "riddles")


def test_the_digest_of_a_set_is_that_of_its_problems() -> None:
    items = [Item("1", {"text": "a", "n": 1}), Item("2", {"text": "b"})]
    assert set_digest(items) == set_digest([Item("1", {"n": 1, "text": "a"}), items[1]])
    assert len({set_digest(items), set_digest(items[:1]), set_digest([items[0], Item("2", {"text": "c"})])}) == 3
