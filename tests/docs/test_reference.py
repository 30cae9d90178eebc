"""The pages that are made from the code hold all of it."""

import importlib.util
import json
import re
from importlib import import_module
from operator import attrgetter

import click
import pytest
from roads import ROOT

pytest.importorskip("mkdocstrings", reason="the site is built with the development extras")


def read(name):
    """Return a module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made():
    return read("generate")


def test_every_setting_stands_on_its_page_with_its_default(made):
    from mepipe.config import Config

    page = made.pages()["reference/settings.md"]
    for section in Config.model_fields:
        model = getattr(Config(), section)
        for name, field in type(model).model_fields.items():
            key = f"{section}.{field.alias or name}"
            value = getattr(model, name)
            shown = f"`{json.dumps(value)}`"
            if value is None:
                means = field.description.partition("unset: ")[2]
                shown = f"unset ({means})" if len(means) <= 40 else "unset"
            assert f"`{key}` = {shown} {{ #{key} }}\n" in page
            assert f":   {field.description.rstrip('.')}." in page.replace("`", "")


def test_what_a_setting_may_be_is_said(made):
    page = made.settings_page()
    assert "*`spot`, `midpoint`, `drop`, `error`.*" in page
    assert "*A whole number, at least 64 and at most 512.*" in page
    assert "*A number, above 0 and below 1.*" in page
    assert "*A list, each a whole number.*" in page


def commands(group, context):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = click.Context(command, parent=context, info_name=name)
        yield inner.command_path, command
        if isinstance(command, click.Group):
            yield from commands(command, inner)


def test_every_command_and_option_stands_on_its_page_with_an_example(made):
    from mepipe.cli import main

    page = made.pages()["reference/commands.md"]
    parts = dict(
        re.findall(r"^#+ (mepipe [a-z -]+?) \{ .*?\}\n(.*?)(?=^## |^### |\Z)", page, re.M | re.S)
    )
    found = dict(commands(main, click.Context(main, info_name="mepipe")))
    assert set(parts) == set(found)
    for path, command in found.items():
        example = re.search(r"^Examples?:\n\n```bash\n(.*?)```", parts[path], re.M | re.S)
        assert example, path
        assert path in example[1]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in parts[path], (path, parameter.opts)


def test_every_public_name_stands_on_the_page_of_the_api(made):
    import mepipe

    page = made.pages()["reference/api.md"]
    shown = set(re.findall(r"^ +heading: (\S+)$", page, re.M))
    rooms = set(re.findall(r"^## mepipe\.(\w+) ", page, re.M))
    names = set(mepipe.__all__) - {"__version__"}
    assert names == {name.partition(".")[2] for name in shown if name.count(".") == 1} | rooms
    for room in rooms - {"errors", "metrics"}:  # these have no list of their own
        for name in getattr(mepipe, room).__all__:
            assert f"mepipe.{room}.{name}" in shown
    assert {"mepipe.errors.UsageError", "mepipe.metrics.uf1"} <= shown


def test_a_directive_leads_to_what_its_heading_names(made):
    import mepipe

    page = made.pages()["reference/api.md"]
    entries = re.findall(r"^::: (\S+)\n    options:\n      heading: mepipe\.(\S+)$", page, re.M)
    assert len(entries) > 60
    for path, name in entries:
        module, _, attribute = path.rpartition(".")
        assert attrgetter(name)(mepipe) is getattr(import_module(module), attribute), name


def test_a_docstring_becomes_markdown():
    to_markdown = read("docstrings").to_markdown
    told = """Adds; for example::

    1 + 1

>>> add(1, 1)  # doctest: +SKIP
2

Parameters
----------
a, b
    A number.

Returns
-------
The ``sum`` of both.

Examples
--------
>>> add(2, 2)
4
"""
    assert (
        to_markdown(told)
        == """Adds; for example:

```text
1 + 1
```

```pycon
>>> add(1, 1)
2
```

Parameters
----------
a
    A number.
b
    A number.

Returns
-------
:
    The ``sum`` of both.

Examples
--------
>>> add(2, 2)
4
"""
    )


def test_no_mark_of_the_help_is_left_on_the_page(made):
    assert "\b" not in made.commands_page()


def test_the_page_of_results_names_every_key(predict):
    from mepipe.evaluation.results import results

    page = (ROOT / "docs/reference/json.md").read_text()
    content = results(predict(), model="svm", protocol="loso", elapsed_s=1.0)
    for key in [*content, *content["per_class"]["positive"], *content["per_seed"][0]]:
        assert f"`{key}" in page, key


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_asks_nothing_of_the_network(tmp_path, monkeypatch):
    import logging

    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    heard = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = heard.append
    logging.getLogger("mkdocs").addHandler(handler)
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site")))
    finally:
        logging.getLogger("mkdocs").removeHandler(handler)
    assert [record.getMessage() for record in heard] == []
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        asked = re.findall(r"<(?:script|link|img|iframe)\b[^>]*https?://[^>]*>", page.read_text())
        assert asked == [], page
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?https?:", style.read_text()), style
