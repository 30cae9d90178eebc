"""Names in any script are drawn in their letters, or said in another way, never as boxes."""

import io

import numpy as np
import pytest
from matplotlib import font_manager, image
from matplotlib.figure import Figure

from mepipe.viz import confusion_png
from mepipe.viz.clip_picture import ClipPicture, clip_png
from mepipe.viz.lettering import Lettering, _fonts

MATRIX = np.array([[219, 22, 9], [40, 62, 7], [21, 3, 59]])
# Not in the fonts that come with matplotlib.
CHINESE, THAI, KOREAN = ("厌恶", "压抑", "惊讶"), ("สุข", "เศร้า", "กลัว"), ("기쁨", "슬픔", "놀람")


@pytest.fixture
def only_own_fonts(monkeypatch):
    """As on a machine without other fonts than those of matplotlib."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    _fonts.cache_clear()
    yield
    _fonts.cache_clear()


@pytest.fixture
def chinese_font(only_own_fonts, tmp_path, monkeypatch):
    """A font with squares for the Chinese names."""
    builder = pytest.importorskip("fontTools.fontBuilder")
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((900, 0), (900, 800), (100, 800)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    font = builder.FontBuilder(1000, isTTF=True)
    names = [".notdef", "square"]
    font.setupGlyphOrder(names)
    font.setupCharacterMap(dict.fromkeys(map(ord, "".join(CHINESE)), "square"))
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    path = tmp_path / "squares.ttf"
    font.save(path)
    font_manager.fontManager.addfont(path)
    _fonts.cache_clear()
    return "Squares"


@pytest.fixture
def texts(monkeypatch):
    """The texts of the figures that are saved."""
    found = []
    save = Figure.savefig

    def noting(figure, *arguments, **options):
        save(figure, *arguments, **options)
        from matplotlib.text import Text

        found.extend(text.get_text() for text in figure.findobj(Text) if text.get_text())

    monkeypatch.setattr(Figure, "savefig", noting)
    return found


@pytest.mark.parametrize("names", [CHINESE, THAI, KOREAN, ("好奇", "positive", "негатив")])
def test_classes_that_no_font_has_get_numbers_and_it_is_said(only_own_fonts, texts, names):
    assert confusion_png(MATRIX, names, uf1=0.7, uar=0.7).startswith(b"\x89PNG")
    assert "class 1" in texts
    assert all(name in texts for name in names if name in {"positive", "негатив"})
    assert not any(name in text for name in names[:1] for text in texts)
    (line,) = [text for text in texts if "results.json" in text]
    assert "No installed font" in line


@pytest.mark.parametrize(
    "names",
    [
        ("Ekel", "dégoût", "отвращение"),
        ("اشمئزاز", "גועל", "αηδία"),
        ("😀 joy\ufe0f", "a\u200db", "tab\there"),
    ],
)
def test_names_that_the_font_has_are_drawn(only_own_fonts, texts, names):
    confusion_png(MATRIX, names, uf1=0.7, uar=0.7)
    assert not any("results.json" in text for text in texts)
    assert names[0].removesuffix("\ufe0f") in texts


def test_an_installed_font_that_has_the_letters_is_used(chinese_font, texts):
    assert Lettering.of(CHINESE).families == (chinese_font,)
    drawn = confusion_png(MATRIX, CHINESE, uf1=0.7, uar=0.7)
    assert CHINESE[0] in texts
    assert not any("results.json" in text for text in texts)
    # The letters of the made font are all alike.
    again = confusion_png(MATRIX, CHINESE[::-1], uf1=0.7, uar=0.7)
    np.testing.assert_array_equal(*(image.imread(io.BytesIO(one)) for one in (drawn, again)))


def test_fonts_of_other_scripts_change_no_picture_in_plain_letters(chinese_font):
    assert Lettering.of(["happiness", "é"]) == Lettering((), frozenset())


def test_the_name_of_a_model_is_drawn_with_codes(only_own_fonts, texts):
    confusion_png(MATRIX, ("a", "b", "c"), uf1=0.7, uar=0.7, name="树:make, $x$")
    assert any(r"\u6811:make, \$x\$" in text for text in texts)


def test_a_picture_of_a_clip_with_names_in_any_script(only_own_fonts, texts):
    still = np.zeros((200, 200), np.uint8)
    clip = ClipPicture(
        name="s01/厌恶 $1_x", frame=still, box=np.array([50.0, 50, 150, 150]),
        landmarks=np.full((68, 2), 100.0), onset_face=None, apex_face=None, flow=None,
        strain=None, curve=None, curve_title="motion", curve_unit="px", times_ms=None,
        marks={}, lines=["เศร้า: 0.93", "positive: 0.07"],
    )  # fmt: skip
    assert clip_png(clip).startswith(b"\x89PNG")
    assert r"s01/\u538c\u6076 \$1_x" in texts
    assert any("positive: 0.07" in text and r"\u0e40" in text for text in texts)
