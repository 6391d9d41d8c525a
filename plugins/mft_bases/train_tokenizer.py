"""Makes the bundled tokenizer: `python plugins/mft_bases/train_tokenizer.py`. Deterministic for a Python version."""

from __future__ import annotations

import sysconfig
from pathlib import Path

FOLDER = Path(__file__).parent / "tokenizer"
VOCABULARY = 2048
END_OF_TEXT, PAD = "<|endoftext|>", "<pad>"
SPECIAL_TOKENS = (END_OF_TEXT, PAD, "<|im_start|>", "<|im_end|>", "<s>", "</s>")


def main() -> None:
    """Train a byte-level BPE on the top-level modules of the standard library and save it beside this file.

    It has the control tokens of ChatML and of MFTCoder's roles and no chat template: each model family sets its own.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    modules = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    tokenizer.train([str(module) for module in modules], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(FOLDER)


if __name__ == "__main__":
    main()
