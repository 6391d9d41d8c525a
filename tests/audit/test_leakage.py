from __future__ import annotations

from mft_core.audit.leakage import Problem, ProblemIndex
from mft_core.audit.shingles import code_shingles, text_shingles

ASKED = (
    "Return the largest gap between two neighbours of the sorted list, or zero where there are fewer than two numbers."
)
SOLVED = """
def largest_gap(numbers):
    ordered = sorted(numbers)
    gaps = [second - first for first, second in zip(ordered, ordered[1:])]
    return max(gaps, default=0)
"""
PROBLEM = Problem("set", "1", (ASKED, SOLVED))
OTHER = Problem("set", "2", ("Count how many words of a text begin with a capital letter and end with a digit.",))


def found(text: str, threshold: float = 0.5) -> list[tuple[str, str, float]]:
    index = ProblemIndex([PROBLEM, OTHER], threshold)
    hits = index.hits(text_shingles(text), code_shingles(text))
    return [(hit.problem.name, hit.view, hit.share) for hit in hits]


def test_a_problem_is_found_in_a_longer_text() -> None:
    assert found(f"Please help me. {ASKED} Thank you!") == [("1", "text", 1.0)]


def test_so_is_a_solution_with_other_names_and_another_layout() -> None:
    copy = SOLVED.replace("largest_gap", "f").replace("numbers", "xs").replace("ordered", "s").replace("gaps", "d")
    copy = copy.replace("second - first for first, second", "b - a for a, b").replace("    ", "\t")
    assert found(f"# my own work\n{copy}") == [("1", "code", 1.0)]


def test_half_of_it_is_found_by_its_share() -> None:
    words = ASKED.split()
    half = " ".join(words[: len(words) * 3 // 4])
    ((name, _, share),) = found(half)
    assert name == "1"
    assert 0.5 <= share < 1
    assert found(half, threshold=0.9) == []


def test_other_texts_hold_none() -> None:
    assert found("Return the smallest number of the list, or zero where there is none.") == []
    assert found("") == []


def test_what_many_problems_have_tells_nothing() -> None:
    common = "Complete the following function in Python so that all of the given tests pass without an error."
    problems = [Problem("set", str(number), (f"{common} Topic {number}.",)) for number in range(9)]
    index = ProblemIndex(problems, 0.5)
    assert index.hits(text_shingles(common), code_shingles(common)) == []
