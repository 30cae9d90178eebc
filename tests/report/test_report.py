"""The report of a run: when it is written, what it is made of, and what it leaves out."""

import itertools
import json
import re
import shutil

import pytest

from mepipe.cache.store import Store
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.report.content import ClipCard, KeyFrame
from mepipe.report.rebuild import rebuild

ON = ["report.enabled=true"]


def page(tmp_path):
    return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def faces(html):
    return html.count('alt="Aligned face')


def provenance(html):
    return json.loads(re.search(r'id="provenance-data">(.*?)</script>', html, re.DOTALL)[1])


def later(tmp_path, **options):
    options = {"faces": None, "clips": None, **options}
    return rebuild(tmp_path / "out", Context(Store(tmp_path / "cache")), **options)


def test_report_shows_faces_until_the_source_is_missing(run, sample, tmp_path):
    report = run(sample, settings=ON)
    assert report.report == tmp_path / "out" / "report.html"
    html = page(tmp_path)
    assert html.count('<article class="card"') == report.usable
    assert faces(html) == 2 * report.usable
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    told = provenance(html)
    assert told["features.h5 (sha256)"] == manifest["features.h5"]["sha256"]
    assert set(told["models (sha256)"]) == {
        "shape_predictor_68_face_landmarks.dat", "mmod_human_face_detector.dat",
    }  # fmt: skip
    assert str(tmp_path) not in html
    assert re.search(r'<th scope="row">flow</th><td>4</td>', html)

    # Written later it says the same; also when its run was.
    assert later(tmp_path) == (report.report, [])
    assert page(tmp_path) == html
    before = report.report.stat().st_mtime_ns
    run(sample, settings=ON)
    assert report.report.stat().st_mtime_ns == before

    later(tmp_path, faces=False)
    assert faces(page(tmp_path)) == 0
    assert 'alt="Optical flow' in page(tmp_path)
    assert "No picture of the face" not in page(tmp_path)

    frame = next(sample.rglob("*.jpg"))
    folder = frame.parent
    for path in folder.glob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"\0")
    later(tmp_path)
    assert faces(page(tmp_path)) == 2 * (report.usable - 1)
    assert "its source was changed since the run" in page(tmp_path)

    shutil.rmtree(sample)
    _, problems = later(tmp_path)
    assert len(problems) == 1
    assert faces(page(tmp_path)) == 0
    assert page(tmp_path).count("No picture of the face at the apex") == report.usable


def test_report_omits_faces_by_setting(toy_run, toy_data, tmp_path):
    data = toy_data(3)
    toy_run(data, settings=[*ON, "report.faces=false"]).execute()
    assert faces(page(tmp_path)) == 0
    assert "without pictures of faces" in page(tmp_path)


def test_warm_run_keeps_the_report_and_a_change_replaces_it(toy_run, toy_data, tmp_path):
    data = toy_data(4)
    path = toy_run(data, settings=ON).execute().report
    first = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    assert toy_run(data, settings=ON).execute().report == path
    assert path.stat().st_mtime_ns == stamp
    toy_run(data, settings=[*ON, "report.clips=2"]).execute()
    assert "2 of 4 usable clips have a card" in page(tmp_path)
    toy_run(data, settings=[*ON, "tensor.size=14"]).execute()
    assert "tensor.size" in page(tmp_path).partition("All settings")[0]
    path.write_bytes(first + b" ")
    toy_run(data, settings=ON).execute()
    assert path.read_bytes()[-1:] != b" "


def test_report_is_not_written_if_disabled_or_before_the_pack(toy_run, toy_data, tmp_path):
    data = toy_data(3)
    assert toy_run(data).execute().report is None
    assert toy_run(data, settings=ON, until="tensor").execute().report is None
    assert not (tmp_path / "out" / "report.html").exists()


def test_report_shows_failures_first_with_remedies(run, sample, tmp_path):
    folders = sorted({path.parent for path in sample.rglob("*.jpg")})
    for folder in folders:
        for path in folder.glob("*.jpg"):
            path.write_bytes(b"no image")
    report = run(sample, settings=ON)
    assert report.usable == 0
    html = page(tmp_path)
    assert html.index("What to do:") < html.index('id="results"')
    # In the head, and on the card of each.
    assert html.count("What to do:") == 2 * len(report.failures)
    assert html.count('<article class="card failed"') == len(report.failures)
    assert "No clip could be used" in html
    later(tmp_path)
    assert page(tmp_path).count("What to do:") == 2 * len(report.failures)


def test_rebuild_refuses_a_folder_without_a_run(tmp_path, toy_run, toy_data):
    with pytest.raises(UsageError, match="not an output folder"):
        later(tmp_path)
    toy_run(toy_data(2)).execute()
    with pytest.raises(UsageError, match="no record") as error:
        rebuild(tmp_path / "out", Context(Store(tmp_path / "elsewhere")), faces=None, clips=None)
    assert "--cache" in error.value.remedy


def test_choose_takes_doubtful_clips_first():
    from mepipe.report.cards import choose

    def card(n, confidence):
        mark = KeyFrame("apex", 1, 1, "spotted", confidence)
        return ClipCard(f"c{n:03d}", "d", "s", "", "", 9, None, True, (mark,), "")

    cards = [card(n, 0.2 if n in {50, 90} else 0.9) for n in range(100)]
    names = [one.clip for one in choose(cards, 7)]
    assert {"c050", "c090"} < set(names)
    assert names == sorted(names)
    assert len(names) == 7
    others = [int(name[1:]) for name in names if name not in {"c050", "c090"}]
    steps = [after - before for before, after in itertools.pairwise(others)]
    assert max(steps) - min(steps) <= 2
    assert choose(cards, 200) == cards
    assert choose(cards, 0) == []


@pytest.mark.slow
def test_report_shows_the_apex_for_any_number_of_targets(run, sample, tmp_path):
    """Of the frames that flow went to, the page shows the apex, kept in the cache or not."""
    pictures = set()
    for number, extra in enumerate(
        ([], ["flow.targets=20"], ["flow.targets=3", "flow.keep_faces=true"])
    ):
        out = tmp_path / f"out-{number}"
        run(sample, settings=[*ON, *extra], out=out)
        html = (out / "report.html").read_text(encoding="utf-8")
        pictures.add(tuple(re.findall(r'src="(data:image/[^"]+)"[^>]*alt="Aligned face', html)))
    assert len(pictures) == 1
    assert len(pictures.pop()) == 8
