"""A made-up report: names, figures and noise for pictures."""

from dataclasses import replace

import numpy as np
import pytest

from mepipe.report.content import (
    ClipCard,
    CountTable,
    FailureRow,
    KeyFrame,
    Methods,
    Page,
    Pictures,
    Setting,
    StepTime,
)

CLASSES = ("negative", "positive", "surprise")


@pytest.fixture(scope="session")
def drawn():
    """Make pictures of one size with real ones: smooth noise has as much detail as a face."""
    pytest.importorskip("cv2")
    import cv2

    from mepipe.flow.strain import optical_strain
    from mepipe.viz.thumbnails import flow_thumbnail, strain_thumbnail, thumbnail

    rng = np.random.default_rng(0)

    def smooth(*shape):
        noise = rng.normal(size=shape).astype(np.float32)
        return np.stack([cv2.GaussianBlur(one, (0, 0), 6) for one in noise])

    made = []
    for _ in range(8):
        face = cv2.normalize(smooth(1, 224, 224)[0], None, 0, 255, cv2.NORM_MINMAX)
        face = (face + rng.normal(0, 6, face.shape)).clip(0, 255).astype(np.uint8)
        uv = 20 * smooth(2, 224, 224)
        flow, px = flow_thumbnail(uv)
        strain, most = strain_thumbnail(optical_strain(uv))
        curve = tuple(rng.normal(size=90).cumsum().round(4).tolist())
        made.append(Pictures(thumbnail(face), thumbnail(face), flow, strain, px, most, curve))
    return made


@pytest.fixture(scope="session")
def make_page(drawn):
    """Make a page of so many clips; the first is doubtful in every way."""

    def card(n, pictures):
        marks = tuple(
            KeyFrame(
                name, 10 * k + 5, 10 * k + 6, "spotted" if n % 3 else "annotation", 0.3 + n % 7 / 10
            )
            for k, name in enumerate(("onset", "apex", "offset"))
        )
        label = CLASSES[n % 3]
        return ClipCard(
            f"set{n % 2}/s{n % 20:02d}/c{n:04d}",
            f"set{n % 2}",
            f"s{n % 20:02d}",
            "disgust",
            label,
            90,
            200.0 if n else None,
            n > 0,
            marks,
            "4+7",
            ("two faces",) if not n else (),
            CLASSES[(n + (n % 5 == 0)) % 3],
            "2 of 3",
            pictures,
        )

    def make(clips=6, faces=True, **changes):
        cards = [card(n, drawn[n % len(drawn)]) for n in range(clips)]
        gone = Pictures(flow=drawn[0].flow, strain=drawn[0].strain, missing="its source is gone")
        cards[0] = replace(cards[0], pictures=gone)
        if not faces:
            bare = [replace(c.pictures, onset=None, apex=None, missing="") for c in cards]
            cards = [replace(c, pictures=p) for c, p in zip(cards, bare, strict=True)]
        per = {
            name: {"clips": clips // 3, "f1": 0.6, "recall": 0.5, "precision": 0.7}
            for name in CLASSES
        }
        figures = {"uf1": 0.61, "uar": 0.59, "accuracy": 0.6}
        results = {
            **figures,
            "ci": {"uf1": [0.5, 0.7], "uar": [0.5, 0.7]},
            "model": "spp",
            "protocol": "loso",
            "clips": clips,
            "subjects": 20,
            "classes": list(CLASSES),
            "per_class": per,
            "per_dataset": {"set0": {"clips": 3, **figures}, "set1": {"clips": 3, **figures}},
            "floors": {"largest class": {"uf1": 0.2, "uar": 0.333, "accuracy": 0.4}},
            "confusion": [[10, 2, 1], [3, 9, 0], [0, 0, 0]],
            "per_seed": [{"seed": 0, **figures}],
        }
        page = Page(
            title="set0, set1",
            started="2026-01-02 03:04:05 UTC",
            clips=clips + 1,
            usable=clips,
            subjects=20,
            failures=[FailureRow("set0/s01/bad", "face", "no face was found", "Look.")],
            notes=[("", "a note"), ("set0/s00/c0000", "two faces")],
            settings={
                "tensor": [
                    Setting("tensor.size", "56", "28"),
                    Setting("tensor.scale", "fixed", "fixed"),
                ]
            },
            counts=[CountTable("By dataset", (*CLASSES, "all"), (("set0", (1, 1, 1, 3)),))],
            results=results,
            protocol="leave one subject out",
            by_subject=[("set0/s00", 0.5, 3)],
            no_results="",
            times=[StepTime("face", 6, 0, 1.5), StepTime("flow", 6, 0, 3.0)],
            methods=Methods("Faces were found [1].", ("A. Author. A title. 2009.",)),
            provenance={
                "mepipe": "0.1",
                "features.h5 (sha256)": "ab" * 32,
                "libraries": {"numpy": "2"},
            },
            cards=cards,
            not_shown=0,
            faces=faces,
        )
        return replace(page, **changes)

    return make
