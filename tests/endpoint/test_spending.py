"""Budgets: nothing is sent that may not fit, and what fits is not turned away."""

from __future__ import annotations

import threading

import pytest

from mft_core.endpoint.spending import Account, Allowance, BudgetSpent, Spending
from mft_core.endpoint.usage import Usage


def test_what_was_spent_is_counted_with_its_price() -> None:
    account = Account(Allowance(), (1.5, 6.0))
    assert account.spending == Spending(money=0.0)
    with account.request(10**9):
        account.add(Usage(1_000_000, 500_000, False))
        account.add(Usage(1_000_000, 0, True))
    account.restore_request()
    assert account.spending == Spending(2, 2_000_000, 500_000, 1, 6.0)
    assert account.spending.tokens == 2_500_000
    assert Account(Allowance()).spending.money is None


def test_what_was_spent_since_is_the_difference() -> None:
    earlier, now = Spending(2, 20, 5, 1, 0.5), Spending(5, 60, 7, 1, 0.75)
    assert now.since(earlier) == Spending(3, 40, 2, 0, 0.25)
    assert Spending(5).since(Spending(2)) == Spending(3)


def test_requests_end_with_their_budget() -> None:
    account = Account(Allowance(requests=2))
    account.restore_request()
    with account.request(5):
        pass
    with pytest.raises(BudgetSpent, match="the budget of 2 requests is spent"), account.request(5):
        pass
    assert account.spending.requests == 2


def test_what_a_request_may_cost_must_fit_and_what_it_did_not_cost_is_free_again() -> None:
    account = Account(Allowance(tokens=100))
    with pytest.raises(
        BudgetSpent, match="0 of the budget of 100 tokens are spent, and the next question may take 101"
    ):
        account.request(101).__enter__()
    with account.request(100):
        account.add(Usage(20, 10, False))
    with account.request(70):
        account.add(Usage(60, 10, False))
    with pytest.raises(BudgetSpent), account.request(1):
        pass
    assert account.spending.requests == 2


@pytest.mark.parametrize(("cost", "spent"), [(10, False), (50, True)])
def test_a_question_waits_while_others_may_leave_enough_for_it(cost: int, spent: bool) -> None:
    account = Account(Allowance(tokens=100))
    outcome: list[str] = []

    def ask() -> None:
        try:
            with account.request(60):
                outcome.append("asked")
        except BudgetSpent:
            outcome.append("spent")

    with account.request(80):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        assert outcome == []
        account.add(Usage(cost, 0, False))
    thread.join(60)
    assert outcome == ["spent" if spent else "asked"]
