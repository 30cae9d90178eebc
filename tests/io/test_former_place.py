"""Paths that documents named before stay importable for one release."""


def test_the_former_place_of_export():
    from mepipe import io
    from mepipe.export import TARGETS, Exported, export

    assert (TARGETS, Exported, export) == (io.TARGETS, io.Exported, io.export)
