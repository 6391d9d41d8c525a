"""Recipe: everything a run depends on, typed. From plugins.toml defaults, then the TOML file, then flags.

Every key has a type, a default and a sentence; `mft init` prints them as a commented recipe. An unknown or
misspelt key is an error that names the file, the key and the nearest right one.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_serializer,
    model_validator,
)

from mft_core.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Section(BaseModel):
    """A table of the recipe: strict about keys, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(Section):
    """A component by name, with its own options beside it: `"best-fit"` or `{name = "best-fit", key = value}`."""

    name: str
    options: dict[str, Any] = {}


def _named(default: str) -> BeforeValidator:
    """Reads a component from its name or its table; options without a name belong to the default one."""

    def choice(value: Any) -> Any:
        if isinstance(value, str):
            return Choice(name=value)
        if isinstance(value, Mapping):
            options = {key: inner for key, inner in value.items() if key != "name"}
            return {"name": value.get("name", default), "options": options}
        return value

    return BeforeValidator(choice)


def _unchoice(value: Choice) -> Any:
    return {"name": value.name, **value.options} if value.options else value.name


AUTO, PACKER, LOSS, EVALUATOR = "auto", "best-fit", "balanced", "loss"

AutoChoice = Annotated[Choice, _named(AUTO), PlainSerializer(_unchoice)]
PackerChoice = Annotated[Choice, _named(PACKER), PlainSerializer(_unchoice)]
LossChoice = Annotated[Choice, _named(LOSS), PlainSerializer(_unchoice)]


class EvaluatorChoice(Choice):
    """A measure of the model, with its own options beside its name, and when it is taken."""

    every: int = Field(0, ge=0, description="optimizer steps between two measurements; 0: only at the end")

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_table(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "options" not in value:
            own = {key: value[key] for key in ("every",) if key in value}
            options = {key: inner for key, inner in value.items() if key not in ("name", "every")}
            return {"name": value.get("name", EVALUATOR), "options": options, **own}
        return value

    @model_serializer
    def _as_table(self) -> Any:
        every = {"every": self.every} if self.every else {}
        return {"name": self.name, **every, **self.options} if every or self.options else self.name


class ModelSection(Section):
    """Which model is tuned."""

    adapter: str = Field("", description='model family, see `mft list model`; "": recognised from the base')
    base: str = Field(
        "tiny",
        description="tiny | smollm2 | a folder or GGUF file | ORG/NAME on the Hub | modelscope:ORG/NAME | pypi:NAME",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] = Field(
        "auto", description="auto: bfloat16 where the processor computes in it, else float32"
    )


class TuneSection(Section):
    """What of the model is trained."""

    method: Literal["lora", "qlora", "full"] = Field(
        "lora", description="lora: low-rank adapters; qlora: the same beside weights in four bits; full: every weight"
    )
    rank: int = Field(16, ge=1, description="LoRA rank")
    alpha: float = Field(32.0, gt=0, description="LoRA scale is alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="LoRA dropout")
    targets: str | list[str] = Field(
        "all-linear", description='"all-linear", "family" (the adapter\'s own list), or names of linear modules'
    )
    dora: bool = Field(False, description="DoRA: train the length of each weight row beside its direction")
    rslora: bool = Field(False, description="rsLoRA: the scale is alpha / sqrt(rank)")
    init: str = Field(
        "default", description="of LoRA's matrices: default, gaussian, orthogonal, pissa, pissa_niter_16, olora, mica"
    )
    cast_activations: bool = Field(
        False, description="LoRA computes in float32 as PEFT does; false: in the model's own dtype, which is faster"
    )
    quant_type: Literal["nf4", "fp4"] = Field("nf4", description="qlora: the kind of four-bit number")
    double_quant: bool = Field(True, description="qlora: quantise the blocks' scales too; saves 0.37 bits a weight")


class TaskSection(Section):
    """One task given by its files."""

    name: str = Field(description="the task's name")
    train: str = Field(description="a file, a folder or a glob of JSONL or JSONL.gz")
    valid: str = Field("", description='the same for validation; "": split off valid_fraction')
    weight: float = Field(1.0, gt=0, description="relative importance in the objective")


class DataSection(Section):
    """Which tasks are learned and how their records become rows of tokens."""

    source: AutoChoice = Field(
        Choice(name=AUTO), description="auto: [[data.tasks]] if given, else the folder `path`, else stdlib"
    )
    path: str = Field("", description="folder of task folders (<task>/train.jsonl, <task>/valid.jsonl)")
    prepared: str = Field("", description="folder that `mft prepare` wrote: tokenised and packed; `path` is not read")
    tasks: list[TaskSection] = Field([], description="tasks by their files")
    include: list[str] = Field([], description="names of the tasks to train; []: all that the source has")
    tokenization: AutoChoice = Field(
        Choice(name=AUTO), description="auto: the tokenizer's chat template if it has one, else mftcoder"
    )
    temperature: float = Field(
        1.0, ge=1, description="task sampling ~ samples ** (1 / temperature); 1: every sample once; the loss undoes it"
    )
    packer: PackerChoice = Field(Choice(name=PACKER), description="how samples share rows; `mft list packer`")
    max_length: int = Field(1024, ge=8, description="tokens a row may hold")
    overlong: Literal["drop", "truncate", "split"] = Field(
        "drop", description="samples over max_length; split: plain text into parts, what is not plain text is dropped"
    )
    valid_fraction: float = Field(0.05, gt=0, lt=1, description="validation share of tasks without validation files")
    split_seed: int = Field(0, description="of that choice, and of which samples max_samples keeps")
    max_samples: int = Field(0, ge=0, description="most training samples per task; 0: all")
    max_valid_samples: int = Field(0, ge=0, description="most validation samples per task; 0: all")
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
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="sgd: plain, without momentum")
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, ge=0, description="largest gradient norm; 0: no clipping")
    gradient_checkpointing: bool = Field(False, description="recompute activations: less memory, a third more time")
    sharding: Literal["none", "full"] = Field(
        "none", description="full: weights, gradients and optimizer spread over all processes (FSDP); none: a copy each"
    )
    router_loss: bool = Field(
        True, description="mixtures of experts: add the router's load-balancing loss, with the checkpoint's coefficient"
    )
    seed: int = 0
    log_every: int = Field(10, ge=0, description="optimizer steps; 0: never")
    eval_every: int = Field(50, ge=0, description="optimizer steps; 0: only before the first and after the last")
    save_every: int = Field(50, ge=0, description="optimizer steps; 0: only at the end")
    stop: Literal["none", "paper", "patience"] = Field(
        "none", description="paper: stop after two evaluations above the one before them; the best model is the result"
    )
    patience: int = Field(2, ge=1, description='evaluations without a new best, for stop = "patience"')
    max_bad_steps: int = Field(5, ge=1, description="non-finite steps in a row that end the run")


class OutputSection(Section):
    """Where the results go."""

    dir: str = Field("", description='run folder; "": runs/MODEL-LOSS-DATE')
    keep: int = Field(3, ge=1, description="checkpoints kept")
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

    def as_toml(self) -> str:
        """The recipe as TOML; `load_recipe` gives the same recipe back."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json"))


def load_recipe(
    path: Path | None,
    overrides: Sequence[tuple[str, Any]] = (),
    defaults: Mapping[str, Any] | None = None,
    defaults_file: Path | None = None,
) -> Recipe:
    """Compose defaults, a recipe file and command-line overrides, in rising precedence.

    Args:
        path: TOML file; paths in it are relative to its folder.
        overrides: (dotted key, value), such as ("train.steps", 20).
        defaults: from plugins.toml, and where they stand.

    Raises:
        UsageError: unreadable TOML, an unknown or ill-typed key, named with its file and the nearest right one.
    """
    merged: dict[str, Any] = {}
    origins: list[tuple[str, Mapping[str, Any]]] = []
    if defaults:
        origins.append((f"{defaults_file or 'plugins.toml'} [defaults]", defaults))
    if path is not None:
        origins.append((str(path), _absolute_paths(read_toml(path), path.resolve().parent)))
    for key, value in overrides:
        origins.append((f"--set {key}" if "." in key else key, _absolute_folders(_nested(key, value), Path.cwd())))
    for origin, values in origins:
        _validate(_merge(merged, values), origin)
        merged = _merge(merged, values)
    return _validate(merged, "the recipe")


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file, or say where it is wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "`mft init` writes a recipe to start from") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def parse_setting(text: str) -> tuple[str, Any]:
    """`--set KEY=VALUE`: the value is TOML where it parses as TOML, else a plain string."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--set {text}: expected KEY=VALUE", "for example --set train.learning_rate=1e-4")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    return key.strip(), parsed


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key. A component given by bare name becomes a table when options are set beside it;
    a component given another name loses the options of the old one."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, str) and isinstance(value, Mapping):
            old = {"name": old}
        if isinstance(value, str) and isinstance(old, Mapping):
            value = {"name": value}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in old and value.get("name", old["name"]) != old["name"]
            merged[key] = dict(value) if renamed else _merge(old, value)
        else:
            merged[key] = value
    return merged


def _absolute_paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a recipe file are relative to the file; tasks' files to `data.path` if that is given."""
    values = _absolute_evaluation_sets(_absolute_folders(values, folder), folder)
    data = values.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("tasks"), list):
        return values
    root = Path(data.get("path") or folder)
    return {**values, "data": {**data, "tasks": [_absolute_task(task, root) for task in data["tasks"]]}}


def _absolute_folders(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`data.path` and `data.prepared`, relative to `folder`."""
    data = values.get("data")
    if not isinstance(data, dict):
        return values
    given = {key: data[key] for key in ("path", "prepared") if isinstance(data.get(key), str) and data[key]}
    found = {key: str(folder / Path(path).expanduser()) for key, path in given.items()}
    return {**values, "data": {**data, **found}}


def _absolute_evaluation_sets(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`data` of every [[eval]], relative to `folder`."""
    if not isinstance(values.get("eval"), list):
        return values

    def absolute(choice: Any) -> Any:
        if not isinstance(choice, dict) or not isinstance(choice.get("data"), str) or not choice["data"]:
            return choice
        return {**choice, "data": str(folder / Path(choice["data"]).expanduser())}

    return {**values, "eval": [absolute(choice) for choice in values["eval"]]}


def _absolute_task(task: Any, root: Path) -> Any:
    if not isinstance(task, dict):
        return task
    paths = {
        key: str(root / task[key]) for key in ("train", "valid") if isinstance(task.get(key), str) and task.get(key)
    }
    return {**task, **paths}


def _validate(values: Mapping[str, Any], origin: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError(*_explain(error, origin)) from None


def _explain(error: ValidationError, origin: str) -> tuple[str, str]:
    lines, hints = [], []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{origin}: unknown key {key!r}")
            hints.append(suggest_key(key, recipe_keys()))
        else:
            lines.append(f"{origin}: {key}: {problem['msg']}, got {problem['input']!r}")
    return "\n".join(lines), "\n".join(hint for hint in hints if hint)


def suggest_key(key: str, known: Sequence[str]) -> str:
    """The nearest right key, as a sentence; "" where nothing is near."""
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    last = [name for name in known if name.split(".")[-1] == plain.split(".")[-1]]
    best = (last or near)[:1]
    return f"did you mean {best[0]!r}?" if best else "`mft init` lists every key"


def recipe_keys() -> list[str]:
    """Every key of a recipe, dotted, in order."""
    keys: list[str] = []
    for name, section in Recipe.model_fields.items():
        keys.append(name)
        if isinstance(section.annotation, type) and issubclass(section.annotation, Section):
            keys += [f"{name}.{key}" for key in section.annotation.model_fields]
    keys += [f"data.tasks.{key}" for key in TaskSection.model_fields]
    return keys
