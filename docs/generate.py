"""Pages of the site that are made when it is built, so that they cannot drift.

mkdocs calls `on_files` (``hooks`` in mkdocs.yml). The settings are those of
`mepipe.config`, the commands those of `mepipe.cli`, the API that of the docstrings;
the pages of the project's root (changes, security, architecture) are taken as they are.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from mepipe.cli import main
from mepipe.config import Config
from mepipe.config.load import unset_words
from mepipe.flow.settings import PRESETS

ROOT = Path(__file__).resolve().parents[1]
_FROM_ROOT = {
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "architecture.md": "ARCHITECTURE.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to the site's files (a hook of mkdocs)."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> dict[str, str]:
    """Return the Markdown of every made page, by its path in docs/."""
    made = {
        # On the site, they stand beside the pages of docs/.
        name: (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        for name, source in _FROM_ROOT.items()
    }
    return {
        **made,
        "reference/settings.md": settings_page(),
        "reference/commands.md": commands_page(),
        "reference/api.md": api_page(),
    }


def api_page() -> str:
    """Return the page of the API: a directive for each public name, filled in by mkdocstrings.

    Neither this function nor mkdocstrings imports the packages: both read the source.
    """
    lines = [
        "# The Python API",
        "",
        "This page has every name that `import mepipe` offers, and what these names return. It is",
        "made from the docstrings, whose examples run in the tests. [From Python](../python.md)",
        "shows how to use them together. What is not on this page may change in any release.",
        "",
    ]
    door = _public("mepipe")
    for title, names in _DOOR_PARTS.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += _object(f"mepipe.{name}", door[name])
            if name == "Config":
                lines += ["[Settings](settings.md) lists every section and setting.", ""]
            if name in _RETURNED:
                lines += _object(_RETURNED[name].rpartition(".")[2], _RETURNED[name])
    for name in _PACKAGES:
        lines += [f"## mepipe.{name} {{ #mepipe.{name} }}", "", *_about(door[name])]
        for public, path in _public(door[name]).items():
            lines += _object(f"mepipe.{name}.{public}", path)
        for inner, module in _INNER.get(name, {}).items():
            whole = f"mepipe.{name}.{inner}"
            lines += [f"### {whole} {{ #{whole} }}", "", *_about(module)]
            for public, path in _public(module).items():
                lines += _object(f"{whole}.{public}", path)
    return "\n".join(lines)


# The order of the page; what is returned stands behind what returns it.
_DOOR_PARTS = {
    "A dataset and a run": ("read_dataset", "check", "Config", "run", "RunResult"),
    "Recordings": ("spot",),
    "One clip": ("extract", "ClipResult"),
    "Features": ("load", "Features"),
    "Models": ("evaluate", "evaluate_units", "train", "load_model", "compare"),
    "Predictions": ("Predictor", "Prediction"),
}
_RETURNED = {
    "spot": "mepipe.recordings.spot.Found",
    "check": "mepipe.pipeline.check.Findings",
    "evaluate": "mepipe.evaluation.evaluation_result.EvaluationResult",
    "evaluate_units": "mepipe.evaluation.unit_results.UnitResult",
    "load_model": "mepipe.evaluation.saved_model.SavedModel",
    "compare": "mepipe.evaluation.comparison_result.Comparison",
}
_PACKAGES = ("errors", "face", "flow", "spotting", "metrics", "datasets", "viz")
# Modules that a package offers under a name of its own.
_INNER = {"metrics": {"spotting": "mepipe.evaluation.spotting_metrics"}}
_HELPERS = {"suggest"}  # what mepipe writes its own messages with


def _public(module: str) -> dict[str, str]:
    """Return the public names of a module, and where each is written."""
    place = ROOT / module.replace(".", "/")
    # The stub of `mepipe` says where its names are from.
    sources = (place / "__init__.pyi", place / "__init__.py", place.with_suffix(".py"))
    source = next(path for path in sources if path.is_file())
    tree = ast.parse(source.read_text(encoding="utf-8"))
    listed: list[str] | None = None
    written: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name("__all__")]):
                listed = ast.literal_eval(node.value)
            case ast.ImportFrom(module=str(origin)):
                written |= {name.name: f"{origin}.{name.name}" for name in node.names}
    if source.suffix == ".pyi":
        return written
    if listed is None:
        defined = (one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef))
        listed = [name for name in defined if not name.startswith("_") and name not in _HELPERS]
    return {name: written.get(name, f"{module}.{name}") for name in listed}


def _about(module: str) -> list[str]:
    """Return the directive that has mkdocstrings write a module's docstring alone."""
    return [
        f"::: {module}",
        "    options:",
        "      members: false",
        "      show_root_heading: false",
        "      show_root_toc_entry: false",
        "",
    ]


def _object(name: str, path: str) -> list[str]:
    """Return the directive that has mkdocstrings write an object under its public name."""
    anchor = [f'<a id="{name}"></a>', ""] if name != path else []
    return [
        *anchor,
        f"::: {path}",
        "    options:",
        f"      heading: {name}",
        f"      toc_label: {name.rpartition('.')[2]}",
        "",
    ]


def settings_page() -> str:
    """Return the page of every setting: default, what it may be, what it does."""
    schema = Config.model_json_schema()
    lines = [
        "# Settings",
        "",
        "Every setting has a section and a name, `flow.size`. Change one for a single run with",
        "`--set flow.size=128`, or write a file with all of them and edit it:",
        "",
        "```bash",
        "mepipe config > mepipe.toml",
        "```",
        "",
        "and give it to `run`, `check`, `show`, `evaluate`, `train` or `ablate` with",
        "`--config mepipe.toml`. `--set` overrides the file. A value is read as TOML,",
        "and as text where it is none: `--set spot.method=flow-peak` needs no quotes,",
        '`--set \'pack.include=["x", "flow"]\'` needs them for the shell. An unknown name is an',
        "error that names the nearest known one. Times are in ms.",
        "",
    ]
    for section, entry in schema["properties"].items():
        model = schema["$defs"][entry["$ref"].rpartition("/")[2]]
        lines += [f"## {section}", "", model["description"].splitlines()[0], ""]
        for key, field in model["properties"].items():
            lines += [
                f"`{section}.{key}` = {_default(field)} {{ #{section}.{key} }}",
                f":   {_described(field['description'])} {_may_be(field)}".rstrip(),
                "",
            ]
        if section == "flow":
            lines += _presets()
    return "\n".join(lines)


def _described(text: str) -> str:
    """Return a description with the names of settings, files and options marked."""
    text = text.strip().rstrip(".")
    text = re.sub(r"(?<![`\w])([a-z]+\.[a-z_]+|FILE\.toml|--[a-z-]+)(?![`\w])", r"`\1`", text)
    return f"{text}."


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return (
        unset_words(field["description"])
        if value is None
        else f"`{json.dumps(value, ensure_ascii=False)}`"
    )


def _may_be(field: Mapping[str, Any]) -> str:
    """Return what a value may be, from its JSON schema; empty where the type says nothing."""
    kinds = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    told = " or ".join(text for text in map(_kind, kinds) if text)
    return f"*{told[:1].upper()}{told[1:]}.*" if told else ""


def _kind(one: Mapping[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(f"`{choice}`" for choice in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if one.get("type") == "boolean":
        return "`true` or `false`"
    if one.get("type") == "array":
        inner = _kind(one.get("items", {}))
        return f"a list, each {inner}" if inner else "a list"
    names = {"integer": "a whole number", "number": "a number", "object": "a table"}
    name = names.get(one.get("type", ""))
    return f"{name}{_bounds(one)}" if name else ""


def _bounds(one: Mapping[str, Any]) -> str:
    words = {
        "exclusiveMinimum": "above",
        "minimum": "at least",
        "exclusiveMaximum": "below",
        "maximum": "at most",
    }
    told = [f"{word} {one[key]:g}" for key, word in words.items() if key in one]
    return f", {' and '.join(told)}" if told else ""


def _presets() -> list[str]:
    """Return the table of what `flow.preset` stands for."""
    names = list(PRESETS)
    values = {name: asdict(settings) for name, settings in PRESETS.items()}
    lines = [
        "What `flow.preset` stands for; a setting that you give overrides it:",
        "",
        f"| | {' | '.join(f'`{name}`' for name in names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for key in values[names[0]]:
        cells = " | ".join(f"{values[name][key]:g}" for name in names)
        lines.append(f"| `flow.{key.rstrip('_')}` | {cells} |")
    return [*lines, ""]


def commands_page() -> str:
    """Return the page of every command: what it does, examples, arguments, options."""
    with click.Context(main, info_name="mepipe", **main.context_settings) as context:
        lines = [
            "# Commands",
            "",
            "This is what `mepipe COMMAND --help` prints. Exit codes and `--json` are on",
            "[a page of their own](json.md), colour, progress and completion on",
            "[another](terminal.md).",
            "",
        ]
        lines += _summary(context, main)
        for command in walk(context, main):
            lines += _command(*command)
    return "\n".join(lines)


def walk(
    context: click.Context, group: click.Group
) -> Iterator[tuple[click.Context, click.Command]]:
    """Yield every command below a group, with its context, in the order of the help."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        yield inner, command
        if isinstance(command, click.Group):
            yield from walk(inner, command)


def _summary(context: click.Context, group: click.Group) -> list[str]:
    lines = ["| | |", "|---|---|"]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{context.command_path} {name}"
        lines.append(f"| [`{path}`](#{_anchor(path)}) | {command.get_short_help_str(120)} |")
    return [*lines, ""]


def _anchor(path: str) -> str:
    return path.replace(" ", "-")


def _command(context: click.Context, command: click.Command) -> list[str]:
    path = context.command_path
    level = "#" * path.count(" ") + "#"
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"{level} {path} {{ #{_anchor(path)} }}", ""]
    lines += ["```text", f"{path} {usage}", "```", "", *_help(command.help or "")]
    if isinstance(command, click.Group):
        return lines + _summary(context, command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or isinstance(parameter, click.Argument) or "--help" in parameter.opts:
            continue
        names, told = record
        lines += [f"`{names}`", f":   {_text(told) or '&nbsp;'}", ""]
    return lines


def _help(text: str) -> list[str]:
    """Return a command's help as Markdown: prose as it is, its examples as code."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b"):
            lines += [_text(paragraph), ""]
            continue
        title, _, rest = paragraph.removeprefix("\b\n").partition("\n")
        lines += [title, "", "```bash", inspect.cleandoc(rest), "```", ""]
    return lines


def _text(text: str) -> str:
    """Return help as Markdown, in which no word of it is markup."""
    return re.sub(r"([*_<\[\]])", r"\\\1", " ".join(text.split()))
