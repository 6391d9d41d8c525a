"""Heat maps for few tasks and many, in any script, with cells missing."""

from __future__ import annotations

import json

import pytest

from helpers.made_up_affinities import log_affinities, made_up_course
from helpers.made_up_runs import write_run
from mft_core.objective.affinity_summary import summarised
from mft_core.run.affinity_words import affinity_as_json
from mft_core.run.results import read_run_facts
from mft_core.support.pictures import drawing
from mft_report.affinity import heat_maps
from mft_report.page import page


def found(tasks: list[str], **more) -> dict:
    course = made_up_course(tasks, **more)
    return json.loads(json.dumps(affinity_as_json(summarised(course), [])))


def drawn(values: dict):
    """The axes with heat maps, laid out."""
    with drawing():
        figure = heat_maps(values)
        figure.draw_without_rendering()
        return [axes for axes in figure.axes if axes.images]


NAMES = ["代码补全", "$x_frac", "_hidden", "text2sql with a name that is far too long to be read"]


def test_few_tasks_have_their_numbers_in_the_cells() -> None:
    cosine, gain = drawn(found(NAMES))
    labels = [label.get_text() for label in cosine.get_yticklabels()]
    assert labels[:3] == NAMES[:3]
    assert len(labels[3]) == 24
    assert {text.get_text() for text in cosine.texts} >= {"+1.00", "+0.50"}
    assert len(gain.texts) == 16
    assert gain.images[0].get_array()[0, 2] == pytest.approx(0.5, abs=0.1)  # percent


@pytest.mark.parametrize("tasks", [1, 13, 30])
def test_colours_reach_as_far_as_the_cells_and_many_tasks_have_no_numbers(tasks: int) -> None:
    cosine, gain = drawn(found([f"task {number}" for number in range(tasks)]))
    assert cosine.images[0].get_clim() == (-1, 1)
    assert len(cosine.get_yticklabels()) == tasks
    assert len(gain.texts) == (tasks if tasks == 1 else 0)


def test_without_trial_steps_there_is_one() -> None:
    assert len(drawn(found(NAMES, look_ahead=False))) == 1


def test_what_is_not_known_stays_empty() -> None:
    values = found(NAMES)
    values["gain"]["mean"][1] = [None] * 4
    _, gain = drawn(values)
    assert len(gain.texts) == 12
    values["gain"]["mean"] = [[None] * 4] * 4
    assert not drawn(values)[1].texts


def test_the_page_says_it_in_words_and_escapes_names(tmp_path) -> None:
    run = write_run(tmp_path / "run", ["<b>sql</b>", "repair"])
    plain = page(read_run_facts(run), "<svg></svg>")
    assert "Who helps whom" not in plain
    log_affinities(run, ["<b>sql</b>", "repair"])
    text = page(read_run_facts(run), "<svg></svg>", "<svg id='heat'></svg>")
    assert "Who helps whom" in text
    assert "<svg id='heat'></svg>" in text
    assert "<b>sql" not in text
    assert "data.include=" in text
