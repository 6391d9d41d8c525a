"""Ways to make instruction data with a language model."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_makers() -> Sequence[Component]:
    """The bundled makers."""
    return [
        Component("exercises", "mft_makers.exercises:Exercises", "knowledge points to exercises with solutions"),
        Component("dialogue", "mft_makers.dialogue:Dialogue", "a teacher and a student talk about one small topic"),
        Component("self-instruct", "mft_makers.self_instruct:SelfInstruct", "new tasks from seed tasks"),
        Component("from-code", "mft_makers.from_code:FromCode", "problems that your own code inspires (OSS-Instruct)"),
        Component("evolve", "mft_makers.evolve:Evolve", "your records made harder, broader, bound (Evol-Instruct)"),
        Component("translate", "mft_makers.translate:Translate", "your code in another programming language"),
        Component("comment", "mft_makers.comment:Comment", "documentation for your code, which stays as it is"),
        Component("tests", "mft_makers.unit_tests:UnitTests", "tests for your functions, checked against mutants"),
    ]
