from pathlib import Path

from mepipe.cache.location import cache_root


def test_cache_root_prefers_the_option_to_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "env"))
    assert cache_root(tmp_path / "option") == tmp_path / "option"
    assert cache_root() == tmp_path / "env"


def test_cache_root_of_a_checkout_is_its_own_folder(monkeypatch):
    monkeypatch.delenv("MEPIPE_CACHE", raising=False)
    assert cache_root() == Path(__file__).resolve().parents[2] / "cache"
