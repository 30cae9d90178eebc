"""From TOML and ``--set`` to a `Config`, and back to commented TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mepipe.config.settings import Config
from mepipe.errors import UsageError, suggest


def load_config(path: Path | None = None, assignments: Iterable[str] = ()) -> Config:
    """Return the configuration: defaults, then the file, then the assignments.

    Parameters
    ----------
    path
        A TOML file with a table per stage; None for the defaults alone.
    assignments
        ``stage.key=value``; the value is read as TOML and, failing that, as text.

    Raises
    ------
    UsageError
        If the file cannot be read, a name is unknown (with the nearest known one), or a value
        is not allowed.
    """
    data: dict[str, Any] = {}
    origin = "--set"
    if path is not None:
        origin = str(path)
        data = _read_toml(path)
        for section, values in data.items():
            _section(section, origin)
            if not isinstance(values, dict):
                raise UsageError(
                    f"{origin}: {section} is a section, not a setting",
                    f"Write the header [{section}], and the setting in the line below.",
                )
            for key in values:
                _check_key(section, key, origin)
    for assignment in assignments:
        section, key, value = _parse_assignment(assignment)
        data.setdefault(section, {})[key] = value
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UsageError(*_explain(error, origin)) from None


def as_config(config: Config | Path | str | None, assignments: Iterable[str] = ()) -> Config:
    """Return the `Config` for the ``config`` argument of a Python function.

    Parameters
    ----------
    config
        A `Config`, the path of a mepipe.toml, or None for the defaults.
    assignments
        Changes to it, ``"stage.key=value"``.

    Raises
    ------
    UsageError
        As `load_config`.
    """
    # `Config` is frozen, so its changed values are validated as a new one.
    if not isinstance(config, Config):
        return load_config(Path(config) if config is not None else None, assignments)
    changed = config.model_dump(mode="python", by_alias=True)
    for assignment in assignments:
        section, key, value = _parse_assignment(assignment)
        changed[section][key] = value
    if not assignments:
        return config
    try:
        return Config.model_validate(changed)
    except ValidationError as error:
        raise UsageError(*_explain(error, "settings")) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # utf-8-sig also accepts the byte order mark that Windows editors write.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"cannot read the configuration {path}: {error.strerror}",
            "`mepipe config > mepipe.toml` writes one with every setting.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}",
            "`mepipe config` prints a valid one with every setting.",
        ) from error


def _parse_assignment(assignment: str) -> tuple[str, str, Any]:
    name, equals, text = assignment.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        owners = [stage for stage in Config.model_fields if name.strip() in _keys(stage, "--set")]
        hint = "Write for example: --set tensor.size=56"
        if owners:
            hint = f"Did you mean {' or '.join(f'{stage}.{name.strip()}' for stage in owners)}?"
        raise UsageError(f"--set {assignment}: the form must be stage.key=value", hint)
    _section(section, "--set")
    _check_key(section, key, "--set")
    try:
        return section, key, tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        # So that words need no quotes in a shell: --set flow.engine=opencv.
        return section, key, text.strip()


def _section(name: str, origin: str) -> type[BaseModel]:
    if name not in Config.model_fields:
        raise _unknown(f"section {name!r}", name, Config.model_fields, origin)
    model = Config.model_fields[name].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def _check_key(section: str, key: str, origin: str) -> None:
    keys = _keys(section, origin)
    if key in keys:
        return
    elsewhere = [other for other in Config.model_fields if key in _keys(other, origin)]
    if elsewhere and not suggest(key, keys):
        raise UsageError(
            f"{origin}: unknown setting {section}.{key}", f"Did you mean {elsewhere[0]}.{key}?"
        )
    raise _unknown(f"setting {section}.{key}", key, keys, origin, f"{section}.")


def _keys(section: str, origin: str) -> list[str]:
    fields = _section(section, origin).model_fields
    return [field.alias or name for name, field in fields.items()]


def _unknown(
    what: str, name: str, known: Iterable[str], origin: str, prefix: str = ""
) -> UsageError:
    known = list(known)
    hint = (
        suggest(name, known, cutoff=0.5, form=f"Did you mean {prefix}{{}}?")
        or f"Known are: {', '.join(prefix + key for key in known)}."
    )
    return UsageError(f"{origin}: unknown {what}", hint)


def _explain(error: ValidationError, origin: str) -> tuple[str, str]:
    # One error at a time: later ones are often consequences of the first.
    first = error.errors()[0]
    if first["type"] == "value_error":  # settings that do not fit each other
        # The validators of `Config` raise ValueError(message) or ValueError(message, remedy).
        message, *remedy = [str(text) for text in first["ctx"]["error"].args]
        return f"{origin}: {message}", remedy[0] if remedy else "Change one of them."
    name = ".".join(str(part) for part in first["loc"][:2])
    message = f"{origin}: {name} = {first['input']!r}: {first['msg'].lower()}"
    return message, "`mepipe config` prints every setting with its allowed values."


def render(config: Config) -> str:
    """Return ``config`` as TOML with a comment on every setting.

    Reading it gives an equal configuration. A setting that is unset, or whose value
    follows from another setting, is written as a comment.
    """
    lines: list[str] = []
    for section in Config.model_fields:
        model = getattr(config, section)
        lines += [f"# {_summary(model)}", f"[{section}]"]
        for name, entry in type(model).model_fields.items():
            key, value = entry.alias or name, getattr(model, name)
            lines.append(f"# {entry.description}{_choices(entry.annotation)}")
            # A value that a preset implies is written as a comment. As a setting it would no
            # longer change with the preset.
            implied = name in model.implied() and model.implied()[name] == value
            shown = f"{key} = {unset_words(entry.description)}"
            if value is not None:
                shown = f"{key} = {_toml(value)}"
            lines.append(f"# {shown}" if value is None or implied else shown)
        lines.append("")
    return "\n".join(lines)


_SHORT = 40  # characters


def unset_words(description: str | None) -> str:
    """Return what it means that a setting is unset, from its description.

    >>> from mepipe.config.load import unset_words
    >>> unset_words("frames per second; unset: unknown")
    'unset (unknown)'
    """
    means = (description or "").partition("unset: ")[2]
    # A long one stands in the description alone.
    return f"unset ({means})" if 0 < len(means) <= _SHORT else "unset"


def _summary(model: BaseModel) -> str:
    return (type(model).__doc__ or "").strip().splitlines()[0].rstrip(".")


def _choices(annotation: Any) -> str:
    if get_origin(annotation) is not Literal:
        return ""
    return f" ({' | '.join(str(choice) for choice in get_args(annotation))})"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    # A JSON string is a TOML basic string, and numbers are written alike.
    return json.dumps(value, ensure_ascii=False)
