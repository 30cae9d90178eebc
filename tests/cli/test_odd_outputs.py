"""Finished runs whose files say odd things: every command that reads them works or says why not.

`make test` tries some of each kind and `make test-all` more; with MEPIPE_STRESS=1, all of it.
"""

import json
import os
import shutil

import pytest
from click.testing import CliRunner
from odd_outputs import (
    ODD_CONTENT,
    ODD_TEXT,
    changed,
    claim,
    finished_study,
    parts,
    put,
    with_card,
)
from odd_records import ATTACKS, newest, read, write
from toy_stages import toys

from mepipe.cli import main
from mepipe.errors import MepipeError, UsageError
from mepipe.evaluation.results_file import FIGURES, parsed_results

STRESS = "MEPIPE_STRESS" in os.environ
FILES = (
    *("results.json", "predictions.csv", "features.h5", "failures.csv", "notes.csv"),
    *("worth-a-look.csv", "manifest.json", "report.html", "confusion.png"),
    *("corrections.csv", "corrected-events.csv"),
)

ODD_WORDS = "odd text stands on the page"
NAMES = {("model",), ("ci_note",), ("chance", "model")}
TABLES = ("clips", "parts", "pack", "px", "motions", "recordings")


def of_all(few, more=1):
    """Try every ``few``th of all attacks at once, and every ``more``th where there is time."""
    return pytest.mark.parametrize(
        "every", [few, pytest.param(1 if STRESS else more, marks=pytest.mark.slow)]
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    with toys():
        yield finished_study(tmp_path_factory.mktemp("study"))


def called(command, naming=()):
    """Return a reader that calls a command."""

    def read_again(study):
        return study.call(command, [study.out, study.cache, *study.clips, *naming])

    return read_again


def review(study):
    """Ask the review page for everything that it shows."""
    pytest.importorskip("starlette", reason="the extra `review` is not installed")
    from mepipe.cache.store import Store
    from mepipe.execution.context import Context
    from mepipe.pipeline.motion import motion_of_clip
    from mepipe.review.room import Room
    from mepipe.review.session import Session

    def ask(answer, *arguments):
        try:
            # As the server sends it.
            json.dumps(answer(*arguments), allow_nan=False, default=str)
        except MepipeError as error:
            return "" if error.message and error.remedy else str(error)
        return ""

    try:
        room = Room(Session(study.out, Context(Store(study.cache)), who="kim"))
    except MepipeError as error:
        named = (str(study.out), str(study.cache), *study.clips)
        return "" if error.remedy and any(one in error.message for one in named) else str(error)
    try:
        opened = room.session.opened
        wrong = [ask(room.run), ask(room.state, "")]
        for index, clip in enumerate(opened.clips):
            wrong += [ask(one, index) for one in (room.clip, room.flow, room.ready, room.events)]
            wrong += [ask(room.picture, index, one) for one in ("displacement", "flow", "strain")]
            room.frame(index, 3, aligned=True, width=100, wait=True)
            if clip.shown is not None:
                told = (clip.shown, clip.outcome, opened.config, room.session.context)
                wrong.append(ask(motion_of_clip, *told))
    finally:
        room.close()
    return next(filter(None, wrong), "")


def loaded(study):
    """Load the features of the run from its cache."""
    import mepipe

    try:
        found = mepipe.load(run="latest", cache=study.cache)
        return "" if len(found.x) == len(study.clips) else "other clips"
    except MepipeError as error:
        return "" if error.remedy else str(error)


def reported(study):
    """Make the report again, and look at it."""
    wrong = study.call("report", [study.out, study.cache, *study.clips])
    page = study.out / "report.html"
    if wrong or study.code:
        return wrong
    text = page.read_text(encoding="utf-8")
    if f"of {len(study.clips)} usable clips" not in text:
        return "the page lacks clips"
    return ODD_WORDS if ODD_TEXT in text else ""


def wrong_of(study, reader):
    """Return what is wrong with the answer of a reader: an error that is no answer is."""
    try:
        return reader(study)
    except Exception as error:  # noqa: BLE001 (all are counted)
        return f"{type(error).__name__}: {error}"[:300]


PAST = {
    "report": reported,
    "review": review,
    "load": loaded,
    # An error may name the folder that a record names.
    **{name: called(name, [ODD_TEXT]) for name in ("explain", "check", "marks", "plan")},
}


@of_all(16)
@pytest.mark.parametrize("reader", PAST)
def test_a_cache_with_odd_content_is_read_again(study, reader, every):
    names, problems = list(ATTACKS)[::every], []
    for name in names:
        with study.attacked():
            ATTACKS[name](study.cache)
            if wrong := wrong_of(study, PAST[reader]):
                problems.append((name, wrong))
    assert problems == []


def tables_of(cache):
    """Return the newest record of a cache, and the tables that it names."""
    record = read(newest(cache))
    found = {name: cache / "tables" / f"{record.get(name)}.json.gz" for name in TABLES}
    tables = {name: read(path) for name, path in found.items() if path.exists()}
    return {"record": record, **tables}


@of_all(443, 13)
@pytest.mark.parametrize("reader", PAST)
def test_any_part_of_a_record_can_be_odd(study, reader, every):
    tables, problems = tables_of(study.cache), []
    odd = [(name, *one) for name, table in tables.items() for one in parts(table, 3)]
    for name, place, value in odd[::every]:
        content = changed(tables[name], place, value)
        with study.attacked():
            record = content
            if name != "record":
                named = write(study.cache / "tables", content, name="table")
                record = {**tables["record"], name: named}
            write(newest(study.cache), record)
            wrong = wrong_of(study, PAST[reader])
            # Where corrections lie can be any text, and the page shows the settings.
            if wrong and (wrong, place) != (ODD_WORDS, ("config", "data", "corrections")):
                problems.append((name, place, value, wrong))
    assert problems == []


READERS = {
    "report": reported,
    "review": review,
    # That settings or features differ is said of the results that were given.
    "train": called("train", [*FILES, "these results"]),
}


@of_all(101, 3)
@pytest.mark.parametrize(
    "reader", ["report", "review", "marks", "compare", "train", "evaluate", "run", "plan"]
)
def test_any_file_of_the_outputs_can_be_odd(study, reader, every):
    before, problems = study.written(), []
    odd = [(file, name) for file in FILES for name in ODD_CONTENT]
    # A disk can change a file and leave its size and time stamp: then it is current.
    for number, (file, name) in enumerate(odd[::every]):
        with study.attacked():
            path = study.out / file
            put(path, name)
            if reader in {"run", "plan"} and number % 2:
                claim(study.out, file)
            wrong = wrong_of(study, READERS.get(reader, called(reader, [file])))
            if not wrong and reader == "run" and study.code == 0 and study.written() != before:
                wrong = "other results"
            if wrong:
                problems.append((file, name, wrong))
    assert problems == []


def content_alone(study, content):
    """Read results as `mepipe.train` does."""
    path = study.out / "results.json"
    try:
        return "" if parsed_results(path, json.dumps(content).encode(), FIGURES) else "nothing"
    except UsageError as error:
        return "" if str(path) in error.message and error.remedy else str(error)


def test_results_are_checked_once(study):
    problems = [
        (place, value, wrong)
        for place, value in parts(study.results)[::3]
        if (wrong := content_alone(study, changed(study.results, place, value)))
    ]
    assert problems == []


@of_all(409, 13)
@pytest.mark.parametrize("reader", ["report", "compare", "train", "run", "plan"])
def test_any_part_of_the_results_can_be_odd(study, reader, every):
    before, problems = study.written(), []
    path = study.out / "results.json"
    for number, (place, value) in enumerate(parts(study.results)[::every]):
        with study.attacked():
            path.write_text(json.dumps(changed(study.results, place, value)))
            forged = number % 3 == 2
            if reader in {"run", "plan"}:
                claim(study.out, path.name, digest=forged)
            wrong = wrong_of(study, READERS.get(reader, called(reader, ["results.json"])))
            if place in NAMES and wrong == ODD_WORDS:
                continue  # any text can be the name of a model, or a note
            # With its digest in the manifest, a number that can be right is believed.
            if not wrong and reader == "run" and not forged and study.written() != before:
                wrong = "other results"
            if wrong:
                problems.append((place, value, wrong))
    assert problems == []


@of_all(11)
@pytest.mark.parametrize("reader", ["predict", "measure", "start"])
def test_a_model_file_can_be_odd(study, reader, every):
    problems = []
    for name in list(ODD_CONTENT)[::every]:
        with study.attacked():
            put(study.model, name)
            if wrong := wrong_of(study, called(reader, [study.model])):
                problems.append((name, wrong))
    assert problems == []


@of_all(809, 13)
@pytest.mark.parametrize("reader", ["predict", "measure", "start"])
def test_any_part_of_a_card_can_be_odd(study, reader, every):
    from mepipe.evaluation.model_card import read_card

    data, problems = study.model.read_bytes(), []
    card = read_card(study.model)
    for place, value in parts(card)[::every]:
        with study.attacked():
            study.model.write_bytes(with_card(data, changed(card, place, value)))
            if wrong := wrong_of(study, called(reader, [study.model, "model", "features"])):
                problems.append((place, value, wrong))
    assert problems == []


def test_other_arrays_in_the_place_of_a_model(study, tmp_path):
    import numpy as np

    np.savez(tmp_path / "arrays.npz", x=np.zeros((3, 28, 28), np.float32))
    with study.attacked():
        shutil.copy(tmp_path / "arrays.npz", study.model)
        assert study.call("predict", [study.model]) == ""
        assert study.code == 2


def test_a_model_measured_into_the_folder_of_a_run_is_reported(study):
    with study.attacked():
        *measure, made = study.commands["measure"]
        assert made.endswith("made")
        found = CliRunner().invoke(main, [*measure, str(study.out)])
        assert found.exit_code == 0, found.output
        assert study.written()["protocol"] == "none"
        assert (reported(study), study.code) == ("", 0)


def test_nothing_is_wrong_before_any_attack(study):
    for name in study.commands:
        with study.attacked():
            assert study.call(name, []) == ""
            assert study.code == {"check": 4, "predict": 3}.get(name, 0), name
    with study.attacked():
        assert (reported(study), review(study), loaded(study)) == ("",) * 3
        assert content_alone(study, study.results) == ""
