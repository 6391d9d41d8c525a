"""Work beside the steps of a run: what a callback's plugin implements, and how the loop calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mft_core.registry.options import Configurable, SomeOptions

if TYPE_CHECKING:
    from torch import nn

    from mft_core.evaluation.losses import EvaluationContext
    from mft_core.events import EventLog


@dataclass(frozen=True, slots=True)
class CallbackContext:
    """What a callback may use.

    Attributes:
        model: the one in training, with its adapters, not wrapped any further.
        validation: the run's validation samples under the model; its accelerator has device and ranks.
        log: writes events to metrics.jsonl, on the main rank; its `run` is the run's folder.
        total_steps: optimizer steps of the whole run.
    """

    model: nn.Module
    validation: EvaluationContext
    log: EventLog
    total_steps: int


class Callback(Configurable[SomeOptions]):
    """Work beside the steps of a run, such as drawing its curves.

    Every method is called on every rank, in the same order. What it does leaves the model's weights, its mode and the
    process's random numbers as they are: a run ends with the same weights with it and without.
    """

    essential: ClassVar[bool] = False
    """An exception in it ends the run; else it is reported once, and the run goes on without the callback."""

    context: CallbackContext

    def start(self, context: CallbackContext) -> None:
        """Called once, before the first step or the first one after a resume."""
        self.context = context

    def after_step(self, step: int) -> None:
        """Called after each optimizer step, when it has been logged, evaluated and saved.

        Args:
            step: optimizer steps done.
        """

    def going_back(self, step: int) -> None:
        """Called when the run goes back: the model is that of `step` again, what was done of later steps is given up.

        These steps come again, with other weights. A process that is killed then may go back once more.
        """

    def at_end(self, step: int) -> None:
        """Called with the finished model, when it is saved; not in a run that was interrupted.

        Args:
            step: optimizer steps done.
        """

    def close(self) -> None:
        """Called last, after the run's "end" event, in an interrupted run too."""


class Callbacks:
    """The callbacks of one run.

    Args:
        named: by name, in the order in which they are called.
        context: handed to each of them.
    """

    def __init__(self, named: Mapping[str, Callback], context: CallbackContext) -> None:
        self._named = dict(named)
        self._context = context

    def start(self, step: int) -> None:
        """The first step comes next, or the one after `step` in a resumed run."""
        self._each(step, lambda callback: callback.start(self._context))

    def after_step(self, step: int) -> None:
        """A step is done."""
        self._each(step, lambda callback: callback.after_step(step))

    def going_back(self, step: int) -> None:
        """The run is about to go back to the model of `step`."""
        self._each(step, lambda callback: callback.going_back(step))

    def at_end(self, step: int) -> None:
        """The finished model is saved."""
        self._each(step, lambda callback: callback.at_end(step))

    def close(self, step: int) -> None:
        """The run's last event is written."""
        self._each(step, lambda callback: callback.close())

    def _each(self, step: int, call: Callable[[Callback], None]) -> None:
        for name, callback in list(self._named.items()):
            try:
                call(callback)
            except BaseException as error:
                # Ctrl-C and a signal's exit are no failures of the callback; libraries raise other bare ones.
                if callback.essential or isinstance(error, (KeyboardInterrupt, SystemExit)):
                    raise
                del self._named[name]
                if self._context.validation.accelerator.is_main_process:
                    message = f"the callback {name} failed and is left out: {error!r}"
                    self._context.log.emit("warning", step, message=message)
