"""The JSON Schema of a recipe, by which an editor completes keys and marks mistakes: `mft init --schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from mft_core.recipe.choices import AUTO, EVALUATOR, LOSS, OPTIMIZER, PACKER, REPORT
from mft_core.recipe.schema import Recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CHOSEN = (
    ("DataSection", "source", "source", AUTO),
    ("DataSection", "reader", "reader", AUTO),
    ("DataSection", "tokenization", "tokenization", AUTO),
    ("DataSection", "packer", "packer", PACKER),
    ("TaskSection", "reader", "reader", AUTO),
    ("TaskSection", "tokenization", "tokenization", AUTO),
    ("TrainSection", "optimizer", "optimizer", OPTIMIZER),
    ("TrainSection", "callbacks", "callback", REPORT),
    ("", "loss", "loss", LOSS),
    ("", "eval", "evaluator", EVALUATOR),
)
"""Section ("": the recipe itself), key, kind of component, and which one a table without a name means."""
KINDS = dict.fromkeys(["tuner", *(kind for _, _, kind, _ in CHOSEN)])
"""Of components whose options a recipe may hold."""
QUALIFIED = {"type": "string", "pattern": "^[^/]+/[^/]+$", "description": "PLUGIN/NAME, where two plugins offer a name"}

OptionClasses = Mapping[str, type[BaseModel] | None]
"""Name of a component -> the class of its options; None where that is not known, since its extra is not installed."""


def recipe_schema(offered: Mapping[str, OptionClasses]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a recipe file.

    It says what `load_recipe` says, but for what takes more than one key to know.

    Args:
        offered: every component that a recipe may name, by its kind.
    """
    schema: dict[str, Any] = {"$schema": DIALECT, **Recipe.model_json_schema(mode="validation")}
    schema["title"] = "A recipe of mft"
    definitions = schema["$defs"]
    for section, key, kind, default in CHOSEN:
        properties = definitions[section]["properties"] if section else schema["properties"]
        more = definitions["EvaluatorChoice"]["properties"]["every"] if kind == "evaluator" else None
        definitions[kind] = _choice(kind, default, offered.get(kind, {}), definitions, {"every": more} if more else {})
        _put(properties[key], {"$ref": f"#/$defs/{kind}"})
    definitions["ModelSection"]["properties"]["adapter"]["anyOf"] = _names(["", *offered.get("model", ())])
    _add_tuners(definitions["TuneSection"], offered.get("tuner", {}), definitions)
    for unused in ("Choice", "EvaluatorChoice"):
        del definitions[unused]
    return schema


def _put(field: dict[str, Any], choice: dict[str, Any]) -> None:
    """Let a field, or each item of its list, be a choice; what else is said of it stays."""
    if field.get("type") == "array":
        field["items"] = choice
    else:
        field.pop("$ref", None)
        field.pop("default", None)  # pydantic's form of it is not that of a recipe
        field.update(choice)


def _choice(
    kind: str, default: str, options: OptionClasses, definitions: dict[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    """A name, or a table of a name and that component's options."""
    forms = _names([*options, *([AUTO] if default == AUTO else [])])
    for name, its_class in options.items():
        own = _properties(f"{kind}.{name}", its_class, definitions)
        required = [key for key, field in its_class.model_fields.items() if field.is_required()] if its_class else []
        forms.append(
            {
                "type": "object",
                "title": f"{kind}.{name}",
                "properties": {"name": {"const": name}, **more, **own},
                "required": [*required, *([] if name == default else ["name"])],
                "additionalProperties": its_class is None,
            }
        )
    return {"anyOf": [*forms, {"type": "object", "properties": {"name": QUALIFIED}, "required": ["name"]}]}


def _names(names: list[str]) -> list[dict[str, Any]]:
    return [{"enum": names}, QUALIFIED]


def _properties(place: str, options: type[BaseModel] | None, definitions: dict[str, Any]) -> dict[str, Any]:
    """The options' own schemas; what they refer to is put among the definitions."""
    if options is None:
        return {}
    schema = options.model_json_schema(ref_template=f"#/$defs/{place}.{{model}}")
    definitions.update({f"{place}.{name}": inner for name, inner in schema.get("$defs", {}).items()})
    found: dict[str, Any] = schema.get("properties", {})
    return found


def _add_tuners(section: dict[str, Any], tuners: OptionClasses, definitions: dict[str, Any]) -> None:
    """Options of every tuner may stand in [tune], whichever is chosen."""
    own = section["properties"]
    own["method"]["anyOf"] = _names(list(tuners))
    found: dict[str, list[Any]] = {}
    for name, options in tuners.items():
        for key, field in _properties(f"tuner.{name}", options, definitions).items():
            if field not in found.setdefault(key, []):
                found[key].append(field)
    own |= {
        key: fields[0] if len(fields) == 1 else {"anyOf": fields} for key, fields in found.items() if key not in own
    }
    section["additionalProperties"] = False
