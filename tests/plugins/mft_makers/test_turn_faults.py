from __future__ import annotations

import pytest

from mft_makers.turn_faults import STUDENT, TEACHER, fault, without_label


@pytest.mark.parametrize(
    ("speaker", "text", "expected"),
    [
        (TEACHER, "As a student, I wonder about lists.", "the teacher changes role"),
        (TEACHER, "Thank you for the explanation, I see.", "the teacher changes role"),
        (TEACHER, "作为学生，我想知道。", "the teacher changes role"),
        (TEACHER, "谢谢老师！", "the teacher changes role"),
        (STUDENT, "As your teacher I ask you.", "the student changes role"),
        (STUDENT, "Great question! A list is ordered.", "the student changes role"),
        (STUDENT, "Let me explain what a list is.", "the student changes role"),
        (STUDENT, "让我来讲解列表。", "the student changes role"),
        (STUDENT, "Teacher: A list is ordered.", "the student changes role"),
        (TEACHER, "**Student**: What is it?", "the teacher changes role"),
        (TEACHER, "A list.\nStudent: And a set?\nTeacher: A set.", "the teacher speaks for both"),
        (STUDENT, "什么是列表？\n老师：列表有序。", "the student speaks for both"),
        (TEACHER, " \n", "the teacher says nothing"),
        (TEACHER, "What is a list", "the teacher repeats"),
        (STUDENT, "my own turn", "the student repeats"),
    ],
)
def test_what_goes_wrong_in_a_turn_is_found(speaker: str, text: str, expected: str) -> None:
    assert fault(text, speaker, "What is a list?", "My own turn.") == expected


@pytest.mark.parametrize(
    ("speaker", "text"),
    [
        (TEACHER, "A list is ordered. Let me explain: it has places."),
        (TEACHER, "That is a great question."),
        (STUDENT, "As I see it, my teacher said lists are ordered. Can you explain why?"),
        (STUDENT, "I tried this:\n```python\nTeacher: str = 'As a teacher, I'\n```\nWhy does it fail?"),
        (TEACHER, "Use a class:\n```python\nclass Student: ...\n```"),
        (STUDENT, "作业里的列表为什么有序？"),
    ],
)
def test_usual_turns_have_no_fault(speaker: str, text: str) -> None:
    assert fault(text, speaker, "What is a list?", "") == ""


def test_the_speakers_own_name_is_left_out() -> None:
    assert without_label("Teacher: A list.", TEACHER) == "A list."
    assert without_label("**Teacher:** A list.", TEACHER) == "A list."
    assert without_label("老师：列表。", TEACHER) == "列表。"
    assert without_label("Teacher: A list.", STUDENT) == "Teacher: A list."
    assert without_label("Teachers: they teach.", TEACHER) == "Teachers: they teach."
