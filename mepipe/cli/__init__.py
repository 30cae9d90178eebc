"""The command line: parse, call, print. Commands import heavy modules only when they run."""

from __future__ import annotations

import importlib

import click

from mepipe import __version__

# Written here and not read from the commands: --help would have to import all of them.
_COMMANDS = {
    "run": ("mepipe.cli.run", "Compute features and leave-one-subject-out results from raw clips."),
    "check": (
        "mepipe.cli.check",
        "Show what a dataset contains, its problems, and how a run handles them.",
    ),
    "report": ("mepipe.cli.report", "Write the report of a run again, with or without faces."),
    "review": ("mepipe.cli.review", "Look at the clips in a browser, and correct their marks."),
    "evaluate": ("mepipe.cli.evaluate", "Evaluate a model on features, with subjects held out."),
    "train": ("mepipe.cli.train", "Train a network on features and save it."),
    "predict": ("mepipe.cli.predict", "Predict the class of one new clip with a saved model."),
    "spot": ("mepipe.cli.spot", "Find every movement in recordings, from onset to offset."),
    "compare": ("mepipe.cli.compare", "Test whether models differ by more than chance."),
    "evaluate-events": (
        "mepipe.cli.evaluate_events",
        "Score events found in recordings against the true ones.",
    ),
    "agreement": ("mepipe.cli.agreement", "Compare the marks of two coders."),
    "marks": ("mepipe.cli.marks", "Bring marks to ELAN or a table, and back as corrections."),
    "ablate": ("mepipe.cli.ablate", "Vary the pyramid of the SPP network, on the same folds."),
    "export": ("mepipe.cli.export", "Write features in a format that other code reads."),
    "import-features": (
        "mepipe.cli.import_features",
        "Convert published features to the format of features.h5.",
    ),
    "cache": ("mepipe.cli.cache", "Inspect, verify, explain and clean the cache."),
    "config": ("mepipe.cli.config", "Print every setting, resolved and commented, as TOML."),
    "doctor": ("mepipe.cli.doctor", "Print versions, conflicts, model files, device and disk."),
    "bench": ("mepipe.cli.bench", "Measure speed and exactness on this machine."),
    "show": ("mepipe.cli.show", "Draw the results of one clip."),
    "sample": ("mepipe.cli.sample", "Write a synthetic dataset with ground truth."),
}


class _LazyGroup(click.Group):
    """A group that imports a command when it is used. Its one-line help is in the table."""

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
    """Compute micro-expression features from raw clips: faces, key frames, TV-L1 flow, strain.

    \b
    The first minute:
      mepipe sample demo-data
      mepipe run demo-data
    """
