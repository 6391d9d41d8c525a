"""What the README.md beside a result says."""

from __future__ import annotations

from pathlib import Path

from mft_core.records import Score
from mft_core.tuning.model_card import CardFacts, CardTask, imports_in, is_of_converted, write_card
from mft_core.tuning.tuner import Form

TASKS = (CardTask("add", 1200, 30, 4500, 2.5, 0.125, 0.125), CardTask("sub", 3, 0, 9, None, None))


def card(folder: Path, facts: CardFacts, form: Form = "adapter", ends: tuple[tuple[str, int], ...] = ()) -> str:
    write_card(folder, facts, form, ends)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_an_adapter_of_a_base_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("PEFT's")
    text = card(tmp_path, CardFacts("org/name@abc", on_hub=True, method="lora", step=7, tasks=TASKS))
    assert text.startswith('---\nlibrary_name: peft\npipeline_tag: text-generation\nbase_model: "org/name"\n---\n')
    assert "# An adapter for org/name@abc\n" in text
    assert "(lora) on 2 tasks at once, for 7 steps" in text
    assert "| add | 1,200 | 30 | 4,500 | 2.500 | 0.125 | -95.0% ± 12.5% |\n" in text
    assert "| sub | 3 | 0 | 9 | not measured | not measured | not measured |\n" in text
    assert 'from_pretrained("org/name", revision="abc")' in text
    assert "export" not in text
    assert "PEFT's" not in text


def test_an_adapter_of_a_base_in_a_format_of_its_own_says_what_it_needs(tmp_path: Path) -> None:
    text = card(tmp_path, CardFacts("b", converted=True, imports=("mft_glm.modeling",)), ends=(("<eos>", 2),))
    assert "`mft export BASE --output NATIVE`" in text
    assert 'from_pretrained("NATIVE")' in text
    assert "import mft_glm.modeling  # of mft" in text
    assert "At `<eos>` (id 2). PEFT" in text
    assert "base_model" not in text
    assert "tasks at once" not in text


def test_an_adapter_of_a_base_without_a_name_says_how_it_becomes_a_model(tmp_path: Path) -> None:
    text = card(tmp_path, CardFacts("tiny"))
    assert "`mft export RUN --output DIR`" in text
    assert 'from_pretrained("BASE")' in text


def test_a_whole_model(tmp_path: Path) -> None:
    text = card(tmp_path, CardFacts("tiny"), "model", ends=(("<eos>", 2), ("<end>", 3)))
    assert text.startswith("---\nlibrary_name: transformers\n")
    assert "# A model tuned from tiny\n" in text
    assert 'AutoModelForCausalLM.from_pretrained("this folder")' in text
    assert "At `<eos>` (id 2), `<end>` (id 3), which generation_config.json names." in text
    assert "peft" not in text


def test_what_only_its_tuner_loads(tmp_path: Path) -> None:
    text = card(tmp_path, CardFacts("tiny", method="biases", tasks=TASKS), "own")
    assert text.startswith("---\nlibrary_name: mft\n")
    assert "# A tuning of tiny\n" in text
    assert 'mft chat "this folder"' in text
    assert "from_pretrained" not in text


def test_what_was_lost_of_watched_tasks_the_worst_first(tmp_path: Path) -> None:
    watched = tuple(
        CardTask(name, 0, 5, 0, before, after)
        for name, before, after in (("kept", 2.0, 1.9), ("lost", 2.0, 2.5), ("unknown", None, 1.0))
    )
    text = card(tmp_path, CardFacts("b", tasks=TASKS, watched=watched))
    assert "## What the base could" in text
    assert "- lost: 2.000 -> 2.500 (+25.0%)\n- kept: 2.000 -> 1.900 (-5.0%)\n" in text
    assert "- unknown" not in text
    assert "What the base could" not in card(tmp_path, CardFacts("b", tasks=TASKS))


def test_a_card_on_the_hub_has_its_scores_its_recipe_and_its_name(tmp_path: Path) -> None:
    scores = (
        Score("humaneval", "pass@1", 0.25, 164, "chat | greedy #1", (0.2, 0.3), {"best": 1.0}),
        Score("add", "loss", 1.5, 30, "teacher forcing"),
    )
    facts = CardFacts("org/b", on_hub=True, scores=scores, recipe='[model]\nbase = "org/b"\n', repository="me/tuned")
    text = card(tmp_path, facts, ends=(("<eos>", 2),))
    assert "| humaneval | pass@1 | 25.0% | 20.0% .. 30.0% | 164 | chat \\| greedy #1 |\n" in text
    assert "| add | loss | 1.500 | exact | 30 | teacher forcing |\n" in text
    assert '```toml\n[model]\nbase = "org/b"\n```\n' in text
    assert text.count('"me/tuned")') == 3
    assert "this folder" not in text


def test_what_a_card_says_can_be_read_back(tmp_path: Path) -> None:
    facts = CardFacts("b", converted=True, imports=("mft_glm.modeling", "a.b"))
    assert imports_in(card(tmp_path, facts)) == facts.imports
    assert is_of_converted(card(tmp_path, facts))
    assert imports_in(card(tmp_path, CardFacts("b"))) == ()
    assert not is_of_converted(card(tmp_path, CardFacts("b")))
