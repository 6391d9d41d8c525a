from __future__ import annotations

from mft_core.data.line_records import Line, Parsed, parsed_line
from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.reading import AS_IT_IS, RecordForm

ORIGINS = ["other:{place}", "f:{place}"]


def test_a_form_of_its_own_is_looked_at_closely() -> None:
    line = Line(1, 7, b'{"prompt": "q", "response": "a"}')
    for form, first in ((AS_IT_IS, Turn("user", "q")), (RecordForm(system="Be brief."), Turn("system", "Be brief."))):
        parsed = parsed_line(line, ORIGINS, form)
        assert isinstance(parsed, Parsed)
        assert parsed.record.turns[0] == first
        assert parsed.record.origin == "f:7"


def test_what_is_no_record_is_said() -> None:
    lines = [Line(0, 1, b"{"), Line(0, 2, b'{"prompt": "q"}'), Line(0, 3, b"{}", ("ragged row", "2 cells"))]
    found = [parsed_line(line, ORIGINS, AS_IT_IS) for line in lines]
    assert [error.reason for error in found if isinstance(error, RecordError)] == [
        "bad JSON", "missing response", "ragged row",
    ]  # fmt: skip
