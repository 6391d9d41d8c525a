"""What every reader must do: records with their places, the same ones every time, and errors that users understand."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest

from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import RawRecord, Reader, place_in_words
from mft_core.data.record_forms import parse_record
from mft_core.errors import MftError
from mft_core.testing.components import ComponentTests


class ReaderTests(ComponentTests):
    """Inherit, set `component`, and override `path`."""

    component: ClassVar[type[Reader]]

    @pytest.fixture
    @abstractmethod
    def path(self, tmp_path: Path) -> Path:
        """A file of at least three good records and no bad one, with the first of `suffixes`."""

    def test_its_suffixes_can_be_found(self) -> None:
        suffixes = self.component.suffixes
        assert suffixes
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes), suffixes

    def test_a_file_of_its_kind_is_recognised(self, path: Path) -> None:
        assert path.name.endswith(self.component.suffixes[0])
        assert self.build().recognises(path)

    def test_every_record_is_one(self, path: Path) -> None:
        reader = self.build()
        records = list(reader.records(path))
        assert len(records) >= 3
        assert [record.fault for record in records if record.fault] == []
        form = reader.place_form(path)
        for record in records:
            parse_record(parse_line(record.text), f"{path}{place_in_words(form, record.place)}")

    def test_every_place_is_one_place(self, path: Path) -> None:
        reader = self.build()
        places = [record.place for record in reader.records(path)]
        assert places == sorted(set(places)), "places ascend: they are what a record is found by"
        assert all(0 <= place < 1 << 63 for place in places)
        form = reader.place_form(path)
        assert len({place_in_words(form, place) for place in places}) == len(places), form

    def test_a_second_reading_gives_the_same(self, path: Path) -> None:
        first, second = self.build(), self.build()
        assert list(first.records(path)) == list(second.records(path))
        assert first.inspect(path) == second.inspect(path)
        assert first.fingerprint == second.fingerprint

    def test_another_content_has_another_digest(self, path: Path) -> None:
        before = self.build().inspect(path)
        content = path.read_bytes()
        assert before.size > 0
        path.write_bytes(content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[-1:])
        with suppress(MftError):  # what is refused is not taken for the old file either
            assert self.build().inspect(path).digest != before.digest

    def test_a_file_that_is_not_there_is_an_error_that_names_it(self, path: Path) -> None:
        path.unlink()
        with pytest.raises(MftError) as caught:
            list(self.build().records(path))
        assert str(path) in caught.value.message

    @pytest.mark.parametrize("kept", [0.2, 0.5, 0.8, 0.99])
    def test_a_file_that_is_cut_short_is_an_error_or_has_fewer_records(self, path: Path, kept: float) -> None:
        whole = list(self.build().records(path))
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        assert len(self._records_or_error(path)) <= len(whole)

    def test_a_file_of_another_kind_is_an_error_or_has_faults_alone(self, path: Path) -> None:
        path.write_bytes(bytes(range(256)) * 64)
        assert all(record.text or record.fault for record in self._records_or_error(path))

    def _records_or_error(self, path: Path) -> list[RawRecord]:
        """The records; none where the file is refused by an error that names it."""
        reader, message = self.build(), ""
        try:
            reader.inspect(path)
            return list(reader.records(path))
        except MftError as error:
            message = error.message
        assert str(path) in message
        return []
