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
    MotionSays,
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
    from mepipe.viz.displacement import displacement_map, flow_grid
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
        deformed = optical_strain(uv)
        strain, most = strain_thumbnail(deformed)
        curve = tuple(rng.normal(size=90).cumsum().round(4).tolist())
        moved = np.roll(face, 3, axis=0)
        moves, moves_px = displacement_map(uv)
        grid, grid_px = flow_grid(uv)
        large = {
            "onset": thumbnail(face, 224),
            "apex": thumbnail(moved, 224),
            "flow": flow_thumbnail(uv, 224)[0],
            "strain": strain_thumbnail(deformed, 224)[0],
        }
        small = thumbnail(face), thumbnail(moved), flow, strain
        rest = {"moves": moves, "moves_px": moves_px, "grid": grid, "grid_px": grid_px}
        made.append(Pictures(*small, px, most, curve, large=large, side=224, face_px=224, **rest))
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
            doubts=("the motion peaks elsewhere",) if n % 4 == 1 else (),
            weight=n / 100 if n % 4 == 1 else 0.0,
            motion=None
            if n % 3
            else MotionSays(
                (("onset", 20), ("apex", 31), ("offset", 47)), (0.9, 0.8, 0.4), True, 2.5
            ),
            figures={"movement": "yes", "roll": "4°", "contrast": "120"},
            regions={f"region_{k}": tuple(np.sin(np.arange(90) / (k + 3))) for k in range(8)},
            strength=1.0 + n % 11,
        )

    def make(clips=6, faces=True, **changes):
        cards = [card(n, drawn[n % len(drawn)]) for n in range(clips)]
        gone = Pictures(flow=drawn[0].flow, strain=drawn[0].strain, missing="its source is gone")
        cards[0] = replace(cards[0], pictures=gone)
        if not faces:
            bare = [
                replace(
                    c.pictures,
                    onset=None,
                    apex=None,
                    missing="",
                    large={k: v for k, v in c.pictures.large.items() if k in {"flow", "strain"}},
                )
                for c in cards
            ]
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
            failures=[
                FailureRow(
                    "set0/s01/bad",
                    "face",
                    "no face was found",
                    "Look.",
                    drawn[0].apex if faces else None,
                    7,
                )
            ],
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
            confusion=[[2, 0, 0], [1, 1, 0], [0, 0, 2]],
            doubts=[(c.clip, text) for c in cards for text in c.doubts],
        )
        return replace(page, **changes)

    return make
