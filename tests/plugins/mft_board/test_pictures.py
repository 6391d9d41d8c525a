"""Changes of tasks and who helps whom, as pictures."""

from __future__ import annotations

import xml.etree.ElementTree

from helpers.made_up_affinities import made_up_course
from mft_board.pictures import change_strip, heat_map
from mft_core.objective.affinity_summary import summarised
from mft_core.run.affinity_words import affinity_as_json


def test_a_strip_has_a_bar_for_every_task_that_was_measured() -> None:
    strip = change_strip([("a", -0.4, "improved"), ("b", 3.0, "worse"), ("c", 0.01, "unclear"), ("d", None, "")])
    paths = {path.get("class"): path.get("d") for path in xml.etree.ElementTree.fromstring(strip).findall("path")}
    assert paths == {
        "zero": "M0 12.0H120",
        "improved": "M20.0 12v9.6",
        "unclear": "M60.0 12v-0.2",
        "worse": "M100.0 12v-12.0",
    }
    assert change_strip([("d", None, "")]) == ""


def test_a_strip_of_many_tasks_is_small() -> None:
    assert len(change_strip([(f"{number}", -number / 300, "improved") for number in range(300)])) < 5000


def test_a_heat_map_names_each_pair_with_its_interval() -> None:
    names = ["<b>sql</b>", "repair", "修复"]
    picture = heat_map(affinity_as_json(summarised(made_up_course(names)), []))
    element = xml.etree.ElementTree.fromstring(picture)
    titles = [title.text for title in element.iter("title")]
    assert len(titles) == 9
    assert titles[1].startswith("<b>sql</b> on repair: -0.4")
    assert "[" in titles[1]
    assert {rect.get("fill") for rect in element.findall("rect")} == {"#5e3c99", "#e66101"}
    assert len([text for text in element.findall("text") if "number" in (text.get("class") or "")]) == 9


def test_a_heat_map_of_very_many_tasks_shows_those_that_stand_out_without_numbers() -> None:
    course = made_up_course([f"t{number}" for number in range(60)], measurements=2, look_ahead=False)
    element = xml.etree.ElementTree.fromstring(heat_map(affinity_as_json(summarised(course), [])))
    assert len(element.findall("rect")) == 30 * 30
    assert not [text for text in element.findall("text") if "number" in (text.get("class") or "")]
