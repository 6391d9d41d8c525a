"""Estimators, journals, sets, samples, code in answers, and the pipeline with an evaluator of a few lines."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import small_sets
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.answers import Writer, read_given, sample_seed
from mft_core.evaluation.estimators import bootstrap_interval, pass_at_k, wilson_interval
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.items import Item, Verdict
from mft_core.evaluation.pipeline import Pipeline
from mft_core.evaluation.published_sets import PublishedSet, load_set, set_digest
from mft_core.evaluation.python_source import extract_code, is_python
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.assistant import Assistant, Prompt, Sampling
from mft_core.records import Score
from mft_core.support.journal import Journal
from mft_core.testing.contexts import PlainTokenization
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.small_tokenizers import small_tokenizer


@pytest.mark.parametrize("samples", [1, 2, 5, 10, 200])
def test_pass_at_k_is_the_closed_form(samples: int) -> None:
    for passed in range(0, samples + 1, max(1, samples // 7)):
        for k in {1, 2, samples // 2, samples} - {0}:
            if k <= samples:
                expected = 1 - math.comb(samples - passed, k) / math.comb(samples, k)
                assert pass_at_k(samples, passed, k) == pytest.approx(expected, abs=1e-12)


def test_pass_at_k_is_unbiased() -> None:
    """Its mean over all outcomes of n trials is 1 - (1 - p)^k, the probability that k trials hold a pass."""
    n, k, p = 8, 3, 0.3
    chances = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    mean = sum(chance * pass_at_k(n, c, k) for c, chance in enumerate(chances))
    assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-12)


@pytest.mark.parametrize(("samples", "passed", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6)])
def test_pass_at_k_refuses_nonsense(samples: int, passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(samples, passed, k)


def test_wilson_solves_its_equation() -> None:
    """Both ends p satisfy (share - p)^2 = z^2 p (1 - p) / n; at 0 and all passes they stay within 0 and 1."""
    for passed, trials in ((3, 10), (82, 164), (163, 164)):
        for end in wilson_interval(passed, trials):
            assert (passed / trials - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / trials, rel=1e-5)
    assert wilson_interval(0, 164)[0] == 0.0
    assert wilson_interval(164, 164)[1] == pytest.approx(1.0)
    assert wilson_interval(164, 164)[0] == pytest.approx(0.9771, abs=1e-4)


def test_the_bootstrap_covers_what_it_should() -> None:
    generator = np.random.default_rng(3)
    draws = generator.normal(5.0, 2.0, (60, 80))
    intervals = [bootstrap_interval(row.tolist()) for row in draws]
    covered = sum(low <= 5.0 <= high for low, high in intervals)
    assert 51 <= covered <= 60
    assert bootstrap_interval([1.0, 1.0]) == (1.0, 1.0)
    assert bootstrap_interval([0.0, 0.5, 1.0]) == bootstrap_interval([0.0, 0.5, 1.0])


def test_a_torn_last_line_is_cut_off_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal.jsonl"
    Journal(path).append([{"a": 1}, {"b": "ö\n\ud800"}])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"c": "torn')
    journal = Journal(path)
    assert journal.records == [{"a": 1}, {"b": "ö\n\ud800"}]
    journal.append([{"c": 3}])
    assert path.read_bytes() == whole + b'{"c": 3}\n'
    assert Journal(path).records == journal.records


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"a": 1}\n{"b": \n{"c": 3}\n')
    with pytest.raises(MftError, match=r"journal\.jsonl:2 is no JSON object"):
        Journal(path)


ROWS = [{"id": 1, "text": "a"}, {"id": 2, "text": "ß"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize("name", ["Known.jsonl", "Known.jsonl.gz", "Known.json", "other.jsonl"])
@pytest.mark.parametrize("by_folder", [True, False])
def test_a_set_is_a_file_or_a_folder(name: str, by_folder: bool, tmp_path: Path) -> None:
    text = json.dumps(ROWS) if name.endswith(".json") else LINES
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "README.md").write_text("what it is")
    data = tmp_path if by_folder else tmp_path / name
    assert load_set(str(data), PublishedSet(("Known",), required=("id",)), "riddles") == ROWS


def test_what_is_wrong_with_a_set_is_said(tmp_path: Path) -> None:
    known = PublishedSet(("Known",), required=("id", "answer"))
    (tmp_path / "a.jsonl").write_text(LINES)
    with pytest.raises(MftError, match="row 1 has no 'answer'"):
        load_set(str(tmp_path), known, "riddles")
    (tmp_path / "b.jsonl").write_text(LINES + "no JSON\n")
    with pytest.raises(UsageError, match=r"does not hold Known\.jsonl or"):
        load_set(str(tmp_path), known, "riddles")
    with pytest.raises(MftError, match=r"b\.jsonl:3 is no JSON object"):
        load_set(str(tmp_path / "b.jsonl"), known, "riddles")
    with pytest.raises(UsageError, match=r"eval\.riddles\.data: there is no"):
        load_set(str(tmp_path / "c.jsonl"), known, "riddles")
    with pytest.raises(UsageError, match="where the set 'riddles' lies is not given"):
        load_set("", known, "riddles")


def test_the_digest_of_a_set_is_that_of_its_problems() -> None:
    items = [Item("1", {"text": "a", "n": 1}), Item("2", {"text": "b"})]
    assert set_digest(items) == set_digest([Item("1", {"n": 1, "text": "a"}), items[1]])
    assert len({set_digest(items), set_digest(items[:1]), set_digest([items[0], Item("2", {"text": "c"})])}) == 3


def test_seeds_differ_between_samples() -> None:
    seeds = {sample_seed(seed, task, number) for seed in (0, 1) for task in ("a", "a1", "b") for number in (0, 1, 10)}
    assert len(seeds) == 18


def test_a_device_that_is_too_small_for_a_batch_is_told_as_such(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    model = random_token_loss_model(len(tokenizer)).model

    def at_most_two(_: Any, __: Any, inputs: dict[str, torch.Tensor]) -> None:
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(at_most_two, with_kwargs=True)
    writer = Assistant(model, tokenizer, PlainTokenization())
    prompts = [(Item(name, {}), f"def {name}(") for name in "abcd"]

    def written(rows: int) -> int:
        journal = Journal(tmp_path / f"{rows}.jsonl")
        return sum(map(len, Writer(writer, journal, Sampling(3), rows).batches(prompts, 1)))

    with pytest.raises(MftError, match="does not hold 4 answers") as error:
        written(4)
    assert "batch_size" in error.value.hint
    assert written(2) == 4


def write_samples(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_given_samples_are_counted(tmp_path: Path) -> None:
    items = [Item(name, {}) for name in ("a", "b", "3")]
    lines = [
        {"task_id": "b", "completion": "first"}, {"task_id": "x", "completion": ""}, {"task_id": 3, "completion": ""},
        {"task_id": "b", "completion": "second", "more": 1}, {"task_id": "x", "completion": ""},
    ]  # fmt: skip
    given = read_given(write_samples(tmp_path / "s.jsonl", lines), items, ["a", "b", "3"])
    assert [(it.item.task_id, it.number, it.text) for it in given.samples] == [
        ("b", 0, "first"), ("b", 1, "second"), ("3", 0, ""),
    ]  # fmt: skip
    assert (given.missing, dict(given.unknown)) == (["a"], {"x": 2})
    assert [notice.split()[:2] for notice in given.notices()] == [["1", "problems"], ["2", "samples"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"s\.jsonl:2 is no JSON"),
        ([], r"s\.jsonl:2 has no task_id"),
        ({"completion": "x"}, r"s\.jsonl:2 has no task_id"),
        ({"task_id": "a", "completion": None}, r"s\.jsonl:2: its completion is not a text"),
        ({"task_id": "a"}, "its completion is not a text"),
    ],
)
def test_a_wrong_sample_is_named(line: Any, message: str, tmp_path: Path) -> None:
    path = write_samples(tmp_path / "s.jsonl", [{"task_id": "a", "completion": ""}, line])
    with pytest.raises(MftError, match=message):
        read_given(path, [Item("a", {})], ["a"])


def test_a_file_without_any_of_the_problems_is_wrong_use(tmp_path: Path) -> None:
    path = write_samples(tmp_path / "s.jsonl", [{"task_id": "0", "completion": ""}])
    with pytest.raises(UsageError, match="no sample for any of the 1 problems: 0"):
        read_given(path, [Item("Set/0", {})], ["Set/0"])
    with pytest.raises(UsageError, match="there is no"):
        read_given(tmp_path / "none.jsonl", [Item("a", {})], ["a"])


def test_stop_strings_cut_at_the_first() -> None:
    assert before_stop("abc STOP def END", ["END", "STOP"]) == "abc "
    assert before_stop("abc", ["END"]) == "abc"


FUNCTION = "import math\n\ndef area(r):\n    return math.pi * r ** 2\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Here you are:\n```python\n{FUNCTION}```\nIt works.", FUNCTION),
        (f"```\n{FUNCTION}```", FUNCTION),
        (f"Sure!\n\n```python\n{FUNCTION}", FUNCTION),
        (f"~~~py\n{FUNCTION}~~~", FUNCTION),
        (f"First:\n```python\ndef area(r):\n    pass\n```\nBetter:\n```python\n{FUNCTION}```", FUNCTION),
        (f"```python\n{FUNCTION}```\nUse it:\n```python\nprint(area(2))\n```\n```bash\npip install x\n```", FUNCTION),
        (f"The code is\n\n{FUNCTION}\nand that is it, isn't it?", FUNCTION),
        (f"```python\n{FUNCTION}\nprint(area(2))\nif __name__ == '__main__':\n    area(1)\n```", FUNCTION),
        (f"```python\n{FUNCTION}\ndef cut_off(x):\n    return (", FUNCTION),
    ],
)
def test_the_code_in_an_answer(text: str, expected: str) -> None:
    found = extract_code(text, "area")
    assert is_python(found)
    assert [line for line in found.splitlines() if line] == [line for line in expected.splitlines() if line]


def test_decorators_classes_and_constants_stay() -> None:
    source = "from functools import cache\nLIMIT = 3\nclass A:\n    x = 1\n@cache\ndef area(r):\n    return LIMIT\n"
    assert extract_code(f"```python\n{source}```", "area") == source


def test_an_answer_without_code_is_kept() -> None:
    assert extract_code("I cannot do that.", "area") == "I cannot do that."
    body = "    return 3\n"
    assert extract_code(f"```python\n{body}```", "area") == body


class Echo(GenerativeEvaluator):
    """Is the completion the text of the item? Two groups, one of which this machine cannot measure."""

    name = "echo"
    outcomes: dict[str, Verdict] = {}
    calls: list[str] = []

    def items(self, request: EvaluationRequest) -> list[Item]:
        groups = {"a": "left", "b": "left", "c": "right", "d": "far"}
        return [Item(name, {"text": name}, group) for name, group in groups.items()]

    def prompt(self, item: Item) -> Prompt:
        return str(item.fields["text"])

    def judge(self, item: Item, completion: str) -> Verdict:
        self.calls.append(item.task_id)
        return self.outcomes.get(item.task_id, Verdict.of(completion == item.fields["text"]))

    def not_measured(self) -> dict[str, str]:
        return {"far": "no such tool"}


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Score]]:
    """Scores of given completions (task id, text)."""
    monkeypatch.setattr(Echo, "calls", [])
    monkeypatch.setattr(Echo, "outcomes", {})

    def judged(*completions: tuple[str, str], **options: Any) -> list[Score]:
        lines = [{"task_id": task, "completion": text} for task, text in completions]
        path = write_samples(tmp_path / "samples.jsonl", lines)
        notices: list[str] = []
        request = EvaluationRequest(tmp_path / "out", samples_file=path, on_notice=notices.append)
        scores = Echo(Echo.Options(**options)).evaluate(request)
        assert json.loads((tmp_path / "out" / "scores.json").read_text())["notices"] == [
            notice.removeprefix("echo: ") for notice in notices
        ]
        return scores

    return judged


def values(scores: Sequence[Score]) -> dict[tuple[str, str], tuple[float, int]]:
    return {(score.task, score.metric): (score.value, score.n) for score in scores if score.n}


def test_groups_are_scored_apart_and_what_cannot_be_measured_is_said(echo: Callable[..., list[Score]]) -> None:
    scores = echo(("a", "a"), ("b", "x"), ("c", "c"), ("d", "d"))
    assert values(scores) == {("echo/left", "pass@1"): (0.5, 2), ("echo/right", "pass@1"): (1.0, 1)}
    (missing,) = [score for score in scores if not score.n]
    assert (missing.task, missing.details) == ("echo/far", {"not_measured": "no such tool"})
    assert math.isnan(missing.value)
    assert Echo.calls == ["a", "b", "c"]


def test_pass_at_k_needs_k_samples_of_every_problem(echo: Callable[..., list[Score]]) -> None:
    scores = echo(*[("a", "a" if number < 3 else "x") for number in range(10)], *[("b", "x")] * 12, ("c", "c"))
    found = values(scores)
    assert found["echo/left", "pass@1"] == (pytest.approx(0.15), 2)
    assert found["echo/left", "pass@10"] == (pytest.approx(0.5), 2)
    assert ("echo/left", "pass@100") not in found
    assert ("echo/right", "pass@10") not in found


def test_what_the_machine_failed_at_is_not_scored_and_tried_again(echo: Callable[..., list[Score]]) -> None:
    Echo.outcomes["b"] = Verdict("infra_error", None, "no memory")
    assert values(echo(("a", "a"), ("b", "x"), ("c", "x")))["echo/left", "pass@1"] == (1.0, 1)
    assert Echo.calls == ["a", "b", "c"]
    Echo.outcomes.clear()
    assert values(echo(("a", "a"), ("b", "x"), ("c", "x")))["echo/left", "pass@1"] == (0.5, 2)
    assert Echo.calls == ["a", "b", "c", "b"]


def test_only_machine_failures_are_an_error(echo: Callable[..., list[Score]]) -> None:
    Echo.outcomes["a"] = Verdict("infra_error", None)
    with pytest.raises(MftError, match="not one sample could be judged"):
        echo(("a", "a"))


def test_nothing_is_judged_where_nothing_can_be_measured(
    echo: Callable[..., list[Score]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Echo, "not_measured", lambda self: dict.fromkeys(("left", "right", "far"), "no tools"))
    scores = echo(("a", "a"))
    assert [(score.task, score.n) for score in scores] == [("echo/left", 0), ("echo/right", 0), ("echo/far", 0)]
    assert Echo.calls == []


def test_a_limit_is_per_group_and_shown_in_n(echo: Callable[..., list[Score]]) -> None:
    found = values(echo(("a", "a"), ("b", "b"), ("c", "c"), limit=1))
    assert found == {("echo/left", "pass@1"): (1.0, 1), ("echo/right", "pass@1"): (1.0, 1)}


def test_neither_model_nor_samples_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a model or a --samples-file"):
        Pipeline(Echo(), EvaluationRequest(tmp_path)).run()


def test_task_ids_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "items", lambda self, request: [Item("a", {}), Item("a", {})])
    with pytest.raises(MftError, match="1 task ids more than once, such as 'a'"):
        Pipeline(Echo(), EvaluationRequest(tmp_path))


def test_the_small_sets_are_python() -> None:
    assert all(is_python(row["prompt"] + row["canonical_solution"]) for row in small_sets.HUMANEVAL)
