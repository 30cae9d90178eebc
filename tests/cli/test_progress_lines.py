"""In a log, progress is a line every so often, and not one for every clip."""

from mepipe.cli.progress import PlainProgress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def lines(capsys, total, seconds, title="clips"):
    """Count to ``total``, with ``seconds`` between two."""
    clock = Clock()
    progress = PlainProgress(clock)
    progress.begin(title, total)
    for _ in range(total):
        clock.now += seconds
        progress.advance()
    progress.end()
    return capsys.readouterr().err.splitlines()


def test_short_work_has_one_line_at_its_end(capsys):
    assert lines(capsys, 170, 0.01) == ["clips: 170/170 (2 s)"]


def test_long_work_has_a_line_for_a_tenth(capsys):
    assert lines(capsys, 170, 3)[::5] == ["clips: 17/170 (51 s)", "clips: 102/170 (306 s)"]
    assert len(lines(capsys, 170, 3)) == 10


def test_slow_work_is_heard_of_before_its_first_tenth(capsys):
    assert lines(capsys, 100, 40)[:2] == ["clips: 2/100 (80 s)", "clips: 4/100 (160 s)"]


def test_who_waits_for_another_run_is_told_at_once(capsys):
    assert lines(capsys, 2, 1, "waiting for another run")[0] == "waiting for another run: 2"
