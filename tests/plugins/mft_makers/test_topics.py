from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import write_rows
from mft_core.data.readers import installed_readers
from mft_core.errors import MftError, UsageError
from mft_makers.answers import folded
from mft_makers.topics import Topic, TopicsOptions, read_topics


def topics(**options: str) -> list[Topic]:
    return read_topics(TopicsOptions.model_validate(options), installed_readers())


@pytest.mark.parametrize(("language", "least"), [("en", 300), ("zh", 150)])
def test_the_bundled_points_are_many_and_distinct(language: str, least: int) -> None:
    found = topics(language=language)
    assert len({folded(topic.text) for topic in found}) == len(found) >= least
    assert len({topic.group for topic in found}) >= 15
    assert all(topic.group != topic.text for topic in found)


def test_a_text_has_a_point_on_each_line_under_headings(tmp_path: Path) -> None:
    path = tmp_path / "points.txt"
    path.write_text("first\n\n# Lists\n slices \nfirst\n## Sets\nunions\n", encoding="utf-8")
    assert topics(topics=str(path)) == [Topic("first", "Lists"), Topic("slices", "Lists"), Topic("unions", "Sets")]


def test_points_of_a_markdown_list_are_without_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "points.md"
    path.write_text(
        "# Lists\n- slices\n  * copies\n+ `*args`\n1. sorting\n12) keys\n-\n*args\n3.11 news\n", encoding="utf-8"
    )
    found = [topic.text for topic in topics(topics=str(path))]
    assert found == ["slices", "copies", "`*args`", "sorting", "keys", "*args", "3.11 news"]


def test_a_folder_is_no_file_of_topics(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        topics(topics=str(tmp_path))


def test_records_have_it_in_a_field(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "points.jsonl", [{"point": "slices", "n": 1}, {"point": " unions "}])
    assert topics(topics=str(path), field="point") == [Topic("slices", "slices"), Topic("unions", "unions")]
    with pytest.raises(MftError, match=r"points\.jsonl:1 has no text 'n'"):
        topics(topics=str(path), field="n")
    with pytest.raises(UsageError, match="which value"):
        topics(topics=str(path))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MftError, match=r"^There is no .*none\.txt with knowledge points"):
        topics(topics=str(tmp_path / "none.txt"))
    (tmp_path / "empty.txt").write_text("# only a heading\n", encoding="utf-8")
    (tmp_path / "gbk.txt").write_bytes("切片".encode("gbk"))
    with pytest.raises(MftError, match=r"gbk\.txt with knowledge points cannot be read"):
        topics(topics=str(tmp_path / "gbk.txt"))
    with pytest.raises(MftError, match="holds no knowledge point"):
        topics(topics=str(tmp_path / "empty.txt"))
    (tmp_path / "bad.jsonl").write_text('{"point": \n', encoding="utf-8")
    with pytest.raises(MftError, match=r"bad\.jsonl:1: bad JSON"):
        topics(topics=str(tmp_path / "bad.jsonl"), field="point")


def test_a_point_that_would_be_paid_for_by_the_page_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("slices\n" + "x" * 10_000 + "\n", encoding="utf-8")
    with pytest.raises(MftError, match=r"long\.txt has a knowledge point of 10000 characters: 'x{40}'"):
        topics(topics=str(tmp_path / "long.txt"))


def test_bundled_points_are_of_python_alone() -> None:
    with pytest.raises(UsageError, match=r"of Python, not of java"):
        topics(programming_language="java")
