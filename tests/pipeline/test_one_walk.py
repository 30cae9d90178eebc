"""A plan, an explanation and a run come to the same verdict on every stage of every clip."""

import itertools

import pytest

from mepipe.cache.records import run_ids
from mepipe.errors import BadDataError
from mepipe.pipeline import walk, worker
from mepipe.pipeline.cache_admin import past_run
from mepipe.pipeline.explain import explain
from mepipe.stages import STAGES

NAMES = [stage.name for stage in STAGES]
# How explain calls what a plan counts.
STATES = {"hit": "reuse", "failed": "reuse", "miss": "compute", "waits": "waits"}
RULES = [
    {"retry_failed": retry, "strict_versions": strict}
    for retry, strict in itertools.product([False, True], repeat=2)
]


@pytest.fixture
def mixed(toy_run, toy_data, tmp_path, monkeypatch):
    """A cache with clips in every state; return the clips in each of them."""
    data = toy_data(7)
    # s04 has no face, and that is stored.
    face = NAMES.index("face")
    real = STAGES[face].compute

    def compute(clip, config, upstream):
        if "s04" in str(clip.frames.files[0]):
            raise BadDataError("there is no face in it", "Leave it out.", 1)
        return real(clip, config, upstream)

    object.__setattr__(STAGES[face], "compute", compute)
    # s05 was made by another NumPy.
    now = worker.libraries

    def older(names):
        return {**now(names), **({"numpy": "1.0"} if "numpy" in names else {})}

    selected = data.rename(tmp_path / "rest")
    (tmp_path / "toy").mkdir()
    table = (selected / "labels.csv").read_text().splitlines()
    for subject, versions in (("s05", older), (None, now)):
        monkeypatch.setattr(worker, "libraries", versions)
        monkeypatch.setattr(walk, "libraries", versions)
        for folder in sorted(selected.glob("s*")):
            if subject in (None, folder.name):
                folder.rename(tmp_path / "toy" / folder.name)
        have = {path.name for path in (tmp_path / "toy").iterdir()}
        rows = [table[0], *(row for row in table[1:] if row.partition(",")[0] in have)]
        (tmp_path / "toy" / "labels.csv").write_text("\n".join(rows) + "\n")
        done = toy_run(tmp_path / "toy")
        done.execute()
    store = done.context.store
    outcomes = done.plan().outcomes

    def path(subject, stage):
        return store.path(outcomes[f"toy/{subject}/c0000"].object_name(stage))

    # s01 changed, s02 has damage in the middle, s03 lacks its end; s00 and s06 are fresh.
    (tmp_path / "toy" / "s01" / "c0000" / "005.jpg").write_bytes(b"another picture")
    data = path("s02", "flow").read_bytes()
    path("s02", "flow").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    path("s03", "tensor").unlink()
    return tmp_path / "toy"


def verdicts_of_plan(planned):
    """What the plan says of each (clip, stage): reuse, compute or waits."""
    plan = planned.plan()
    stale = {prepared.clip.id for prepared in plan.stale}
    found = {}
    for clip, outcome in plan.outcomes.items():
        verdict = "reuse"
        for name in NAMES:
            if name in outcome.stages:
                found[clip, name] = "reuse"
            elif clip in stale:
                verdict = "compute" if verdict == "reuse" else "waits"
                found[clip, name] = verdict
    counts = {count.stage: (count.compute, count.reuse) for count in plan.counts}
    for name in NAMES:
        of_stage = [verdict for (_, stage), verdict in found.items() if stage == name]
        assert counts[name] == (of_stage.count("compute"), of_stage.count("reuse"))
    return found


def verdicts_of_explain(planned, past):
    return {
        (clip.clip.id, one.stage): STATES[one.state]
        for clip in planned.inputs.clips
        for one in explain(
            clip.clip.id, planned.inputs.datasets, planned.config, planned.context, past
        )
    }


def forget(cache):
    """Remove every record, so that a plan opens the objects: nothing else says what they hold."""
    for folder in ("runs", "tables"):
        for path in (cache / folder).iterdir():
            path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("rules", RULES, ids=str)
def test_one_verdict_on_every_stage_of_every_clip(mixed, toy_run, rules, recorded):
    road = toy_run(mixed, **rules)
    cache = road.context.cache
    past = past_run(cache, run_ids(cache)[0])
    past.clips()
    expected = {"s00": [], "s01": ["face"], "s02": ["flow"], "s03": ["tensor"], "s06": []}
    expected["s04"] = ["face"] if rules["retry_failed"] else []
    expected["s05"] = ["face"] if rules["strict_versions"] else []
    if not recorded:
        forget(cache)
    explained = verdicts_of_explain(road, past)
    assert stages_of("compute", explained) == expected
    planned = verdicts_of_plan(road)
    if recorded:
        # A plan opens no object that a record describes, so it does not see damage; a
        # run that needs the object does, and explain looks.
        expected["s02"] = []
        explained = {key: verdict for key, verdict in explained.items() if "s02" not in key[0]}
        explained |= {("toy/s02/c0000", name): "reuse" for name in NAMES}
    assert planned == explained
    assert stages_of("compute", planned) == expected
    counts = {count.stage: count for count in road.plan().counts}
    result = toy_run(mixed, **rules).execute()
    for name in NAMES:
        # What is found again behind a stale stage has the same key, and is no work.
        assert counts[name].compute <= result.computed[name] <= counts[name].at_most
    failed = {clip for clip, name in planned if (clip, "spot") not in planned}
    assert {failure.clip for failure in result.failures} == {"toy/s04/c0000"}
    # Tried again, its later stages wait; otherwise the clip ends at its stored failure.
    assert failed == (set() if rules["retry_failed"] else {"toy/s04/c0000"})
    again = verdicts_of_plan(toy_run(mixed))
    assert set(again.values()) == {"reuse"}


def stages_of(verdict, found):
    """By subject, the stages that have this verdict."""
    subjects = {clip.split("/")[1]: [] for clip, _ in found}
    for (clip, name), one in found.items():
        if one == verdict:
            subjects[clip.split("/")[1]].append(name)
    return subjects
