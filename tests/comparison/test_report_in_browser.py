"""The report in a real browser: it loads alone, fits small and large pages, and is accessible."""

import shutil

import numpy as np
import pandas as pd
import pytest

from skorchless.comparison import compare, default_models
from skorchless.comparison._preprocessor import column_preprocessor

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.browser

WIDE, NARROW = 1280, 400


@pytest.fixture(scope="module")
def browser():
    """Return headless Chromium, if this machine has it."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["digits", "labels", "a table"])
def report(request, of_digits, of_labels, tmp_path_factory):
    """Return the path of a report: with images, labels, long and hostile names."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    if request.param == "digits":
        of_digits.to_html(path, title="Digits")
        return path
    if request.param == "labels":
        of_labels.to_html(path, title="Digits")
        return path
    rng = np.random.default_rng(0)
    long = "a_column_with_a_name_of_more_letters_than_a_phone_is_wide"
    frame = pd.DataFrame({long: rng.normal(size=200), "city": rng.choice(["数字", "$x$"], 200)})
    y = np.where(frame[long] > 0, "<script>alert(1)</script>", "\x01\x1b")
    models = default_models(random_state=0, preprocessor=column_preprocessor(frame))
    models = {"adam": models["adam"], "forest" * 50: models["forest"]}
    compare(frame, y, models=models, random_state=0).to_html(path, title=f"Models of {long}.csv")
    return path


@pytest.fixture(params=[(WIDE, "light"), (NARROW, "light"), (WIDE, "dark"), (NARROW, "dark")])
def window(request):
    """Return the size and the colours of a window."""
    width, scheme = request.param
    return {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}


@pytest.fixture
def opened(window, browser, report):
    """Return the page with all that it asked for and said while it was opened."""
    context = browser.new_context(**window)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    yield page, said, asked
    context.close()


def test_it_says_nothing_and_asks_for_nothing_but_itself(opened, report):
    _, said, asked = opened
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]


def test_every_image_is_loaded(opened):
    page, *_ = opened
    loaded = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(loaded) >= 5
    assert all(loaded)


def test_dark_pages_have_dark_pictures(opened):
    page, *_ = opened
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    shown, light = page.evaluate("[document.images[0].currentSrc, document.images[0].src]")
    assert (shown != light) == is_dark


def test_nothing_is_wider_than_the_page(opened):
    page, *_ = opened
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    widest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('main *')]"
        ".filter(e => !e.closest('.wide')).map(e => e.getBoundingClientRect().right))"
    )
    assert widest <= page.viewport_size["width"]


def test_it_is_accessible(window, browser, report):
    # The check puts a script of its own into the page, whose policy forbids any.
    context = browser.new_context(**window, bypass_csp=True)
    page = context.new_page()
    page.goto(report.as_uri())
    found = axe.Axe().run(page).response["violations"]
    assert [(rule["id"], rule["help"]) for rule in found] == []
    context.close()


def test_the_outline_is_one_heading_and_its_sections(opened):
    page, *_ = opened
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => h.tagName)")
    assert levels[0] == "H1"
    assert set(levels[1:]) == {"H2"}


def test_the_policy_of_the_page_itself_stops_scripts(browser, report):
    context = browser.new_context()
    page = context.new_page()
    page.goto(report.as_uri())
    page.evaluate(
        "() => {const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s)}"
    )
    assert page.evaluate("window.ran") is None
    context.close()


@pytest.mark.parametrize("theme", ["rgb(17, 17, 17)", "rgb(238, 238, 238)"])
def test_what_a_notebook_shows_is_written_in_the_colour_of_its_theme(theme, browser, of_digits):
    page = browser.new_page()
    page.set_content(f'<main style="color: {theme}">{of_digits._repr_html_()}</main>')
    letters = "[...document.querySelectorAll('svg text')].map(e => getComputedStyle(e).fill)"
    found = page.evaluate(letters)
    assert len(found) > 5
    assert {*found} == {theme}
    page.close()
