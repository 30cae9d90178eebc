import itertools
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.config import Config, load_config, render
from mepipe.errors import UsageError


def test_the_defaults_render_to_toml_that_gives_them_back():
    assert Config.model_validate(tomllib.loads(render(Config()))) == Config()


@given(
    st.integers(4, 224),
    st.floats(1e-6, 1e6),
    st.sampled_from(["similarity", "translation", "none"]),
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
)
def test_any_settings_survive_toml(size, tau, stabilise, kernels):
    config = Config.model_validate(
        {
            "tensor": {"size": size},
            "flow": {"lambda": tau, "stabilise": stabilise},
            "model": {"kernels": kernels},
            "data": {"fps": min(max(tau, 0.1), 99_999.0)},
        }
    )
    assert Config.model_validate(tomllib.loads(render(config))) == config


def test_a_setting_that_is_unset_says_what_that_means():
    text = render(load_config())
    assert "# fps = unset (unknown)\n" in text
    assert "# select = unset (all)\n" in text
    assert "# bits = unset\n" in text  # its meaning is long, and stands in the comment above


def test_every_setting_has_a_comment():
    lines = render(Config()).splitlines()
    for before, line in itertools.pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert before.startswith("# "), line
            assert len(before) > 10, line


def test_the_file_goes_before_the_defaults_and_set_before_the_file(tmp_path):
    path = tmp_path / "mepipe.toml"
    path.write_text("\ufeff[tensor]\nsize = 56\nscale = 'clip'\n", encoding="utf-8")
    config = load_config(path, ["tensor.size=14"])
    assert (config.tensor.size, config.tensor.scale) == (14, "clip")


@pytest.mark.parametrize(
    ("assignment", "section", "key", "value"),
    [
        ("flow.lambda=0.2", "flow", "lambda_", 0.2),
        ("face.align=per-frame", "face", "align", "per-frame"),
        ("flow.keep_faces=true", "flow", "keep_faces", True),
        ("model.kernels=[2, 3]", "model", "kernels", (2, 3)),
        ("labels.classes='a b.toml'", "labels", "classes", "a b.toml"),
        ("labels.classes=my=classes.toml", "labels", "classes", "my=classes.toml"),
    ],
)
def test_values_are_read_as_toml_and_else_as_text(assignment, section, key, value):
    assert getattr(getattr(load_config(None, [assignment]), section), key) == value


@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        ("tensor.siz=56", "Did you mean tensor.size?"),
        ("tensr.size=56", "Did you mean tensor?"),
        ("spot.stabilise=none", "Did you mean flow.stabilise?"),
        ("tensor.qqqqqq=1", "Known are: tensor.size"),
        ("tensor.size", "Write for example"),
        ("size=3", "spot.size or flow.size"),
        ("tensor.size=none", "mepipe config"),
        ("tensor.size=-3", "mepipe config"),
        ("flow.median=4", "mepipe config"),
        ("flow.scale_step=1.0", "mepipe config"),
        ("flow.tau=nan", "mepipe config"),
    ],
)
def test_what_is_wrong_is_named_with_a_way_out(assignment, hint):
    with pytest.raises(UsageError) as caught:
        load_config(None, [assignment])
    assert assignment.split("=")[0].split(".")[0] in caught.value.message
    assert hint in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[tensor]\nsiz = 3\n", "Did you mean tensor.size?"),
        ("[tensr]\nsize = 3\n", "Did you mean tensor?"),
        ("size = 3\n", "Known are"),
        ("tensor = 3\n", "[tensor]"),
        ("[tensor\n", "mepipe config"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, hint):
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"my\.toml") as caught:
        load_config(path)
    assert hint in caught.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().tensor.size = 3


def test_sizes_that_do_not_fit_each_other_are_refused():
    with pytest.raises(UsageError, match=r"tensor.size = 300 is larger than flow.size = 224"):
        load_config(None, ["tensor.size=300"])
    assert load_config(None, ["tensor.size=300", "flow.size=320"]).tensor.size == 300


def test_a_setting_without_its_stage_names_the_stages_that_have_it():
    with pytest.raises(UsageError, match=r"Did you mean spot\.size or flow\.size or tensor\.size"):
        load_config(None, ["size=56"])
    with pytest.raises(UsageError, match="for example"):
        load_config(None, ["nonsense"])


@pytest.mark.parametrize("preset", ["opencv", "subtle"])
def test_a_preset_can_be_changed_over_a_file_that_config_wrote(tmp_path, preset):
    for before in ("opencv", "subtle"):
        path = tmp_path / f"{before}.toml"
        path.write_text(render(load_config(None, [f"flow.preset={before}", "flow.warps=3"])))
        assert load_config(path).flow.preset == before
        changed = load_config(path, [f"flow.preset={preset}"])
        assert changed == load_config(None, [f"flow.preset={preset}", "flow.warps=3"])
    assert load_config().flow == load_config(None, ["flow.preset=subtle"]).flow
    assert load_config(None, ["flow.preset=opencv"]).flow.theta == 0.3
    assert load_config(None, ["flow.preset=subtle"]).flow.theta == 0.05
    assert load_config(None, ["flow.preset=subtle", "flow.lambda=0.3"]).flow.lambda_ == 0.3
    assert load_config(None, ["flow.preset=subtle", "flow.lambda=0.3"]).flow.border == 12


def test_gamma_needs_the_engine_that_has_it():
    with pytest.raises(UsageError, match=r"flow.gamma = 0.2 needs flow.engine = opencv"):
        load_config(None, ["flow.gamma=0.2"])
    assert load_config(None, ["flow.gamma=0.2", "flow.engine=opencv"]).flow.gamma == 0.2


def test_an_engine_that_is_gone_says_what_to_write():
    with pytest.raises(UsageError, match=r"flow\.engine = torch is gone") as caught:
        load_config(None, ["flow.engine=torch"])
    assert caught.value.remedy == "Write flow.engine = mepipe, the default; or opencv."


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        *((name, name) for name in ("apex", "apex-offset", "phases")),
        *((str(number), number) for number in (2, 8, 64)),
    ],
)
def test_targets_are_names_or_a_number(assignment, value):
    config = load_config(None, [f"flow.targets={assignment}"])
    assert config.flow.targets == value
    assert Config.model_validate(tomllib.loads(render(config))) == config


@pytest.mark.parametrize("value", ["offset", "1", "65", "true", "8.0", "[8]"])
def test_a_target_that_is_none_says_what_would_be(value):
    with pytest.raises(UsageError, match=r"flow\.targets = .*apex-offset, phases.*2 to 64"):
        load_config(None, [f"flow.targets={value}"])


def test_what_is_packed_has_one_order():
    some = 'pack.include=["sequence", "x", "flow"]'
    config = load_config(None, ["flow.targets=8", some])
    assert config.pack.include == ("x", "flow", "sequence")
    assert Config.model_validate(tomllib.loads(render(config))) == config


@pytest.mark.parametrize(
    ("include", "settings", "message", "remedy"),
    [
        ('["flow"]', [], r"pack\.include = .*should contain x", "mepipe config"),
        ('["x", "x"]', [], r"pack\.include = .*twice", "mepipe config"),
        ('["x", "strain"]', [], r"pack\.include = 'strain'", "mepipe config"),
        ('["x", "faces"]', [], r"faces.*flow\.keep_faces", "--set flow.keep_faces=true"),
        ('["x", "sequence"]', [], r"sequence.*flow\.targets = apex", "--set flow.targets=8"),
    ],
)
def test_what_cannot_be_packed_is_named_with_a_way_out(include, settings, message, remedy):
    with pytest.raises(UsageError, match=message) as caught:
        load_config(None, [f"pack.include={include}", *settings])
    assert remedy in caught.value.remedy
