"""Fixtures that several rooms use."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

# The same examples at every run: what one machine finds, every other finds too. `make stress` draws
# new ones, and more. No deadline: the machine may be busy.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("stress", max_examples=1000, deadline=None)
settings.load_profile("stress" if os.environ.get("MEPIPE_STRESS") else "same")


@pytest.fixture(scope="session")
def made_sample(tmp_path_factory):
    """Make a synthetic sample once, whichever process of the tests asks first; never change it."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from mepipe.sample import write

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def make(subjects, clips, seed=0):
        folder = place / f"sample-{subjects}-{clips}-{seed}" / "sample"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.parent / "lock"):
            write(folder, subjects=subjects, clips=clips, seed=seed)
        return folder

    return make


@pytest.fixture(scope="session")
def shared_data():
    """Real faces and videos that stand beside the project, where they do."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real test inputs are not here")
    return folder


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window, which asks the network for nothing by itself."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium here")
    alone = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    with playwright.sync_playwright() as driver:
        # Without a timeout: the machine may be busy.
        browser = driver.chromium.launch(executable_path=program, args=alone.split(), timeout=0)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def portrait():
    """A real face, (H, W, 3) uint8 BGR, about 110 px between the eyes."""
    cv2 = pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    return cv2.resize(image[0:300, 60:400], None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def texture():
    """Make smooth random grey textures, (size, size) float64 in 0..255."""

    def make(size=128, sigma=2.5, seed=0):
        import cv2

        rng = np.random.default_rng(seed)
        noise = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), sigma)
        noise -= noise.min()
        return noise * (255 / noise.max())

    return make


@pytest.fixture(scope="session")
def predict():
    """Make predictions of the same clips (two sets, 8 subjects of 6 clips) by a model this good."""
    from mepipe.evaluation.results import Predictions
    from mepipe.features.splits import LabelledClips

    def make(right=0.7, seeds=(0, 1, 2), seed=0, subjects=8):
        groups = [("ab"[n % 2], f"{'ab'[n % 2]}/p{n}") for n in range(subjects)]
        facts = sorted((f"{g}/c{k}", d, g, k % 3) for d, g in groups for k in range(6))
        clip, dataset, group, y = zip(*facts, strict=True)
        y = np.array(y)
        rng = np.random.default_rng(seed)
        probabilities = rng.dirichlet(np.ones(3), (len(seeds), len(y)))
        # The largest goes to the true class where the model is right, else to the next one.
        wrong = rng.random((len(seeds), len(y))) >= right
        for run, row in np.ndindex(*wrong.shape):
            one = probabilities[run, row]
            to = (y[row] + wrong[run, row]) % 3
            top = int(np.argmax(one))
            one[[top, to]] = one[[to, top]]
        clips = LabelledClips(clip, dataset, group, y, ("negative", "positive", "surprise"))
        return Predictions(clips, tuple(seeds), probabilities.astype(np.float32))

    return make


@pytest.fixture(scope="session")
def keep():
    """Write predictions and their figures to a folder as an evaluation does."""
    import json

    from mepipe.evaluation.results import predictions_csv, results

    def write(folder, predictions, protocol="loso"):
        folder.mkdir(parents=True)
        content = results(predictions, model=folder.name, protocol=protocol, elapsed_s=1.0)
        (folder / "results.json").write_text(json.dumps(content))
        (folder / "predictions.csv").write_text(predictions_csv(predictions))
        return folder

    return write


@pytest.fixture(scope="session")
def write_features():
    """Write a features.h5 of made movements: two sets, a class a direction, people who differ."""
    from mepipe.cache.pack import COLUMNS, Pack, encode_pack
    from mepipe.schema import CHANNELS

    def make(
        path, people=6, size=12, scale="fixed", classes=3, maps=0, change=lambda x, rows: None
    ):
        rng = np.random.default_rng(0)
        facts = sorted(
            (f"{'ab'[n % 2]}/p{n}/c{k}", "ab"[n % 2], f"p{n}", k % classes)
            for n in range(people)
            for k in range(3)
        )
        x = rng.normal(0, 0.15, (len(facts), len(CHANNELS), size, size)).astype(np.float32)
        directions = np.array([[0.6, 0.2], [-0.6, 0.3], [0.0, -0.7]])
        for row, (_, _, _, y) in enumerate(facts):
            x[row, :2, size // 3 : 2 * size // 3, 2:-2] += directions[y][:, None, None]
        rows = [
            {
                **{name: {"text": "", "bool": True}.get(kind) for name, kind in COLUMNS.items()},
                "clip": clip,
                "dataset": dataset,
                "subject": person,
                "group": f"{dataset}/{person}",
                "label": ("negative", "positive", "surprise")[y],
                "y": y,
                "object": f"{number:064x}",
            }
            for number, (clip, dataset, person, y) in enumerate(facts)
        ]
        change(x, rows)
        settings = {"flow": {"size": 224}, "tensor": {"size": size, "scale": scale}}
        names, more, targets = ("negative", "positive", "surprise"), {}, None
        if maps:
            # The movement comes and goes; a little of it stays.
            rise = np.sin(np.linspace(0.4, 2.8, maps)).astype(np.float32)
            noise = rng.normal(0, 0.1, (len(x), maps, *x.shape[1:]))
            more["sequence"] = (x[:, None] * rise[:, None, None, None] + noise).astype(np.float32)
            settings["flow"]["targets"] = maps
            targets = [list(range(1, maps + 1))] * len(x)
        pack = Pack(rows, names, settings, {"mepipe": "0"}, targets=targets)
        path.write_bytes(encode_pack(pack, x, more))
        return path

    return make


@pytest.fixture(scope="session")
def trained_sample(made_sample, tmp_path_factory):
    """Three made clips and a video of one, their features, and a model of two networks."""
    import csv
    from types import SimpleNamespace

    import cv2

    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.evaluation.fold_cache import Source
    from mepipe.evaluation.train import train_model
    from mepipe.execution.context import Context
    from mepipe.features import load
    from mepipe.run import Run

    folder = tmp_path_factory.mktemp("predict")
    shutil.copytree(made_sample(1, 3, seed=1), folder / "sample")
    labels = folder / "sample" / "labels.csv"
    with labels.open(newline="") as file:
        rows = list(csv.DictReader(file))
    # As new clips are: without any annotation.
    text = "subject,clip,emotion,fps\n"
    labels.write_text(
        text + "".join(f"{r['subject']},{r['clip']},{r['emotion']},{r['fps']}\n" for r in rows)
    )
    frames = sorted((folder / "sample" / "s01" / "c02").glob("*.jpg"))
    video = folder / "sample" / "s02" / "film.avi"
    video.parent.mkdir()
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 200, (640, 480))
    for path in frames:
        writer.write(cv2.imread(str(path)))
    writer.release()
    config = load_config(
        None,
        [
            *("flow.size=64", "flow.scales=3", "flow.outer_iterations=2", "spot.threshold=1.3"),
            *("train.epochs=12", "train.members=2"),
        ],
    )
    context = Context(open_store(folder / "cache"))
    datasets = open_datasets([str(folder / "sample")])
    Run(datasets, config, context, out=folder, until="pack").execute()
    features = load(folder / "features.h5")

    def train(out, name="spp"):
        model = config.model.model_copy(update={"name": name})
        source = Source.of(features.path)
        train_model(features, source, out, model=model, train=config.train, device="cpu")
        return out

    return SimpleNamespace(
        folder=folder / "sample" / "s01" / "c02",
        video=video,
        features=features,
        model=train(folder / "model.safetensors"),
        train=train,
    )


@pytest.fixture(scope="session")
def stand_in_weights(tmp_path_factory):
    """A folder with a small model in the place of the weights that come with mepipe."""
    import hashlib
    from dataclasses import replace

    from made_features import TRAINING, made_features

    from mepipe.config import Config
    from mepipe.evaluation.ensemble import Ensemble
    from mepipe.evaluation.fitting import fit
    from mepipe.evaluation.model_settings import model_of
    from mepipe.evaluation.saved_model import encode_model

    made, model = made_features(3), model_of(Config().model)
    training = {**TRAINING, "members": 2, "per_clip": True}
    fitted = fit(made.x, made.y, classes=3, model=model, training=training)
    warm = Ensemble([replace(member, temperature=1.7) for member in fitted.members])
    card = {
        "model": model,
        "training": training,
        "classes": ["negative", "positive", "surprise"],
        "features": {
            "shape": [3, 28, 28],
            "channels": ["u", "v", "strain"],
            "settings": Config().model_dump(mode="json", by_alias=True),
        },
        "synthetic": {"seed": 0},
        "figures": [{"on": "made clips of other faces", "uf1": 0.875, "uar": 0.8125}],
    }
    folder = tmp_path_factory.mktemp("weights")
    data = encode_model(warm, card)
    (folder / "spp.safetensors").write_bytes(data)
    sums = f"{hashlib.sha256(data).hexdigest()}  spp.safetensors\n"
    (folder / "SHA256SUMS").write_text(sums)
    return folder


@pytest.fixture
def pretrained(stand_in_weights, tmp_path, monkeypatch):
    """A copy of the small model, which the test may change, as the one that comes with mepipe."""
    from mepipe import assets

    folder = shutil.copytree(stand_in_weights, tmp_path / "own-weights")
    monkeypatch.setattr(assets, "weights_dir", lambda: folder)
    return folder / "spp.safetensors"


@pytest.fixture(scope="session")
def made_recording(tmp_path_factory):
    """Eleven seconds of a face with two movements and a blink: frames, and a video of them."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from types import SimpleNamespace

    from videos import encoded

    from mepipe.sample.everyday import Everyday
    from mepipe.sample.identity import make_subject
    from mepipe.sample.photos import load_photos
    from mepipe.sample.recordings import render_frames
    from mepipe.sample.timeline import plan_recording

    person = make_subject(load_photos(None)[0], 0, 0)
    everyday = Everyday(head=False, light=False, speech=False)
    plan = plan_recording((4, 0, 0), seconds=11, fps=25, everyday=everyday)
    # Half as large: enough for a face, and quick.
    frames = np.stack([frame[::2, ::2] for frame in render_frames(person, plan)])
    path = tmp_path_factory.mktemp("made") / "talk.mp4"
    path.write_bytes(encoded(frames, rate=25, options={"crf": "10", "preset": "ultrafast"}))
    return SimpleNamespace(frames=frames, path=path, plan=plan)


@pytest.fixture(scope="session")
def brief(made_recording, tmp_path_factory):
    """A video of two seconds of it, with a movement: bytes."""
    from videos import encoded

    frames = made_recording.frames[130:180]
    return encoded(frames, rate=25, options={"crf": "10", "preset": "ultrafast"})


@pytest.fixture(scope="session")
def pristine_sample(made_sample):
    return made_sample(2, 2)


@pytest.fixture
def sample(pristine_sample, tmp_path):
    return shutil.copytree(pristine_sample, tmp_path / "sample")


@pytest.fixture
def make_run(tmp_path):
    from toy_stages import QUICK

    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.run import Run

    def make(*datasets, settings=(), out=None, until="pack", rehash=False, cache=None, **how):
        config = load_config(None, [*QUICK, *settings])
        found = open_datasets([str(dataset) for dataset in datasets])
        context = Context(open_store(cache or tmp_path / "cache"), **how)
        folder = out or tmp_path / "out"
        return Run(found, config, context, out=folder, until=until, rehash=rehash)

    return make


@pytest.fixture
def run(make_run):
    """Run over the datasets and return the report."""

    def execute(*datasets, **options):
        return make_run(*datasets, **options).execute()

    return execute


@pytest.fixture
def toy():
    """Stages of plain numpy: keys, cache and outputs are the real ones, a run takes 50 ms."""
    from toy_stages import toys

    with toys():
        yield


@pytest.fixture
def toy_data(tmp_path):
    """Annotated clips of eight tiny files that only the toy stages take for frames."""
    from toy_stages import toy_clips

    def make(clips=3, name="toy"):
        return toy_clips(tmp_path / name, clips)

    return make


@pytest.fixture
def toy_run(toy, make_run):
    """Make a run of toy stages."""

    def make(*datasets, settings=(), **options):
        return make_run(*datasets, settings=["flow.engine=opencv", *settings], **options)

    return make
