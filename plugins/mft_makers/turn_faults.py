"""What goes wrong in conversations of two models: they change roles, write both sides, or go round in circles.

The faults are those that CAMEL reports (arXiv 2303.17760, section 4.1: role flipping, repeated instructions, flake
replies, endless loops), and what chat models do beside them: a name before what they say.
"""

from __future__ import annotations

import re

from mft_makers.answers import folded, prose_of

STUDENT, TEACHER = "student", "teacher"
NAMES = {STUDENT: ("student", "learner", "学生", "同学"), TEACHER: ("teacher", "tutor", "instructor", "老师", "教师")}
OTHER = {STUDENT: TEACHER, TEACHER: STUDENT}

FLIPS = {
    TEACHER: re.compile(
        r"\bas (?:a|your|the) (?:student|learner)\b|\bI(?:'m| am) (?:a|your|the|just a) (?:student|learner|beginner)\b"
        r"|\bthank(?:s| you)[^.!?\n]{0,30}(?:explain|explanation|teacher|lesson)"
        r"|作为(?:一名|一个|你的|您的)?学生|我是(?:一名|一个|你的|您的)?(?:学生|初学者)|谢谢老师|老师[，,]?(?:您好|你好|请问|我)"
        r"|(?:谢谢|感谢)[^。！？\n]{0,10}讲解",
        re.IGNORECASE,
    ),
    STUDENT: re.compile(
        r"\bas (?:a|your|the) (?:teacher|tutor|instructor)\b"
        r"|\bI(?:'m| am) (?:a|your|the) (?:teacher|tutor|instructor)\b"
        r"|\b(?:let me|I(?:'ll| will|'m going to| am going to)) (?:explain|teach|show you|walk you)"
        r"|^\W*(?:great|good|excellent) question\b|\bin today's lesson\b|\byour (?:homework|next exercise) is\b"
        r"|作为(?:一名|一个|你的|您的)?(?:老师|教师)|我是(?:一名|一个|你的|您的)?(?:老师|教师)|(?:让我|我)来?(?:给你|为你)(?:解释|讲解|讲讲|演示)"
        r"|让我来(?:解释|讲解)|^\W*(?:这是个?)?(?:好问题|问得好)|同学们",
        re.IGNORECASE,
    ),
}
"""What only the other one would say: "As a student, ..." by the teacher, "Let me explain" by the student."""


def without_label(text: str, speaker: str) -> str:
    """A turn without the speaker's own name before it: "Teacher: A list ..."."""
    return _label(NAMES[speaker]).sub("", text.strip(), count=1).strip()


def fault(text: str, speaker: str, before: str, own_before: str) -> str:
    """What is wrong with a turn, in the words it is counted by; "": nothing.

    Args:
        text: the turn, without its label.
        speaker: `STUDENT` or `TEACHER`.
        before: the other's turn before it; "" where there is none.
        own_before: the speaker's own turn before that; likewise.
    """
    said = prose_of(text)
    if not text.strip():
        return f"the {speaker} says nothing"
    if _label(NAMES[OTHER[speaker]]).match(said.strip()):
        return f"the {speaker} changes role"
    if any(_label((*NAMES[STUDENT], *NAMES[TEACHER])).match(line.strip()) for line in said.splitlines()):
        return f"the {speaker} speaks for both"
    if FLIPS[speaker].search(said):
        return f"the {speaker} changes role"
    if folded(text) in {folded(before), folded(own_before)}:
        return f"the {speaker} repeats"
    return ""


def _label(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        rf"(?:#+[ \t]*)?[*_\[(【]{{0,2}}(?:{'|'.join(names)})[*_\])】]{{0,2}}[ \t]*[:：][*_]{{0,2}}", re.IGNORECASE
    )
