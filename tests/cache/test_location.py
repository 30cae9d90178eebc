from pathlib import Path

from mepipe.cache.location import cache_root


def test_the_option_goes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "env"))
    assert cache_root(tmp_path / "option") == tmp_path / "option"
    assert cache_root() == tmp_path / "env"


def test_a_checkout_has_its_own(monkeypatch):
    monkeypatch.delenv("MEPIPE_CACHE", raising=False)
    assert cache_root() == Path(__file__).resolve().parents[2] / "cache"
