"""The check of a GPU, in its small form on the CPU."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mepipe.bench import device
from mepipe.bench.device import SMALL, Size, device_table, measure
from mepipe.cli import main

pytestmark = pytest.mark.slow

TINY = Size(persons=3, triples=4, side=12, seeds=1, epochs=1, beside=1)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_the_small_form_checks_every_network_and_fills_the_table(no_gpu, monkeypatch):
    monkeypatch.setattr(device, "SMALL", TINY)
    done = CliRunner().invoke(main, ["bench", "device", "--small"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    table = dict(line.strip("| ").split(" | ", 1) for line in lines if line.startswith("| "))
    assert table["the same again"] == "the same bits"
    for name in ("base", "ststnet", "off-apexnet", "spp bins", "spp flat 5"):
        assert table[f"{name}, twice"] == "the same bits"
    assert "OTHER" not in done.stdout
    agreement = next(found for what, found in table.items() if "float64" in what)
    assert float(agreement.split("by ")[1].split()[0]) < 1e-6


def test_other_bits_are_said(monkeypatch):
    learn, draw = device.run_batched, np.random.default_rng(0)

    def unsteady(jobs, features):
        for done in learn(jobs, features):
            done.probabilities[:] += draw.random()
            yield done

    monkeypatch.setattr(device, "run_batched", unsteady)
    monkeypatch.setattr(device, "_every_network", lambda *_: [])
    monkeypatch.setattr(device, "_against_the_cpu", lambda *_: [])
    lines = measure("cpu", TINY, lambda done, total: None)
    assert "| the same again | OTHER BITS |" in device_table(lines)


def test_without_a_gpu_nothing_is_claimed(no_gpu):
    done = CliRunner().invoke(main, ["bench", "device"])
    assert done.exit_code == 2
    assert "finds no GPU here, so nothing was checked" in done.stderr
    assert "--small" in done.stderr
    assert done.stdout == ""
    assert SMALL.side < 28
