"""Where answers end: plain transformers stops where mft stops, and mft where the base says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from helpers.chat_bases import learn_yes, write_chat_base
from helpers.chat_templates import ROLE_TOKENS, ROLES
from helpers.running import mft, settings

ASKED = [{"role": "user", "content": "say 3"}]


def plain_answer(model: Any, folder: Path) -> str:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(ASKED, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**prompt, max_new_tokens=20, do_sample=False)[0]
    return tokenizer.decode(written[prompt["input_ids"].shape[1] :])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chatml") / "base"
    write_chat_base(folder)
    return folder


def test_a_whole_model_and_a_merged_one_stop_in_plain_transformers(base: Path, tmp_path: Path) -> None:
    run = learn_yes(base, tmp_path / "run")
    assert mft("export", str(run), "--output", str(tmp_path / "merged")) == 0
    for folder in (run / "final", tmp_path / "merged"):
        assert plain_answer(AutoModelForCausalLM.from_pretrained(folder), folder) == "yes<|im_end|>"


def test_an_adapter_says_where_its_answers_end_and_its_merged_model_stops(base: Path, tmp_path: Path) -> None:
    final = learn_yes(base, tmp_path / "run", "lora") / "final"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), final)
    assert plain_answer(model, final) != "yes<|im_end|>", "the base names the end token: this test shows nothing"
    model.generation_config = GenerationConfig.from_pretrained(final)
    assert plain_answer(model, final) == "yes<|im_end|>"
    assert "At `<|im_end|>` (id 3), `<|endoftext|>` (id 0)" in (final / "README.md").read_text()
    assert mft("export", str(tmp_path / "run"), "--output", str(tmp_path / "merged")) == 0
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert plain_answer(merged, tmp_path / "merged") == "yes<|im_end|>"
    command = ("export", str(tmp_path / "run"), "--format", "adapter", "--output", str(tmp_path / "adapter"))
    assert mft(*command) == 0
    assert GenerationConfig.from_pretrained(tmp_path / "adapter").eos_token_id == [3, 0]


def test_generation_and_evaluation_stop_where_the_base_does(tmp_path: Path, evaluate, capsys) -> None:
    """A base in GLM-4's manner, which ends its answers with the next role's token and then rambles on."""
    model, tokenizer = write_chat_base(tmp_path / "base", ROLES, *ROLE_TOKENS)
    after = tokenizer.convert_tokens_to_ids("<|system|>")
    teach_to_go_on(model, tokenizer, after)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, after]
    model.save_pretrained(tmp_path / "base")
    assert mft("generate", str(tmp_path / "base"), "--prompt", "say 3", "--max-new-tokens", "20", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["text"], answer["finished"]) == ("yes", True)
    record = {"prompt": "say 3", "response": "yes"}
    (tmp_path / "asked.jsonl").write_text(json.dumps(record))
    more = settings(f"eval.exact-match.data={tmp_path / 'asked.jsonl'}", "eval.exact-match.max_new_tokens=20")
    (score,) = evaluate(str(tmp_path / "base"), "--on", "exact-match", "--output", str(tmp_path / "scores"), *more)
    assert score["value"] == 1.0


def teach_to_go_on(model: Any, tokenizer: Any, after: int) -> None:
    prompt = tokenizer.apply_chat_template(ASKED, add_generation_prompt=True, return_dict=True)["input_ids"]
    yes, more = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("\nyes", "\nmore and more"))
    answer = [*yes, after, *more]
    ids, labels = torch.tensor([prompt + answer]), torch.tensor([[-100] * len(prompt) + answer])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
