"""A picture of a page: self-contained, for light and dark, whatever its labels have in them."""

import base64

import matplotlib as mpl
import pytest

from skorchless.comparison._pictures import render


def svg_of(uri):
    scheme, data = uri.split(",")
    assert scheme == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def labelled(text):
    return render(lambda figure: figure.text(0.5, 0.5, text), (2, 1), alt="a word")


def test_both_forms_show_the_same_in_other_colours():
    picture = labelled("word")
    light, dark = svg_of(picture.light), svg_of(picture.dark)
    assert ">word<" in light
    assert ">word<" in dark
    assert "#e6e6e6" in dark
    assert "#e6e6e6" not in light
    assert dark.replace("#e6e6e6", "#1b1b1c") == light


def test_all_that_is_written_and_ruled_has_the_ink_of_the_page():
    def draw(figure):
        ax = figure.add_subplot()
        ax.plot([1, 2], color="red", label="a line")
        ax.set(xlabel="x", ylabel="y", title="title")
        figure.legend()

    picture = render(draw, (3, 3), alt="a line")
    light, dark = svg_of(picture.light), svg_of(picture.dark)
    assert "#000000" not in light + dark
    assert "#ff0000" in light
    assert "#ff0000" in dark


def test_size_and_words_go_with_it():
    picture = labelled("word")
    assert (picture.width, picture.height) == (192, 96)
    assert (picture.alt, picture.caption) == ("a word", "")


@pytest.mark.parametrize("text", ["$x$ and $y", r"$\nothing{$", "数字", "</svg><script>"])
def test_any_label_is_text(text):
    escaped = text.replace("<", "&lt;").replace(">", "&gt;")
    assert escaped in svg_of(labelled(text).light)


def test_the_same_drawing_gives_the_same_bytes():
    assert labelled("word") == labelled("word")


def test_matplotlibs_settings_are_as_before():
    before = dict(mpl.rcParams)
    labelled("word")
    assert dict(mpl.rcParams) == before
