from __future__ import annotations

import pytest

from mft_core.errors import UsageError
from mft_core.importing.shell_scripts import arguments

VARIABLES = """
export MODEL=org/model
gpus=4
name="a b"
swift sft --model ${MODEL} --gradient_accumulation_steps $(expr 64 / $gpus) --rank $((gpus * 2)) \\
    --run_name "$name" --output_dir ${OUT:-out} --epochs $EPOCHS > log.txt 2>&1 &
"""


def test_variables_are_filled_in_and_those_without_a_value_are_listed() -> None:
    assert arguments(VARIABLES.replace("$((gpus", "$(($gpus")) == {
        "model": "org/model", "gradient_accumulation_steps": 16, "rank": 8, "run_name": "a b", "output_dir": "out",
        "unset_variables": ["--epochs $EPOCHS"],
    }  # fmt: skip


def test_a_computation_that_is_not_understood_is_no_value() -> None:
    found = arguments("swift sft --a $((x ** 2)) --b $(cat file) --c 3 --d $((4 / 0))")
    assert found["c"] == 3
    assert [one.partition(" ")[0] for one in found["unset_variables"]] == ["--a", "--b", "--d"]


def test_the_first_command_that_trains_is_taken_and_further_ones_are_listed() -> None:
    script = """
    swift export --model m --to_cached_dataset true
    swift sft --model m --epochs 1
    swift sft --model n --epochs 2
    swift infer --adapters out
    """
    assert arguments(script) == {"model": "m", "epochs": 1, "other_commands": ["swift sft --model n --epochs 2"]}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("CUDA_VISIBLE_DEVICES=0 swift infer --model m", "swift infer"),
        ("swift rlhf --rlhf_type dpo --model m", "swift rlhf"),
        ("torchrun --nproc_per_node 8 swift/cli/rlhf.py --model m", "swift/cli/rlhf.py"),
    ],
)
def test_a_script_that_does_something_else_is_refused(command: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"`{said}` is no supervised fine-tuning"):
        arguments(command)


def test_a_launcher_is_no_part_of_the_command() -> None:
    script = "accelerate launch --num_processes 2 --config_file a.yaml \\\n  src/train.py --model m --epochs 3 \\"
    assert arguments(script) == {
        "model": "m", "epochs": 3, "launcher": "accelerate launch --num_processes 2 --config_file a.yaml",
    }  # fmt: skip


def test_a_quote_over_several_lines_is_one_value() -> None:
    assert arguments("swift sft --model m --model_kwargs '{\n\"a\": 1}' --epochs 1")["model_kwargs"] == '{\n"a": 1}'
    prompt = "PROMPT='It is so.\n#### 42'\nswift sft --model m --system \"$PROMPT\"\n"
    assert arguments(prompt) == {"model": "m", "system": "It is so.\n#### 42"}
    assert arguments("swift sft --model m --dataset 'a#5' | tee log --x 1") == {"model": "m", "dataset": "a#5"}
