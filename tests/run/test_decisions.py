"""What was decided, in words."""

from __future__ import annotations

from mft_core.run.decisions import decision_words

WENT_BACK = {
    "number": 1, "left_out": ["a"], "remaining": ["b", "c"], "from_step": 10, "to_step": 6, "extra_steps": 4,
    "most_extra_steps": 24, "losses": {}, "hindrance": "", "back_at": None,
    "given_up": [{"step": step, "loss": 2.0, "tasks": {"a": loss}} for step, loss in ((8, 1.5), (10, None))],
}  # fmt: skip


def test_who_left_where_the_run_is_and_what_was_given_up() -> None:
    assert decision_words(WENT_BACK) == (
        "'a' leaves the mixture (weight 0 from here on), still trained: 'b', 'c'. Back from step 10 to step 6, where "
        "the validation loss from step 8 to 10 was a 1.500, -. 4 of at most 24 steps done again so far"
    )


def test_the_loss_that_it_goes_back_to_stands_before_those_that_rose() -> None:
    there = {**WENT_BACK, "back_at": {"step": 6, "loss": 1.9, "tasks": {"a": 1.4}}}
    assert "to step 6, where the validation loss was a 1.400 and after it, from step 8 to 10, 1.500, -." in (
        decision_words(there)
    )


def test_of_many_evaluations_the_first_and_the_last() -> None:
    many = [{"step": step, "loss": step, "tasks": {"a": float(step)}} for step in range(7, 13)]
    assert "was a 7.000, 8.000, ..., 11.000, 12.000." in decision_words({**WENT_BACK, "given_up": many})


def test_going_back_without_leaving_and_leaving_without_going_back() -> None:
    back = {**WENT_BACK, "left_out": [], "given_up": [{"step": 8, "loss": 2.0, "tasks": {}}]}
    assert decision_words(back).startswith(
        "back from step 10 to step 6, where the validation loss at step 8 was 2.000."
    )
    stays = {**WENT_BACK, "left_out": ["a", "b"], "remaining": ["c"], "to_step": 10, "given_up": [], "hindrance": "why"}
    assert decision_words(stays) == (
        "'a', 'b' leave the mixture (weight 0 from here on), still trained: 'c'. The run does not go back: why"
    )
