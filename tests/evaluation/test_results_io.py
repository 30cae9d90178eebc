import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mepipe.errors import UsageError
from mepipe.evaluation.alignment import aligned
from mepipe.evaluation.results import Predictions, predictions_csv
from mepipe.evaluation.results_io import read_saved


def some(predictions, rows):
    return Predictions(
        predictions.clips.rows(rows), predictions.seeds, predictions.probabilities[:, rows]
    )


def test_what_was_written_is_read(predict, keep, tmp_path):
    made = predict(seeds=(3, 11))
    read = read_saved(keep(tmp_path / "m", made))
    assert read.predictions.clips.clip == made.clips.clip
    assert read.predictions.clips.y.tolist() == made.clips.y.tolist()
    assert read.predictions.seeds == (3, 11)
    assert read.predictions.predicted.tolist() == made.predicted.tolist()
    np.testing.assert_allclose(read.predictions.probabilities, made.probabilities, atol=1e-6)
    assert predictions_csv(read.predictions) == predictions_csv(made)
    assert (read.model, read.protocol, read.line[made.clips.clip[0]]) == ("m", "loso", 2)


def test_the_order_of_the_lines_says_nothing(predict, keep, tmp_path):
    made = predict()
    folder = keep(tmp_path / "m", made)
    before = read_saved(folder).predictions
    header, *lines = (folder / "predictions.csv").read_text().splitlines(keepends=True)
    (folder / "predictions.csv").write_text("".join([header, *lines[::-1]]))
    after = read_saved(folder).predictions
    assert after.clips.clip == before.clips.clip
    assert after.probabilities.tobytes() == before.probabilities.tobytes()


def test_a_tie_that_rounding_made_keeps_the_answer(predict, keep, tmp_path):
    made = predict(seeds=(0,))
    made.probabilities[0, 0] = [0.49999998, 0.50000002, 0.0]
    assert made.predicted[0, 0] == 1
    read = read_saved(keep(tmp_path / "m", made)).predictions
    assert read.predicted.tolist() == made.predicted.tolist()


def edit(line, old, new):
    """Change one line of predictions.csv, 1 the header."""

    def change(text):
        lines = text.splitlines(keepends=True)
        lines[line - 1], times = re.subn(old, new, lines[line - 1], count=1)
        assert times == 1
        return "".join(lines)

    return change


def renamed(text):
    return re.sub("surprise", "disgust", text)


def last_seed_twice(text):
    return text + text.splitlines(keepends=True)[-1]


def without_a_line(text):
    lines = text.splitlines(keepends=True)
    return "".join(lines[:60] + lines[61:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], r"line 7\d: "),
        (lambda text: text[:-1], "line 145: the file ends here, cut off"),
        (lambda text: text[:-3], "line 145: the file ends here, cut off"),
        (lambda text: "".join(text.splitlines(keepends=True)[:97]), "another confusion matrix"),
        (lambda text: "".join(text.splitlines(keepends=True)[:80]), "no line for .* seed 1"),
        (lambda _: "", "line 1: the columns"),
        (lambda text: text.splitlines(keepends=True)[0], "line 1: the file ends here"),
        (edit(1, "group", "person"), "line 1: the columns are not clip, dataset, group"),
        (edit(1, "p_surprise", "p_positive"), "line 1: the columns"),
        (edit(5, ",", ",,"), "line 5: 12 cells instead of 11"),
        (edit(5, "a/p0/c3", ""), "line 5: no clip"),
        (edit(5, ",a/p0,", ",,"), "line 5: no group"),
        (edit(5, ",0,0,negative", ",0,1,negative"), "line 5: y is 1 and its label 'negative'"),
        (edit(5, ",0,0,negative", ",0,7,negative"), "line 5: y is 7"),
        (edit(5, ",0,0,negative", ",0,x,negative"), "line 5: y is 'x', no whole number"),
        (edit(5, r",0,0,negative", ",0,1,positive"), "line 53: a/p0/c3 has another"),
        (edit(5, r"0\.\d{6}\n", "nan\n"), "line 5: 'nan' is not a probability"),
        (edit(5, r"0\.\d{6}\n", "1.5\n"), "line 5: '1.5' is not a probability"),
        (edit(7, r"0\.\d{6}\n", "0.000000\n"), "line 7: the probabilities add up to"),
        (edit(5, "a/p0/c3", '"a/p0/c3'), "line 145: "),
        (last_seed_twice, "line 146: b/p7/c5 with the seed 2 stands in line 145 already"),
        (without_a_line, "no line for .* with the seed 1, which line"),
        (renamed, "line 1: its classes are negative, positive, disgust"),
    ],
)
def test_what_was_cut_off_or_changed_is_refused_with_its_line(
    predict, keep, tmp_path, change, message
):
    folder = keep(tmp_path / "m", predict())
    file = folder / "predictions.csv"
    file.write_text(change(file.read_text()))
    with pytest.raises(UsageError, match=message) as caught:
        read_saved(folder)
    assert str(file) in caught.value.message
    assert caught.value.remedy


def test_an_answer_that_was_changed_is_refused(predict, keep, tmp_path):
    folder = keep(tmp_path / "m", predict(right=1.0))
    file = folder / "predictions.csv"
    text = file.read_text()
    file.write_text(edit(5, "0,negative,0,negative", "0,negative,1,positive")(text))
    with pytest.raises(UsageError, match="line 5: 'positive' is predicted, and another"):
        read_saved(folder)
    # With its probabilities changed too only the figures still tell.
    whole = edit(5, "0,negative,0,negative,.*", "0,negative,1,positive,0.0,1.0,0.0")(text)
    file.write_text(whole)
    with pytest.raises(UsageError, match="gives another confusion matrix"):
        read_saved(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1: this is not JSON"),
        ('{"model": "m", "classes": ["a"]}', "does not say the protocol"),
        ("[]", "does not say the model"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_figures_that_cannot_be_read(predict, keep, tmp_path, text, message):
    folder = keep(tmp_path / "m", predict())
    (folder / "results.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_saved(folder)


def test_no_folder_of_results(predict, keep, tmp_path):
    with pytest.raises(UsageError, match=r"there is no .*results.json.*mepipe evaluate"):
        read_saved(tmp_path)
    folder = keep(tmp_path / "m", predict())
    with pytest.raises(UsageError, match=f"is a file. Give its folder: {folder}"):
        read_saved(folder / "predictions.csv")
    (folder / "predictions.csv").write_bytes(b"clip\n\xff\n")
    with pytest.raises(UsageError, match="line 2: this is not UTF-8"):
        read_saved(folder)


def test_different_clips_are_compared_only_when_asked(predict, keep, tmp_path):
    made = predict()
    a = read_saved(keep(tmp_path / "a", some(made, range(2, 48))))
    b = read_saved(keep(tmp_path / "b", some(made, range(44))))
    with pytest.raises(UsageError) as caught:
        aligned({"a": a, "b": b})
    told = str(caught.value)
    assert "42 in common, 4 only in" in told
    assert "(b/p7/c2, b/p7/c3, b/p7/c4, ...) and 2 only in" in told
    assert "--common" in told
    both = aligned({"a": a, "b": b}, common=True)
    assert both["a"].clips.clip == both["b"].clips.clip == made.clips.clip[2:44]
    assert both["a"].predicted.tolist() == made.predicted[:, 2:44].tolist()
    c = read_saved(keep(tmp_path / "c", some(made, range(42, 48))))
    with pytest.raises(UsageError, match=r"2 clip\(s\) of 1 person\(s\) in common"):
        aligned({"b": b, "c": c}, common=True)


def test_evaluations_that_cannot_be_compared(predict, keep, tmp_path):
    made = predict()
    a = read_saved(keep(tmp_path / "a", made))
    for name, clips, protocol, message in (
        ("p", made.clips, "kfold", "a was evaluated by loso .* and p by kfold"),
        ("c", replace(made.clips, classes=("n", "p", "s")), "loso", "the classes of a are"),
        ("y", replace(made.clips, y=(made.clips.y + 1) % 3), "loso", "has the label 'negative' in"),
        (
            "g",
            replace(made.clips, group=("z", *made.clips.group[1:])),
            "loso",
            "a/p0/c0 has the group 'a/p0' in .*a/predictions.csv, line 2, and 'z' in .*line 2",
        ),
    ):
        other = read_saved(keep(tmp_path / name, replace(made, clips=clips), protocol))
        for common in (False, True):
            with pytest.raises(UsageError, match=message):
                aligned({"a": a, name: other}, common=common)


def test_figures_need_not_say_all(predict, keep, tmp_path):
    folder = keep(tmp_path / "m", predict())
    content = json.loads((folder / "results.json").read_text())
    short = {key: content[key] for key in ("model", "protocol", "classes")}
    (folder / "results.json").write_text(json.dumps(short))
    assert read_saved(folder).protocol == "loso"
