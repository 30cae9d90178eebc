"""A saved model answers on every movement of a recording."""

import json

import pytest
from click.testing import CliRunner

import mepipe
from mepipe.cli import main
from mepipe.config import Config
from mepipe.inference.recording import predict_recording
from mepipe.sample.everyday import Everyday
from mepipe.sample.identity import make_subject
from mepipe.sample.photos import load_photos
from mepipe.sample.recordings import write_recording
from mepipe.sample.timeline import plan_recording

pytestmark = pytest.mark.slow  # they search a recording

PLAIN = Everyday(blinks=False, head=False, light=False, speech=False)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A recording of 11 s with known movements, and the plan."""
    path = tmp_path_factory.mktemp("recording") / "talk.mp4"
    plan = plan_recording((3, 0, 0), seconds=11, fps=25, everyday=PLAIN)
    write_recording(path, make_subject(load_photos(None)[0], 0, 3), plan)
    return path, plan


@pytest.fixture(scope="module")
def answers(talk, trained_sample):
    return predict_recording(mepipe.Predictor(trained_sample.model), talk[0])


def test_each_movement_has_an_answer(answers, talk):
    plan = talk[1]
    assert len(plan.movements) >= 2
    large = [one for one in plan.movements if one.px > 1.2]
    assert large
    for true in large:
        found = [e for e, _ in answers.answers if e.onset <= true.apex <= answers.found.last_of(e)]
        assert len(found) == 1, (true, answers.found.movements)
    for event, answer in answers.answers:
        assert answer.label in {"negative", "positive", "surprise"}, answer.reason
        assert (answer.onset, answer.apex, answer.offset) == (event.onset, event.apex, event.offset)
        assert answer.confidence == pytest.approx(event.confidence, abs=1e-4)
    assert set(answers.labels) == set(range(1, len(answers.answers) + 1))
    assert answers.png()[1:4] == b"PNG"


def test_a_clip_is_no_recording(trained_sample, talk):
    predictor = mepipe.Predictor(trained_sample.model)
    assert predict_recording(predictor, trained_sample.video) is None
    assert predict_recording(predictor, trained_sample.folder, 200) is None
    never = Config.model_validate({"recordings": {"longer_than_s": 0}})
    assert predict_recording(predictor, talk[0], config=never) is None


def test_the_command_answers_on_each_and_draws_them(talk, trained_sample, answers, tmp_path):
    picture = tmp_path / "talk.png"
    arguments = ["predict", str(talk[0]), "--model", str(trained_sample.model)]
    done = CliRunner().invoke(main, [*arguments, "--picture", str(picture), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["label"] is None
    assert told["picture"] == str(picture)
    assert "see events" in told["reason"]
    assert [event["label"] for event in told["events"]] == list(answers.labels.values())
    assert [event["onset"] for event in told["events"]] == [e.onset for e, _ in answers.answers]
    assert picture.read_bytes()[1:4] == b"PNG"
    said = CliRunner().invoke(main, [*arguments, "--no-picture"])
    assert said.exit_code == 0
    assert f"a recording of 0:10.96: {len(answers.answers)} movements" in said.stdout
