"""Read params.yaml and say, a line for each, what is wrong in it.

Like the schema, it only accepts or rejects, so that no stage depends on it.
"""

from collections.abc import Mapping
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.common.errors import MissingInput, UserError, did_you_mean

Schema = TypeVar("Schema", bound=BaseModel)
MAX_BYTES = 1_000_000


class ShortRepr(Repr):
    """Like `repr`, but of bounded length: an alias of YAML can stand for a value of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlevel, self.maxdict, self.maxlist = 2, 4, 4

    def repr_int(self, number: int, level: int) -> str:
        return str(number) if abs(number) < 10**40 else f"{'-' * (number < 0)}a number of more than 40 digits"


short = ShortRepr()


def read_params(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        UserError: naming the line that is not YAML.
    """
    if not path.exists():
        raise MissingInput(f"{path} is not there: run in the repository's root")
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} must be a file of at most {MAX_BYTES:,} bytes")
    try:
        return YAML(typ="safe").load(path)  # YAML 1.2, as DVC reads it: 1e-4 is a number
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        reason = error.problem or error.context or "it can't be read"
        raise UserError(f"{path} is not valid YAML: {place}{' '.join(reason.split())}") from None
    except (YAMLError, ValueError, RecursionError, OSError) as error:  # a number too long, bytes that are not UTF-8, …
        reason = "it is too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not valid YAML: {reason}") from None


def check_params(schema: type[Schema], content: Any, path: Path) -> Schema:
    """Return the content of params.yaml as the schema has it.

    Raises:
        UserError: listing every mistake in every section, each with its dotted key, its value and what is allowed.
    """
    if not isinstance(content, dict):
        found = "nothing" if content is None else short.repr(content)
        raise UserError(f"{path} must hold the sections {', '.join(schema.model_fields)}; however: {found}")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        mistakes = describe(error, content, keys_of(schema))
        raise UserError("\n  ".join([f"{path} must be mended ({len(mistakes)} found):", *mistakes])) from None


def keys_of(schema: type[BaseModel]) -> list[str]:
    """Return the sections, and the dotted keys of all of them."""
    keys = []
    for section, field in schema.model_fields.items():
        keys.append(section)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += [f"{section}.{name}" for name in field.annotation.model_fields]
    return keys


def describe(error: ValidationError, content: Mapping, known: list[str]) -> list[str]:
    """Return one line a key: its dotted name, what is allowed, and what was found."""
    allowed: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for item in error.errors(include_context=False, include_input=False, include_url=False):
        name, value = locate(item["loc"], content, missing=item["type"] == "missing")
        if item["type"] in ("extra_forbidden", "invalid_key"):
            rule = f"unknown {'key' if '.' in name else 'section'}, {remedy(name, known)}"
        elif item["type"] == "missing":
            rule = f"missing {'key' if '.' in name else 'section'}, add it"
        else:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            rule = "a section with keys" if item["type"] == "model_type" else rule
            found[name] = f"; however: {short.repr(value)}"
        if rule not in allowed.setdefault(name, []):
            allowed[name].append(rule)
    return sorted(f"{name}: {' or '.join(rules)}{found.get(name, '')}" for name, rules in allowed.items())


def locate(location: tuple[int | str, ...], content: Any, missing: bool) -> tuple[str, Any]:
    """Return the dotted name and the value of where pydantic found a mistake."""
    keys: list[Any] = []
    value = content
    for key in location:  # of a union, pydantic adds the names of its members: they are no keys
        own = [name for name in value if name == key or str(name) == key] if isinstance(value, dict) else []
        if key == "[key]":  # not the value is wrong, but its key
            value = keys.pop()
        elif own or (isinstance(value, list) and isinstance(key, int) and key < len(value)):
            keys.append(own[0] if own else key)
            value = value[keys[-1]]
        elif isinstance(value, dict) and missing:
            keys.append(key)
            value = None
    shown = [str(key) if str(key).isprintable() and len(str(key)) <= 80 else short.repr(key) for key in keys]
    return ".".join(shown) or "the file", value


def remedy(name: str, known: list[str]) -> str:
    """Return what to do with a key that is in no section of this name, or in none at all."""
    section, _, key = name.rpartition(".")
    elsewhere = [own for own in known if "." in own and own.rpartition(".")[2] == (key or name)]
    if elsewhere:
        return f"move it to {' or '.join(elsewhere)}"
    close = did_you_mean(name, known) if section in known else did_you_mean(name, [k for k in known if "." not in k])
    return f"remove it or correct its name{close}"
