"""Fixtures of recordings."""

import pytest


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of four seconds, so that a short recording has several."""
    from mepipe.recordings import chunks

    monkeypatch.setattr(chunks, "CORE_MS", 4000.0)
    monkeypatch.setattr(chunks, "BESIDE_MS", 1000.0)
