"""Help and messages point only to what an installed package has: no page of the checkout."""

import ast
from pathlib import Path

import click

import mepipe
from mepipe.cli import main

MODULES = sorted(Path(mepipe.__file__).parent.rglob("*.py"))


def helps(group, context):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = click.Context(command, parent=context, info_name=name)
        yield inner.command_path, command.get_help(inner)
        if isinstance(command, click.Group):
            yield from helps(command, inner)


def test_no_help_names_a_file_that_a_wheel_lacks():
    found = dict(helps(main, click.Context(main, info_name="mepipe")))
    assert len(found) > 20
    for path, text in found.items():
        assert "docs/" not in text, path
        assert ".md" not in text.replace("spotting.md", "").replace(".md and .tex", ""), path


def docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            body = node.body
            for one in body:  # those of attributes, too
                if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                    yield one.value


def test_no_message_names_a_page_of_the_checkout():
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        apart = {id(node) for node in docstrings(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert id(node) in apart or "docs/" not in node.value, f"{path}:{node.lineno}"
