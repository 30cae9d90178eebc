"""Progress of a training counts the epochs that the settings name."""

from mepipe.features import demo_features


class Heard:
    def __init__(self):
        self.said = []

    def __call__(self, title, done, total):
        self.said.append((title, done, total))


def test_epochs_are_counted_network_by_network(tmp_path):
    import mepipe

    features = demo_features(tmp_path / "features.h5", subjects=2)
    heard = Heard()
    settings = ["train.epochs=2", "train.members=2", "model.width=4"]
    mepipe.train(features, tmp_path / "m.safetensors", settings=settings, progress=heard)
    assert heard.said == [
        *[("epochs of network 1 of 2", done, 2) for done in (0, 1, 2)],
        *[("epochs of network 2 of 2", done, 2) for done in (0, 1, 2)],
    ]
    heard.said.clear()
    settings[1] = "train.members=1"
    mepipe.train(features, tmp_path / "n.safetensors", settings=settings, progress=heard)
    assert heard.said == [("epochs", done, 2) for done in (0, 1, 2)]
