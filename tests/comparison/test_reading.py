"""What is said of an outcome follows from it, and claims no more."""

from __future__ import annotations

from dataclasses import replace

from helpers.made_up_comparisons import ALIKE, BASE, BETTER, MIXED
from mft_core.comparison.reading import Reading, read
from mft_core.comparison.results import ArmResult, Cost, PairResult, TaskComparison

WORSE = replace(BETTER, difference=0.5, difference_low=0.4, difference_high=0.6, verdict="higher", corrected="higher")
CHANCE = replace(BETTER, p=0.04, p_corrected=0.2, corrected="no difference shown")
COST = {"mixed": Cost(1, 10, 1000, 60.0), "famo": Cost(1, 10, 1000, 90.0), "dwa": Cost(1, 10, 1100, 30.0)}


def pair(one: str, other: str, verdict: str, difference: float = 0.1) -> PairResult:
    return PairResult(one, other, difference, difference - 0.05, difference + 0.05, verdict, 0.01, 0.02, verdict)


def reading(
    means: dict[str, float], results: dict[str, dict[str, ArmResult]], pairs: tuple[PairResult, ...], seeds: int = 5
) -> Reading:
    """Of arms with these mean losses; results of tasks are of arms that are not "mixed"."""
    tasks = [
        TaskComparison(name, name == "new", 30, 300, {"base": BASE, "mixed": MIXED, **arms})
        for name, arms in results.items()
    ]
    mean = {arm: replace(MIXED, loss=loss) for arm, loss in means.items()}
    return read(tuple(means), "mixed", seeds, tasks, mean, pairs, {arm: COST[arm] for arm in means})


def test_a_best_arm_is_named_with_what_pays_for_it_and_its_cost() -> None:
    found = reading(
        {"mixed": 2.0, "famo": 1.5},
        {"a": {"famo": BETTER}, "b": {"famo": WORSE}, "c": {"famo": ALIKE}, "new": {"famo": BETTER}},
        (pair("mixed", "famo", "higher", 0.5),),
    )
    assert (found.lowest, found.alike, found.behind, found.undecided) == ("famo", (), ("mixed",), ("c",))
    assert [change.task for change in found.gains] == ["a", "new"]
    assert [change.task for change in found.pays] == ["b"]
    assert (found.pairs, found.comparisons, found.alone) == (1, 4, 0)
    assert found.sentences == (
        "On the mean over tasks famo is best: mixed +0.5000 [+0.4500, +0.5500].",
        (
            "Against mixed, after correction for 4 comparisons, famo gains on a -0.5000 [-0.6000, -0.4000]; "
            "new (unseen) -0.5000 [-0.6000, -0.4000], and pays on b +0.5000 [+0.4000, +0.6000]."
        ),
        "No difference was shown on c, which does not say that there is none.",
        "Cost of one seed: mixed took 1:00 and 1,000 tokens; famo 1.50 times the time and 1.00 times the tokens.",
        found.sentences[-1],
    )
    assert "1 pairs of arms" not in found.sentences[-1]
    assert "4 comparisons on tasks" in found.sentences[-1]


def test_arms_that_cannot_be_told_apart_are_named_and_the_cheapest_of_them() -> None:
    found = reading(
        {"mixed": 2.0, "famo": 1.99, "dwa": 2.01},
        {"a": {"famo": CHANCE, "dwa": ALIKE}},
        (
            pair("mixed", "famo", "no difference shown", 0.01),
            pair("mixed", "dwa", "no difference shown", -0.01),
            pair("famo", "dwa", "no difference shown", -0.02),
        ),
        seeds=3,
    )
    assert (found.lowest, found.alike, found.behind) == ("famo", ("mixed", "dwa"), ())
    assert (found.gains, found.pays, found.undecided, found.alone) == ((), (), ("a",), 1)
    text = "\n".join(found.sentences)
    assert "no arm can be called best, after correction for 3 pairs of arms. famo has the lowest loss" in text
    assert "mixed +0.0100 [-0.0400, +0.0600]; dwa +0.0200 [-0.0300, +0.0700]." in text
    assert "famo was shown to gain on no task, and was shown to pay on no task" in text
    assert "1 further difference, of arms on the mean or on a task, by the interval alone" in text
    assert "dwa took the least time, of famo, mixed, dwa, none of which could be told apart from famo." in text
    assert "3 seeds are few" in text
    assert " is best" not in text


def test_a_difference_on_the_mean_that_the_correction_takes_away_is_marked() -> None:
    alone = replace(pair("mixed", "famo", "higher", 0.1), corrected="no difference shown")
    found = reading({"mixed": 2.0, "famo": 1.9}, {}, (alone, pair("mixed", "famo", "no difference shown")))
    text = "\n".join(reading({"mixed": 2.0, "famo": 1.9}, {}, (alone,)).sentences)
    assert "could not be told apart from mixed +0.1000 [+0.0500, +0.1500] (by its interval alone)." in text
    assert "1 further difference, of arms on the mean" in text
    assert found.alone == 1


def test_times_that_are_close_name_no_cheapest_arm() -> None:
    times = {"mixed": Cost(1, 10, 1000, 60.0), "famo": Cost(1, 10, 1000, 90.0), "dwa": Cost(1, 10, 1000, 57.0)}
    mean = {arm: replace(MIXED, loss=2.0) for arm in times}
    unsure = tuple(pair(one, other, "no difference shown") for one, other in (("mixed", "famo"), ("mixed", "dwa")))
    text = "\n".join(read(tuple(times), "mixed", 5, [], mean, unsure, times).sentences)
    assert "mixed and dwa took about the same time, the least, of mixed, famo, dwa, none of" in text


def test_where_the_reference_is_lowest_it_is_said_which_task_another_arm_serves_better() -> None:
    found = reading(
        {"mixed": 1.0, "famo": 2.0, "dwa": 1.5},
        {"a": {"famo": BETTER, "dwa": ALIKE}, "b": {"famo": WORSE, "dwa": ALIKE}},
        (pair("mixed", "famo", "lower", -1.0), pair("mixed", "dwa", "lower", -0.5), pair("famo", "dwa", "higher")),
    )
    assert (found.lowest, found.behind) == ("mixed", ("famo", "dwa"))
    assert [(change.task, change.arm) for change in found.pays] == [("a", "famo")]
    assert [(change.task, change.arm) for change in found.gains] == [("b", "famo")]
    assert found.sentences[0] == (
        "On the mean over tasks mixed is best, after correction for 3 pairs of arms: "
        "famo +1.0000 [+0.9500, +1.0500]; dwa +0.5000 [+0.4500, +0.5500]."
    )
    assert any("lower than mixed" in sentence and "a with famo" in sentence for sentence in found.sentences)


def test_one_arm_and_lost_losses_leave_nothing_to_choose() -> None:
    found = reading({"mixed": 1.0}, {"a": {}}, (), seeds=1)
    assert found.sentences[0] == "Only mixed was trained: there is nothing to choose from."
    assert "One seed" in found.sentences[-1]
    tasks = [TaskComparison("a", False, 30, 300, {"base": BASE, "mixed": replace(MIXED, loss=None)})]
    lost = read(("mixed",), "mixed", 3, tasks, {"mixed": replace(MIXED, loss=None)}, (), {"mixed": COST["mixed"]})
    assert lost.lowest == ""
    assert "No arm has a finite loss" in lost.sentences[0]


def test_what_was_combined_is_not_told_to_be_cheaper_than_what_it_was_combined_of() -> None:
    arms, unsure = ("mixed", "merged tune.rank=4", "single tune.rank=4"), "no difference shown"
    spent = {
        arm: Cost(1, 1, tokens, time) for arm, tokens, time in zip(arms, (9, 0, 9), (60.0, 6.0, 49.0), strict=True)
    }
    pairs = tuple(pair(one, other, unsure) for one, other in ((arms[0], arms[1]), (arms[0], arms[2])))
    mean = {arm: replace(MIXED, loss=1.0) for arm in arms}
    text = "\n".join(read(arms, "mixed", 5, [], mean, pairs, spent).sentences)
    assert (
        "merged tune.rank=4 0.10 times the time and 0.00 times the tokens, beside those of single tune.rank=4;" in text
    )
    assert "single tune.rank=4 took the least time" in text
    spent["mixed"] = Cost(1, 1, 9, 40.0)
    text = "\n".join(read(arms, "mixed", 5, [], mean, pairs[:1], spent).sentences)
    assert "mixed took the least time, of mixed, merged tune.rank=4, none of which" in text


def test_where_nothing_is_trained_in_the_reference_costs_are_told_as_they_are() -> None:
    arms, alike = ("merged", "single"), "no difference shown"
    spent = {"merged": Cost(1, 0, 0, 6.0), "single": Cost(2, 20, 5000, 57.0)}
    mean = {"merged": MIXED, "single": MIXED}
    pairs = (PairResult("merged", "single", 0.0, -0.0, 0.00001, alike, 1.0, 1.0, alike),)
    text = "\n".join(read(arms, "merged", 5, [], mean, pairs, spent).sentences)
    assert (
        "Cost of one seed: merged took 0:06 and 0 tokens, beside those of single; single 0:57 and 5,000 tokens." in text
    )


def test_a_difference_that_rounds_to_zero_has_no_minus() -> None:
    alike = "no difference shown"
    mean = {"mixed": MIXED, "famo": MIXED}
    for low, high in ((-0.00001, 0.00001), (-0.00004, 0.00004)):
        pairs = (PairResult("mixed", "famo", 0.0, low, high, alike, 1.0, 1.0, alike),)
        text = read(("mixed", "famo"), "mixed", 5, [], mean, pairs, {}).sentences[0]
        assert "famo 0.0000 [0.0000, 0.0000]" in text
