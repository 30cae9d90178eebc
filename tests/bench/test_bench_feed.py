"""What `mepipe bench feed` prints."""

import re

from click.testing import CliRunner

from mepipe.cli import main


def test_every_sample_is_fed_from_both_and_the_share_is_their_ratio():
    """The bench itself counts the samples of each epoch."""
    options = ["--clips", "130", "--size", "4", "--rounds", "1"]
    answer = CliRunner().invoke(main, ["bench", "feed", *options])
    assert answer.exit_code == 0, answer.output
    rows = re.findall(r"\| (\d) \| ([\d,]+) \| ([\d,]+) \| (\d+)% \|", answer.output)
    assert [workers for workers, *_ in rows] == ["0", "2"]
    for _, features, memmap, share in rows:
        ratio = int(features.replace(",", "")) / int(memmap.replace(",", ""))
        assert abs(100 * ratio - int(share)) < 2
