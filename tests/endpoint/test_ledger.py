"""What was asked, answered and spent, kept over processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.fake_endpoint import reply
from mft_core.endpoint.ledger import Ledger, question_key
from mft_core.endpoint.replies import Reply, TryAgain
from mft_core.endpoint.spending import Account, Allowance, Spending
from mft_core.endpoint.usage import Usage
from mft_core.errors import MftError


def opened(path: Path) -> tuple[Ledger, Account]:
    account = Account(Allowance())
    return Ledger(path, account), account


def never() -> Reply:
    raise AssertionError("asked again")


def test_every_part_of_a_question_makes_another_one() -> None:
    questions = [("a", {"x": 1}, 0), ("b", {"x": 1}, 0), ("a", {"x": 2}, 0), ("a", {"x": 1}, 1)]
    assert len({question_key(*question) for question in questions}) == 4
    assert question_key("a", {"x": 1, "y": 2}, 0) == question_key("a", {"y": 2, "x": 1}, 0)


def test_replies_models_and_spending_are_there_again(tmp_path: Path) -> None:
    ledger, account = opened(tmp_path / "journal.jsonl")
    told = json.dumps(
        {**json.loads(reply("fine", model="other-2")), "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    )
    with account.request(0), account.request(0):
        for key, body in (("one", reply(None)), ("one", reply("fine")), ("two", told)):
            ledger.sent(key, "stage", 0)
            if key == "one" and body == reply(None):
                with pytest.raises(TryAgain):
                    ledger.received(key, 200, {}, body, 11)
            else:
                assert ledger.received(key, 200, {}, body, 11).text == "fine"
    ledger.sent("three", "stage", 0)  # killed here
    again, restored = opened(tmp_path / "journal.jsonl")
    fine = Reply("stop", "fine", "judge-1", Usage(11, 1, True))
    assert again.answer("one", never) == ledger.answer("one", never) == fine
    assert again.models == ledger.models == {"judge-1", "other-2"}
    assert restored.spending == Spending(4, 11 + 11 + 7, 0 + 1 + 3, 2)
    assert account.spending.tokens == restored.spending.tokens
    assert again.answer("three", lambda: Reply("stop", "new")).text == "new"


def test_what_requests_without_a_response_may_have_cost_is_there_again(tmp_path: Path) -> None:
    ledger, account = opened(tmp_path / "journal.jsonl")
    ledger.sent("one", "stage", 0, 100)
    ledger.lost(100)  # no response; tried again
    ledger.sent("one", "stage", 1, 100)
    ledger.received("one", 200, {}, reply("fine"), 11)
    ledger.sent("two", "stage", 0, 30)
    ledger.not_sent("two")
    assert account.spending.lost == 100
    ledger.sent("three", "stage", 0, 7)  # killed here
    restored = opened(tmp_path / "journal.jsonl")[1]
    assert (restored.spending.lost, restored.spending.tokens) == (107, 12)
    assert opened(tmp_path / "journal.jsonl")[1].spending.lost == 107


def test_what_an_earlier_process_was_told_is_asked_anew_once(tmp_path: Path) -> None:
    first, _ = opened(tmp_path / "journal.jsonl")
    first.received("one", 400, {}, "no", 0)
    assert first.idempotency_key("two") == "two"
    assert not first.answer("one", never, anew=True).earlier
    again, _ = opened(tmp_path / "journal.jsonl")
    assert again.restored == 1
    assert again.answer("one", never).earlier
    # An endpoint that knows the old key by heart is to say something new.
    assert again.idempotency_key("one") == "one-1"
    for _ in range(2):
        told = again.answer("one", lambda: again.received("one", 200, {}, reply("better"), 0), anew=True)
        assert (told.text, told.earlier) == ("better", False)
    third, _ = opened(tmp_path / "journal.jsonl")
    assert third.answer("one", never).text == "better"
    assert third.idempotency_key("one") == "one-2"
    assert third.restored == 1


def test_an_answer_is_not_taken_from_another_s_place(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    ledger, _ = opened(path)
    ledger.received("one", 200, {}, reply("fine"), 0)
    path.write_text(path.read_text().replace('"one"', '"two"'))
    with pytest.raises(MftError, match="an answer is no longer where it was written"):
        ledger.answer("one", never)


def test_one_whose_asking_failed_can_be_asked_by_the_next(tmp_path: Path) -> None:
    ledger, _ = opened(tmp_path / "journal.jsonl")

    def fail() -> Reply:
        raise TryAgain("no")

    with pytest.raises(TryAgain):
        ledger.answer("one", fail)
    assert ledger.answer("one", lambda: Reply("stop", "fine")).text == "fine"


@pytest.mark.parametrize("line", ['{"event": "received"}', '{"key": "a"}', '{"a": 1}'])
def test_lines_of_others_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "journal.jsonl").write_text(line + "\n")
    with pytest.raises(MftError, match=r"journal\.jsonl:1 is no line of this journal"):
        opened(tmp_path / "journal.jsonl")
