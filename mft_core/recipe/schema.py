"""Recipe: everything a run depends on, typed; `mft_core.recipe.loading` reads it.

Every key has a type, a default and a sentence; `mft init` prints them as a commented recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
)

from mft_core.recipe.choices import (
    AUTO,
    LOSS,
    OPTIMIZER,
    PACKER,
    REPORT,
    AutoChoice,
    CallbackChoice,
    Choice,
    EvaluatorChoice,
    LossChoice,
    OptimizerChoice,
    PackerChoice,
    Section,
)
from mft_core.support.column_templates import checked_template
from mft_core.support.unicode_names import composed

TaskName = Annotated[str, AfterValidator(composed)]
"""The name of a task, equal to the one its files have, in whatever form of Unicode either is."""


class ModelSection(Section):
    """Which model is tuned."""

    adapter: str = Field("", description='model family, see `mft list model`; "": recognised from the base')
    base: str = Field(
        "tiny",
        description="tiny | smollm2 | a folder or GGUF file | ORG/NAME on the Hub | modelscope:ORG/NAME | pypi:NAME",
    )
    adapter_path: str = Field(
        "", description='a run, or an adapter\'s folder, whose adapter is trained further; "": a new one'
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] = Field(
        "auto", description="auto: bfloat16 where the processor computes in it, else float32"
    )


class TuneSection(Section):
    """What of the model is trained: a tuner, and its options beside its name, which are its own to validate.

    Options of other tuners may stand there too, so that `--set tune.method=full` goes with any recipe; they are not
    used. `mft_core.recipe.tune_options` tells one from the other.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    method: str = Field("lora", description="what is trained, see `mft list tuner`; its options stand beside it")
    noise: float = Field(
        0.0,
        ge=0,
        description="on embeddings in training, noise / sqrt(tokens x width) at most (NEFTune: 5); 0: none",
    )

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside the keys that every tuner has."""
        return dict(self.model_extra or {})


Learned = Literal[
    "prompt", "response", "system", "history", "messages", "text", "tools", "reasoning", "weight", "chosen"
]
Columns = dict[Learned, Annotated[str, AfterValidator(checked_template)]]
"""What is learned, and the column or the template that it is taken from."""


class TaskSection(Section):
    """One task given by its files; without `train`, options of one that the data has."""

    name: TaskName = Field(description="the task's name")
    train: str = Field(
        "", description='a file, a folder or a glob; "": the task is one that the source or a task_field finds'
    )
    valid: str = Field("", description='the same for validation; "": split off valid_fraction')
    role: Literal["train", "watch"] = Field(
        "train", description="watch: all its records are measured at every evaluation, none is ever trained"
    )
    weight: float = Field(1.0, gt=0, description="relative importance in the objective")
    reader: AutoChoice = Field(Choice(name=AUTO), description="auto: data.reader; what reads the files of this task")
    tokenization: AutoChoice = Field(
        Choice(name=AUTO), description="auto: data.tokenization, which is what is saved with the model in any case"
    )
    repeat: float = Field(
        1.0, gt=0, le=1000, description="0.25 or 3: passes over its training samples an epoch; they count as often"
    )
    max_length: int = Field(0, ge=0, description="tokens a sample may have, no more than that; 0: data.max_length")
    max_samples: int = Field(-1, ge=-1, description="most training samples; 0: all; -1: data.max_samples")
    valid_fraction: float = Field(0.0, ge=0, lt=1, description="validation share; 0: data.valid_fraction")
    columns: Columns = Field({}, description="{}: data.columns; where this task's records have what is learned")
    system: str = Field("", description='system turn of its conversations that have none; "": data.system')
    task_field: str = Field("", description='the field that names the task of each record of its files; "": of [data]')


class DataSection(Section):
    """Which tasks are learned and how their records become rows of tokens."""

    source: AutoChoice = Field(
        Choice(name=AUTO),
        description="auto: the folder `path` if given, else stdlib; not read if trained tasks have files",
    )
    path: str = Field("", description="folder of task folders (<task>/train.jsonl, <task>/valid.jsonl)")
    reader: AutoChoice = Field(
        Choice(name=AUTO), description="auto: by each file's suffix; else what reads all files, see `mft list reader`"
    )
    exclude: str = Field("", description="audit.json of `mft data audit`: the records that it says to leave out")
    columns: Columns = Field(
        {},
        description='such as {prompt = "Write {language}: {task}", response = "code"}; {}: keys of known forms',
    )
    task_field: str = Field(
        "", description='a field, such as "channel", whose value is the task of each record; "": a file is of one task'
    )
    reasoning: Literal["all", "last", "none"] = Field(
        "all", description="thoughts learned; last: of conversations that become several samples, the last; none: no"
    )
    preference: Literal["refuse", "chosen"] = Field(
        "refuse", description="of chosen and rejected answers; chosen: learn that one, as any other answer"
    )
    render_json: bool = Field(False, description="learn lists and objects as compact JSON; false: refuse them")
    system: str = Field("", description='system turn put before conversations that have none of their own; "": none')
    prepared: str = Field("", description="folder that `mft prepare` wrote: tokenised and packed; `path` is not read")
    tasks: list[TaskSection] = Field([], description="by their files (trained: in place of a source); or their options")
    include: list[TaskName] = Field([], description="names of the tasks to train; []: all that the source has")
    tokenization: AutoChoice = Field(
        Choice(name=AUTO), description="auto: the tokenizer's chat template if it has one, else mftcoder"
    )
    temperature: float = Field(
        1.0, ge=1, description="task sampling ~ samples ** (1 / temperature); 1: in proportion; the loss undoes it"
    )
    packer: PackerChoice = Field(Choice(name=PACKER), description="how samples share rows; `mft list packer`")
    max_length: int = Field(1024, ge=8, description="tokens a row may hold")
    overlong: Literal["drop", "truncate", "split"] = Field(
        "drop", description="samples over max_length; split: plain text into parts, what is not plain text is dropped"
    )
    valid_fraction: float = Field(0.05, gt=0, lt=1, description="validation share of tasks without validation files")
    split_seed: int = Field(0, description="of that choice, and of which samples max_samples keeps")
    max_samples: int = Field(0, ge=0, description="most training samples per task; 0: all")
    max_valid_samples: int = Field(0, ge=0, description="most validation samples per task; 0: as many as max_samples")
    max_bad: float = Field(0.05, ge=0, le=1, description="share of unusable records in a task that stops the run")


class TrainSection(Section):
    """How long and how the model is trained."""

    epochs: float = Field(3.0, gt=0, description="passes over all samples; ignored when steps > 0")
    steps: int = Field(0, ge=0, description="optimizer steps; 0: as many as `epochs` takes")
    batch_size: int = Field(32, ge=1, description="rows per optimizer step, over all ranks")
    micro_batch_size: int = Field(4, ge=1, description="rows per forward and rank")
    learning_rate: float = Field(2e-4, gt=0)
    min_learning_rate: float = Field(1e-5, ge=0, description="where the schedule ends")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of all steps with rising learning rate")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    optimizer: OptimizerChoice = Field(Choice(name=OPTIMIZER), description="what takes the steps; `mft list optimizer`")
    rate_factors: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="such as {lora_B = 16.0} (LoRA+): of parameters with that in their names, times learning_rate"
    )
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, ge=0, description="largest gradient norm; 0: no clipping")
    gradient_checkpointing: Literal["auto"] | bool = Field(
        "auto", description="recompute activations: less memory, a third more time; auto: where memory asks for it"
    )
    sharding: Literal["none", "full", "hybrid"] = Field(
        "none", description="weights, gradients, optimizer: full: spread over all processes; hybrid: over a machine's"
    )
    router_loss: bool = Field(
        True, description="mixtures of experts: add the router's load-balancing loss, with the checkpoint's coefficient"
    )
    seed: int = 0
    log_every: int = Field(10, ge=0, description="optimizer steps; 0: never")
    eval_every: int = Field(50, ge=0, description="optimizer steps; 0: only before the first and after the last")
    save_every: int = Field(50, ge=0, description="optimizer steps; 0: only at the end; a new best is always saved")
    stop: Literal["none", "paper", "patience"] = Field(
        "none", description="paper: stop after two evaluations above the one before them; the best model is the result"
    )
    patience: int = Field(2, ge=1, description='evaluations without a new best, for stop = "patience"')
    max_extra_steps: float = Field(
        1.0,
        ge=0,
        allow_inf_nan=False,
        description="where a loss goes back: steps done again at most, in all; 1.0: as many as the run has",
    )
    max_forgetting: float = Field(
        0.0, ge=0, description='share by which the loss of a task of role "watch" may exceed the base\'s; 0: any'
    )
    on_forgetting: Literal["warn", "stop"] = Field(
        "warn", description="beyond max_forgetting; stop: the last evaluated model within it is the result"
    )
    callbacks: list[CallbackChoice] = Field(
        [Choice(name=REPORT)], description="work beside the steps, see `mft list callback`; report: draws the curves"
    )
    hang_limit: int = Field(300, ge=0, description="seconds until a process that hangs ends the others; 0: never")
    max_bad_steps: int = Field(5, ge=1, description="non-finite steps in a row that end the run")


class OutputSection(Section):
    """Where the results go."""

    dir: str = Field("", description='run folder; "": runs/MODEL-LOSS-DATE')
    keep: int = Field(3, ge=1, description="newest checkpoints kept, beside the best one")
    keep_task_bests: bool = Field(False, description="keep the checkpoint of every task's lowest validation loss too")
    checkpoints: Literal["auto", "whole", "sharded"] = Field(
        "auto",
        description="with train.sharding: written whole by one process or, sharded, by each its part; "
        "auto: sharded where the base's weights are trained",
    )
    affinity: bool = Field(False, description="measure which tasks help or hinder which; changes no weight")
    affinity_every: int = Field(
        0, ge=0, description="optimizer steps; 0: about ten measurements, fewer where they take over a tenth of the run"
    )
    trackers: list[Literal["tensorboard", "wandb"]] = []


class Recipe(Section):
    """A whole run."""

    model: ModelSection = ModelSection()
    tune: TuneSection = TuneSection()
    data: DataSection = DataSection()
    loss: LossChoice = Choice(name=LOSS)
    train: TrainSection = TrainSection()
    eval: list[EvaluatorChoice] = Field([], description="evaluators run on the trained model, beside the losses")
    output: OutputSection = OutputSection()

    def having(self, section: str, **keys: Any) -> Recipe:
        """The recipe with other values of some keys of one section: `recipe.having("train", steps=5)`.

        Values are taken as they are; what users give goes through `mft_core.recipe.loading`, which validates.
        """
        return self.model_copy(update={section: getattr(self, section).model_copy(update=keys)})

    def as_toml(self) -> str:
        """The recipe as TOML; `load_recipe` gives the same recipe back."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json"))
