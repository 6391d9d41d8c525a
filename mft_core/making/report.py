"""What a making came to, in Markdown: counts, coverage, neighbours, samples, diversity."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mft_core.endpoint.spending import Spending
from mft_core.making.diversity import Diversity, diversity
from mft_core.making.made import KeptDraft, Made
from mft_core.making.maker import Maker
from mft_core.making.recipe import MakeRecipe
from mft_core.support import units

SAMPLES, PAIRS, TOPICS, REASONS = 10, 5, 15, 3
LONGEST_SHOWN = 1_500


def report(recipe: MakeRecipe, made: Made, spending: Spending, maker: Maker) -> str:
    """The report of a making as it stands."""
    instructions = [one.draft.instruction for one in made.kept]
    found = diversity(instructions, recipe.seed)
    parts = [
        f"# Made by {recipe.method.name}\n",
        _summary(recipe, made, spending),
        "## What was refused\n",
        "\n".join(_refused(made)) + "\n",
        "\n".join(_passed_over(maker.passed_over())),
        "## Lengths\n",
        "\n".join(_lengths(made.kept)) + "\n",
        "## Topics\n",
        "\n".join(_topics(made)) + "\n",
        "## Diversity\n",
        "\n".join(_diversity(found, instructions, maker.own_seeds(), recipe.seed)) + "\n",
        "## Nearest neighbours\n",
        "\n".join(_neighbours(found, instructions)) + "\n",
        f"## {min(SAMPLES, len(made.kept))} at random\n",
        "\n".join(_samples(made.kept, recipe.seed)),
    ]
    return "\n".join(parts)


def spent_words(spending: Spending) -> str:
    """What was spent, in words."""
    tokens = (
        f"{units.count(spending.prompt_tokens)} tokens of prompts, {units.count(spending.completion_tokens)} of answers"
    )
    money = f", {spending.money:.2f} by the given prices" if spending.money is not None else ""
    guessed = f" ({units.counted(spending.estimated, 'answer')} without a count: estimated)"
    lost = f"; at most {units.count(spending.lost)} more tokens by requests without a response" if spending.lost else ""
    requests = units.counted(spending.requests, "request")
    return f"{requests}, {tokens}{money}{guessed if spending.estimated else ''}{lost}"


def _summary(recipe: MakeRecipe, made: Made, spending: Spending) -> str:
    looked_at = len(made.kept) + len(made.refused)
    return (
        f"{len(made.kept):,} of {recipe.n:,} records that were wanted, kept of {looked_at:,} that were looked at; "
        f"{sum(made.seeds.values()):,} seeds. It ended with: {made.ended}. Spent, that of earlier calls included: "
        f"{spent_words(spending)}.\n"
    )


def _refused(made: Made) -> Iterator[str]:
    """A row for each reason, with examples of what exactly."""
    if not made.refused:
        yield "Nothing."
        return
    yield "| filter | reason | count | such as |\n| --- | --- | --- | --- |"
    for (name, reason), count in made.reasons.most_common():
        details = dict.fromkeys(
            one.detail for one in made.refused if (one.filter, one.reason) == (name, reason) and one.detail
        )
        examples = "; ".join(_cell(detail) for detail in list(details)[:REASONS])
        yield f"| {name} | {_cell(reason)} | {count:,} | {examples} |"


def _passed_over(counts: Mapping[str, int]) -> Iterator[str]:
    """What the maker left out before anything was made of it."""
    if counts:
        yield "Left out by the method itself:\n"
        yield from (f"- {_cell(reason)}: {count:,}" for reason, count in counts.items())
        yield ""


def _lengths(kept: Sequence[KeptDraft]) -> Iterator[str]:
    yield "| characters of | least | quarter | half | three quarters | most |\n| --- | --- | --- | --- | --- | --- |"
    for name, lengths in (
        ("instructions", [len(one.draft.instruction) for one in kept]),
        ("answers", [len(one.draft.answer) for one in kept]),
    ):
        cuts = statistics.quantiles(lengths, n=4, method="inclusive") if len(lengths) > 1 else lengths * 3
        numbers = [min(lengths), *cuts, max(lengths)] if lengths else []
        yield f"| {name} | {' | '.join(f'{number:,.0f}' for number in numbers)} |"


def _topics(made: Made) -> Iterator[str]:
    """How many of the topics have records, and those with the most and the least."""
    kept = Counter(one.draft.topic or one.seed.topic for one in made.kept)
    topics = [topic for topic in dict.fromkeys([*kept, *made.seeds]) if topic]
    if not topics:
        yield "The method has none."
        return
    covered = sum(1 for topic in topics if kept[topic])
    yield f"{covered:,} of the {units.counted(len(topics), 'topic')} that were tried have a record.\n"
    ranked = sorted(topics, key=lambda topic: (-kept[topic], topic))
    shown = ranked if len(ranked) <= 2 * TOPICS else [*ranked[:TOPICS], "...", *ranked[-TOPICS:]]
    for topic in shown:
        yield f"- {_cell(topic)}" + ("" if topic == "..." else f": {kept[topic]:,}")


def _diversity(made: Diversity, instructions: Sequence[str], own_seeds: Sequence[str], seed: int) -> Iterator[str]:
    yield (
        "Of instructions. distinct-n: distinct sequences of n words by all of them; nearest: mean ROUGE-L with the one "
        "most like it. Sets of unlike sizes differ in both for that alone.\n"
    )
    yield "| | texts | distinct-1 | distinct-2 | distinct-3 | nearest |\n| --- | --- | --- | --- | --- | --- |"
    yield _row("made", made)
    if own_seeds:
        yield _row("seeds", diversity(own_seeds, seed))
        name, larger, smaller = "made, as many as seeds", instructions, own_seeds
        if len(own_seeds) > len(instructions):
            name, larger, smaller = "seeds, as many as made", own_seeds, instructions
        yield _row(name, diversity(random.Random(seed).sample(list(larger), len(smaller)), seed))


def _row(name: str, found: Diversity) -> str:
    shares = " | ".join(f"{share:.3f}" for share in found.distinct)
    nearest = "-" if found.nearest is None else f"{found.nearest:.3f} (of {len(found.neighbours):,})"
    return f"| {name} | {found.texts:,} | {shares} | {nearest} |"


def _neighbours(made: Diversity, instructions: Sequence[str]) -> Iterator[str]:
    shown: set[frozenset[int]] = set()
    for pair in made.neighbours:
        if frozenset((pair.text, pair.other)) not in shown:
            shown.add(frozenset((pair.text, pair.other)))
            yield f"- {pair.score:.2f}: {_cell(instructions[pair.text])} / {_cell(instructions[pair.other])}"
        if len(shown) == PAIRS:
            return
    if not shown:
        yield "There are none."


def _samples(kept: Sequence[KeptDraft], seed: int) -> Iterator[str]:
    for number, one in enumerate(random.Random(seed).sample(list(kept), min(SAMPLES, len(kept))), 1):
        yield f"### {number}. {_cell(one.draft.topic or one.seed.topic or one.seed.key)}\n"
        for turn in one.draft.turns:
            yield f"**{turn.role}**\n"
            yield "\n".join(f"    {line}" for line in turn.content[:LONGEST_SHOWN].splitlines()) + "\n"


def _cell(text: str) -> str:
    """On one line, short, with nothing that a table would end at."""
    return units.shorten(units.printable(" ".join(text.split())), 160).replace("|", "\\|")
