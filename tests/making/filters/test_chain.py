from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("rensa", reason="near duplicates need the extra make")
pytest.importorskip("rapidfuzz", reason="ROUGE-L needs the extra make")

from helpers.drafts import ScriptedAuthor, draft, solved
from helpers.readers import READERS
from mft_core.errors import MftError, UsageError
from mft_core.making.draft import Draft
from mft_core.making.filters import chain as chain_module
from mft_core.making.filters.chain import FilterChain, Refusal, open_filters
from mft_core.making.recipe import FiltersSection
from mft_core.registry.catalog import Catalog
from mft_core.sandbox import Tier

ROW = {
    "task_id": "exam/0",
    "text": "Given the heights of all towers, count those from which the setting sun can be seen by a visitor.",
}
ASKED, DOUBLE = "Write a function that doubles a number.", "def double(number):\n    return 2 * number"


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")
    return path


def opened(catalog: Catalog, folder: Path, **section: object) -> FilterChain:
    return open_filters(FiltersSection.model_validate(section), folder, catalog, READERS)


def test_filters_stand_in_the_order_of_their_cost(catalog: Catalog, tmp_path: Path, problems: Path, tier: Tier) -> None:
    everything = opened(catalog, tmp_path, against=[str(problems)], consistency=True, judge=7)
    assert everything.names == (
        "form", "refusals", "leakage", "execution", "consistency", "judge", "duplicates", "rouge",
    )  # fmt: skip
    assert opened(catalog, tmp_path).names == ("form", "refusals", "execution", "duplicates", "rouge")
    nothing = opened(catalog, tmp_path, refusals=False, execution=False, rouge=1, near=1)
    assert nothing.names == ("form", "duplicates")
    assert opened(catalog, tmp_path, refusals=False, execution=False, rouge=0, near=0).names == nothing.names


def test_each_filter_refuses_under_its_name(catalog: Catalog, tmp_path: Path, problems: Path, tier: Tier) -> None:
    filters = opened(catalog, tmp_path, against=[str(problems)], consistency=True, judge=7, tests=True)
    author = ScriptedAuthor("Good.\n8", "Bad.\n2")
    tests, others = "assert double(2) == 4", {"other": DOUBLE.replace("2 *", "3 *"), "inputs": ("1",)}
    good = solved(DOUBLE, ASKED, tests=tests)
    drafts: list[tuple[Draft, str, str]] = [
        (good, "", ""),
        (draft(ASKED, ""), "form", "empty answer"),
        (draft(ASKED, "I'm sorry, but I can't help with that."), "refusals", "refusal"),
        (draft(ROW["text"], "That is too hard to answer in short."), "leakage", "problem of a published set"),
        (solved(DOUBLE, ASKED, tests="assert double(2) == 5"), "execution", "fails its tests"),
        (solved(DOUBLE, ASKED, **others), "consistency", "two solutions differ"),  # type: ignore[arg-type]
        (solved(DOUBLE, "Double it."), "judge", "grade below 7"),
    ]
    for one, by, reason in drafts:
        refusal = filters.check(one, author)
        assert (refusal is None and by == "") or (refusal and (refusal.by, refusal.reason) == (by, reason)), refusal
    assert author.answers == []
    assert filters.check_in_order(good) is None
    filters.keep(good)
    assert filters.check_in_order(good) == Refusal("duplicates", "duplicate", f"of {ASKED!r}")
    like = draft(ASKED.replace("doubles", "halves"), "Divide the number by two, and return what comes out of it.")
    refusal = filters.check_in_order(like)
    assert refusal is not None
    assert (refusal.by, refusal.reason) == ("rouge", "like an earlier instruction")
    assert filters.check_in_order(draft("What is a list?", "It holds values in an order.")) is None


@pytest.mark.parametrize(
    ("missing", "section", "named"),
    [
        (("rensa", "rapidfuzz"), {}, "rensa and rapidfuzz"),
        (("rensa", "rapidfuzz"), {"rouge": 1}, "rensa"),
        (("rapidfuzz",), {}, "rapidfuzz"),
    ],
)
def test_missing_packages_are_named_at_once(
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: tuple[str, ...],
    section: dict[str, object],
    named: str,
) -> None:
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MftError, match=f"the help of {named},") as caught:
        opened(catalog, tmp_path, execution=False, **section)
    assert "pip install 'mft[make]'" in caught.value.hint
    assert opened(catalog, tmp_path, execution=False, rouge=1, near=1).names == ("form", "refusals", "duplicates")


def test_without_a_sandbox_nothing_begins(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def no_tier(unsafe_local: bool) -> None:
        asked.append(unsafe_local)
        raise MftError("untrusted programs cannot be isolated")

    monkeypatch.setattr(chain_module, "best_tier", no_tier)
    for section in ({}, {"execution": False, "consistency": True}):
        with pytest.raises(MftError, match="cannot be isolated"):
            open_filters(FiltersSection.model_validate(section), tmp_path, catalog, READERS, unsafe_local=True)
    assert asked == [True, True]
    assert "execution" not in opened(catalog, tmp_path, execution=False).names


def test_a_set_that_there_is_not_is_told(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file, nor an evaluator"):
        opened(catalog, tmp_path, against=["humanevel"])


def test_planted_faults_are_counted_at_their_rates(catalog: Catalog, tmp_path: Path, problems: Path) -> None:
    filters = opened(catalog, tmp_path, against=[str(problems)], execution=False)
    found, kept = Counter[str](), list[Draft]()
    for number in range(120):
        words = " ".join(f"{word}{number}" for word in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"))
        one = draft(f"Explain {words}.", f"It is {words}, and {words[::-1]}, which is all there is to say.")
        if number % 10 == 0:
            one = draft(f"Hello! {ROW['text']}", one.answer)
        elif number % 6 == 4:
            one = draft(kept[-1].instruction.upper(), kept[-1].answer.replace(" ", "  "))
        refusal = filters.check(one, ScriptedAuthor()) or filters.check_in_order(one)
        found[refusal.by if refusal else "kept"] += 1
        if refusal is None:
            kept.append(one)
            filters.keep(one)
    assert found == {"leakage": 12, "duplicates": 16, "kept": 92}
