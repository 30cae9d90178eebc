"""Settings for small, fast runs: what is tested is what is computed when."""

QUICK = (
    "--set=flow.size=64",
    "--set=flow.scales=3",
    "--set=flow.outer_iterations=2",
    "--set=train.epochs=2",
    "--set=train.seeds=1",
)
