"""What asking has cost so far, and the budget that it stays within."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mft_core.endpoint.usage import Usage
from mft_core.errors import MftError

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """Most tokens of all prompts and answers together, and most requests; 0: no limit."""

    tokens: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent, on answers of no use too, in this process and in those before it with the same journal.

    Attributes:
        requests: sent.
        prompt_tokens: of all responses that were paid for.
        completion_tokens: likewise.
        estimated: responses that did not say what they cost; their tokens are estimated from characters.
        money: in the currency of the prices; None: there are no prices.
        lost: tokens, at most, of requests that no response came to: a provider may charge for them.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    money: float | None = None
    lost: int = 0

    @property
    def tokens(self) -> int:
        """Of prompts and answers together, as far as responses tell."""
        return self.prompt_tokens + self.completion_tokens

    def since(self, earlier: Spending) -> Spending:
        """What of it was spent after `earlier`."""
        money = None if self.money is None or earlier.money is None else self.money - earlier.money
        return Spending(
            self.requests - earlier.requests,
            self.prompt_tokens - earlier.prompt_tokens,
            self.completion_tokens - earlier.completion_tokens,
            self.estimated - earlier.estimated,
            money,
            self.lost - earlier.lost,
        )


def money_for(prompt_tokens: int, completion_tokens: int, prices: tuple[float, float] | None) -> float | None:
    """What tokens of prompts and of answers cost.

    Args:
        prices: of a million of each, in any currency; None: there are none, and then there is no answer.
    """
    if prices is None:
        return None
    return (prompt_tokens * prices[0] + completion_tokens * prices[1]) / MILLION


class BudgetSpent(MftError):  # noqa: N818 - not a failure: what was asked for
    """A question was not asked: what is left of the budget may not suffice for it."""


class Account:
    """Counts what is spent, and lets nothing be sent that the budget may not suffice for. For any threads.

    Args:
        budget: of this account, what `restore` and `add` were told included.
        prices: of a million tokens of prompts and of answers; None: they have none.
    """

    def __init__(self, budget: Allowance, prices: tuple[float, float] | None = None) -> None:
        self._budget = budget
        self._prices = prices
        self._changed = threading.Condition()
        self._spent = Spending()
        self._reserved = 0

    @property
    def spending(self) -> Spending:
        """So far."""
        with self._changed:
            spent = self._spent
        return replace(spent, money=money_for(spent.prompt_tokens, spent.completion_tokens, self._prices))

    @contextmanager
    def request(self, tokens: int) -> Iterator[None]:
        """Count a request, with its tokens set aside while the block runs: in it, `add` says what it really cost.

        While the rest of the budget would suffice but is set aside for others, wait for these.

        Args:
            tokens: that it may cost at most.

        Raises:
            BudgetSpent: the rest of the budget does not suffice.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ask_for(tokens))
            self._reserved += tokens
            self._spent = replace(self._spent, requests=self._spent.requests + 1)
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= tokens
                self._changed.notify_all()

    def add(self, usage: Usage) -> None:
        """Count what a response cost."""
        with self._changed:
            self._spent = replace(
                self._spent,
                prompt_tokens=self._spent.prompt_tokens + usage.prompt_tokens,
                completion_tokens=self._spent.completion_tokens + usage.completion_tokens,
                estimated=self._spent.estimated + usage.estimated,
            )

    def lose(self, tokens: int) -> None:
        """Count what a request that no response came to may have cost at most."""
        with self._changed:
            self._spent = replace(self._spent, lost=self._spent.lost + tokens)

    def restore_request(self) -> None:
        """Count a request of an earlier process."""
        with self._changed:
            self._spent = replace(self._spent, requests=self._spent.requests + 1)

    def _ask_for(self, tokens: int) -> bool:
        """Whether so many tokens are free now."""
        limit, spent = self._budget, self._spent
        if limit.requests and spent.requests >= limit.requests:
            raise BudgetSpent(
                f"the budget of {limit.requests} requests is spent", "What was answered is kept; rerun with more."
            )
        if not limit.tokens:
            return True
        gone = spent.tokens + spent.lost
        if gone + tokens > limit.tokens:
            lost = f" ({spent.lost} at most by requests without a response)" if spent.lost else ""
            raise BudgetSpent(
                f"{gone} of the budget of {limit.tokens} tokens are spent{lost}, and the next question may take "
                f"{tokens}",
                "What was answered is kept; rerun with more.",
            )
        return gone + self._reserved + tokens <= limit.tokens
