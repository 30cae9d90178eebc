"""The paragraph of methods names what ran, and nothing else."""

import re

import pytest

from mepipe.config import load_config
from mepipe.report.methods import RunSummary, write_methods
from mepipe.report.references import REFERENCES


def write(*settings, sources=None, results=None, collections=None):
    config = load_config(None, settings).model_dump(mode="json", by_alias=True)
    return write_methods(
        RunSummary(
            "0.1", config, 4, 2, collections or {"lab": 4}, sources or {"annotation": 4}, results
        )
    )


def results(**changes):
    figures = {"uf1": 0.5, "uar": None}
    return {
        "model": "spp",
        "protocol": "loso",
        "classes": ["a", "b"],
        "clips": 4,
        "subjects": 2,
        "per_seed": [{"seed": 7}],
        "ci": {"uf1": [0.4, 0.6], "uar": [None, None]},
        **figures,
        **changes,
    }


def test_methods_cite_exactly_their_references():
    for text, references in (
        (m.text, m.references)
        for m in (
            write(),
            write(sources={"spotted": 4}, results=results()),
            write("spot.fallback=lbp-divide", sources={"spotted": 1, "annotation": 3}),
            write(results=results(protocol="megc2019", model="ststnet")),
        )
    ):
        cited = {int(n) for group in re.findall(r"\[([\d, ]+)\]", text) for n in group.split(",")}
        assert cited == set(range(1, len(references) + 1))
        first = [int(group.split(",")[0]) for group in re.findall(r"\[([\d, ]+)\]", text)]
        assert first[0] == 1
        assert set(references) <= set(REFERENCES.values())


def test_methods_name_spotting_only_if_it_was_used():
    assert "spot" not in write().text
    assert "Lucas" not in " ".join(write("flow.stabilise=none").references)
    found = write("spot.smooth_ms=30", sources={"spotted": 3, "annotation": 1})
    assert "In 3 clips" in found.text
    assert "30 ms" in found.text
    assert "annotation in 1 clips" in found.text


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("flow.preset=opencv", "theta 0.3,"),
        ("flow.engine=opencv", "with OpenCV"),
        ("tensor.size=56", "56 by 56"),
        ("tensor.scale=minmax", "0 to 1"),
        ("face.align=per-frame", "per frame"),
        ("flow.stabilise=translation", "estimated as a translation"),
        ("tensor.strain_sigma=3", "Gaussian of 3 px"),
        ("tensor.limit=hard", "larger is cut"),
    ],
)
def test_methods_state_the_settings(setting, word):
    assert word not in write().text
    assert word in write(setting).text


def test_a_record_may_name_an_engine_that_is_gone():
    config = load_config().model_dump(mode="json", by_alias=True)
    config["flow"]["engine"] = "torch"
    run = RunSummary("0.1", config, 4, 2, {"lab": 4}, {"annotation": 4})
    assert "with the engine torch (preset" in write_methods(run).text


def test_methods_omit_disabled_steps():
    assert "Head motion" not in write("flow.stabilise=none").text


def test_methods_name_the_classifier_and_undefined_results():
    text = write(results=results()).text
    assert "pyramid pooling" in text
    assert "1 seed (7)" in text
    assert "UAR undefined" in text
    assert "started from" not in text
    started = results(settings={"start": "0123456789abcdef" * 4})
    assert "(sha256 0123456789ab)" in write(results=started).text
    few = results(ci={"uf1": None, "uar": None}, ci_note="no interval is given: few")
    text = write(results=few).text
    assert "UF1 is 0.500 and UAR undefined. No interval is given: few." in text
    level = {"median": 0.33, "p95": 0.4}
    chance = {"model": "class mean", "permutations": 500, "uf1": level, "uar": level}
    text = write(results=results(chance=chance)).text
    assert "shuffled, a class mean on the same folds reaches" in text
    assert "UF1 0.330 and 0.400 and UAR 0.330 and 0.400." in text
    assert "the model my.nets:make" in write(results=results(model="my.nets:make")).text


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ("phases", "on the flow from onset to apex and from apex to offset, evaluated"),
        ("apex-offset", "and from onset to offset, evaluated"),
        ("5", "from onset to 5 frames spread evenly up to the offset, evaluated"),
    ],
)
def test_methods_say_what_the_model_read(targets, words):
    setting = f"flow.targets={targets}"
    assert words in write(setting, results=results(settings={"map": "sequence"})).text
    for read in ({}, {"map": "x"}):
        text = write(setting, results=results(settings=read)).text
        assert "on the flow" not in text


def test_methods_cite_datasets_by_collection():
    methods = write(collections={"casme2": 2, "smic-hs": 1, "lab": 1})
    assert any("CASME II" in one for one in methods.references)
    assert any("Inducement" in one for one in methods.references)
