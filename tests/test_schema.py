"""What stands in one table holds wherever it is used, described or written about."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from mepipe.clips.label_schemes import SCHEMES
from mepipe.clips.selection import KINDS, SELECTIONS
from mepipe.config import Config, load_config
from mepipe.config.settings import DataSettings, FlowSettings, LabelSettings
from mepipe.errors import UsageError
from mepipe.features.protocols import FOLDS
from mepipe.flow.settings import PRESETS
from mepipe.io import TARGETS
from mepipe.networks.registry import MODELS
from mepipe.report import methods
from mepipe.report.references import REFERENCES
from mepipe.schema import CLIP_STAGES, EXPORT_FORMS, MAP_STAGES, MAPS, PROTOCOLS, SCALES
from mepipe.stages import ARRAYS, STAGES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_stage_is_called_what_the_table_calls_it():
    assert tuple(stage.name for stage in STAGES) == CLIP_STAGES
    assert set(MAP_STAGES) <= set(CLIP_STAGES)


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_an_array_of_its_stage(name):
    item = MAPS[name]
    kind, dimensions = ARRAYS[item.stage][item.array]
    assert np.dtype(kind) == np.dtype(item.dtype)
    assert dimensions + 1 == item.dimensions
    assert name == "x" or f"| `{name}` (N" in page("reference/cache-format.md")
    assert f"| `{name}` | (N" in page("features.md")


@pytest.mark.parametrize("name", [name for name, item in MAPS.items() if item.needed])
def test_what_a_map_needs_is_said_and_is_enough(name):
    include, needed = f'pack.include=["x", "{name}"]', MAPS[name].needed
    with pytest.raises(UsageError) as error:
        load_config(None, [include])
    assert f"pack.include has {name}, " in error.value.message
    setting = f"{needed.setting}={needed.value}"
    assert f"--set {setting}" in error.value.remedy
    assert load_config(None, [include, setting]).pack.include == ("x", name)


def test_every_map_stands_in_its_setting():
    described = type(Config().pack).model_fields["include"].description
    assert [part.split()[0] for part in described.split("), ")] == list(MAPS)


def test_every_model_is_called_something_and_its_work_can_be_cited():
    described = type(Config().model).model_fields["name"].description
    for name, entry in MODELS.items():
        assert f"{name}," in described or f"{name} (" in described
        assert entry.called
        assert not entry.cite or entry.cite in REFERENCES


def test_every_protocol_has_folds_words_and_a_row_of_the_page():
    assert list(FOLDS) == list(PROTOCOLS)
    for name, words in PROTOCOLS.items():
        assert words.title
        assert words.way
        assert f"| `{name}` |" in page("evaluation.md")


def test_every_form_of_export_has_a_writer_and_a_row_of_the_page():
    assert tuple(TARGETS) == EXPORT_FORMS
    for name in EXPORT_FORMS:
        assert f"| `{name}` |" in page("export.md")


def test_every_scheme_and_every_selection_stands_in_its_setting():
    schemes = LabelSettings.model_fields["classes"].description
    for name in SCHEMES:
        assert name in schemes or f"-{name.rpartition('-')[2]}" in schemes, name
    for name in (*SELECTIONS, *KINDS):
        assert name in DataSettings.model_fields["select"].description


def test_every_choice_of_the_flow_and_the_tensor_has_words_in_the_paragraph_of_methods():
    assert list(methods._ENGINES) == list(get_args(FlowSettings.model_fields["engine"].annotation))
    assert list(get_args(FlowSettings.model_fields["preset"].annotation)) == list(PRESETS)
    for scale in SCALES:
        settings = Config.model_validate({"tensor": {"scale": scale}}).model_dump(by_alias=True)
        run = methods.RunSummary("0", settings, 1, 1, {}, {"annotation": 1})
        assert "scaled" in methods.write_methods(run).text or scale == "none"
