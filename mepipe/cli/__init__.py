"""The command line: parse, call, print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import importlib

import click

from mepipe import __version__

_COMMANDS = {
    "run": ("mepipe.cli.run", "Raw clips to cached features and leave-one-subject-out results."),
    "check": (
        "mepipe.cli.check",
        "Say what a dataset holds, what is wrong, and what a run would do.",
    ),
    "report": ("mepipe.cli.report", "Write the report of a run anew, with or without faces."),
    "evaluate": ("mepipe.cli.evaluate", "Evaluate a model on features, leaving people out."),
    "train": ("mepipe.cli.train", "Train a network on features and save it."),
    "predict": ("mepipe.cli.predict", "Say what one new clip shows, by a saved model."),
    "compare": ("mepipe.cli.compare", "Say whether models differ by more than chance."),
    "ablate": ("mepipe.cli.ablate", "Vary the SPP network's pyramid, on the same folds."),
    "export": ("mepipe.cli.export", "Write features in the form that other code reads."),
    "import-features": (
        "mepipe.cli.import_features",
        "Bring published features into the format of features.h5.",
    ),
    "cache": ("mepipe.cli.cache", "Look into the cache, check it, explain it, clear it up."),
    "config": ("mepipe.cli.config", "Print every setting, resolved and commented, as TOML."),
    "doctor": ("mepipe.cli.doctor", "Print versions, conflicts, model files, device and disk."),
    "bench": ("mepipe.cli.bench", "Measure speed and exactness on this machine."),
    "show": ("mepipe.cli.show", "Draw what is found in one clip, and why."),
    "sample": ("mepipe.cli.sample", "Write a synthetic dataset with known truth."),
}


class _LazyGroup(click.Group):
    """Imports a command when it is used; its one-line help is known before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, summary = _COMMANDS[cmd_name]
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        command.short_help = summary
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from mepipe.errors import suggest

            hint = suggest(args[0], _COMMANDS, form=" Did you mean {!r}?")
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mepipe")
def main() -> None:
    """Micro-expression features from raw clips: faces, key frames, TV-L1 flow, optical strain.

    \b
    The first minute:
      mepipe sample demo-data
      mepipe run demo-data
    """
