"""The documentation as it was built: links lead somewhere, search works, pages are accessible.

`nox -s docs` builds it and runs these. Pages are opened as files, so whatever works here needs no
network and no server.
"""

import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import matplotlib.image
import pytest

BUILT = Path(__file__).parent / "_build" / "html"
PAGES = sorted(page for page in BUILT.rglob("*.html") if "_static" not in page.parts)
LOOKED_AT = ["index", "start", "scope", "benchmarks", "api", "lecture/index", "search"]
LOOKED_AT += ["generated/skorchless.TorchLogisticClassifier", "lecture/plot_06_network"]
# What docutils writes around references, whose roles are out of date, and a table's corner, which
# is empty where rows have names.
NOT_ASKED = {
    *("aria-allowed-role", "aria-deprecated-role", "aria-required-children"),
    "empty-table-header",
}


class Links(HTMLParser):
    """The links of a page, and the places within it that links can lead to."""

    def __init__(self, page):
        super().__init__()
        self.links, self.places = set(), {""}
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, _tag, attributes):
        for name, value in attributes:
            if name in {"href", "src"} and value:
                self.links.add(value)
            elif name in {"id", "name"}:
                self.places.add(value)


@pytest.fixture(scope="module")
def links():
    """Return the links and places of every page."""
    return {page: Links(page) for page in PAGES}


def test_every_link_within_the_documentation_leads_somewhere(links):
    broken = []
    for page, found in links.items():
        for link in found.links:
            path, place = urldefrag(unquote(link))
            if ":" in path.partition("/")[0] or path.startswith("//"):
                continue  # another site, or a picture within the page
            target = (page.parent / path.partition("?")[0]).resolve() if path else page
            if target in links and target.suffix == ".html":
                is_there = place in links[target].places
            else:
                is_there = target.exists()
            if not is_there:
                broken.append(f"{page.relative_to(BUILT)}: {link}")
    assert broken == []


def test_thumbnails_of_the_lecture_are_pictures():
    thumbnails = sorted((BUILT / "_images").glob("sphx_glr_plot_*_thumb.*"))
    assert len(thumbnails) >= 10
    blank = []
    for path in thumbnails:
        if path.suffix == ".png":
            pixels = matplotlib.image.imread(path)[..., :3]
            # A blank one has one colour, or little else.
            commonest = (pixels == pixels[0, 0]).all(-1).mean()
            if pixels.std() < 0.05 or commonest > 0.985:
                blank.append(path.name)
    assert blank == []


@pytest.fixture(scope="module")
def browser():
    """Return headless Chromium, if this machine has it."""
    playwright = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser, name, width=1280, scheme="light"):
    """Return a page in a window, and the addresses beyond this machine that it has asked for."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((BUILT / f"{name}.html").as_uri())
    return page, [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("name", LOOKED_AT)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(browser, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page, asked = opened(browser, name, scheme=scheme)
    found = axe.Axe().run(page).response["violations"]
    page.close()
    said = [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found]
    assert [each for each in said if each[0] not in NOT_ASKED] == []
    assert asked == []


@pytest.mark.parametrize("name", LOOKED_AT)
def test_no_page_is_wider_than_a_phone(browser, name):
    page, _ = opened(browser, name, width=400)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= 400


@pytest.mark.parametrize("name", LOOKED_AT)
def test_every_picture_of_a_page_is_shown(browser, name):
    page, _ = opened(browser, name)
    broken = "[...document.images].filter(i => i.offsetParent && !i.naturalWidth).map(i => i.src)"
    found = page.evaluate(broken)
    page.close()
    assert found == []


def test_search_works_without_a_network(browser):
    page, _ = opened(browser, "search")
    page.goto((BUILT / "search.html").as_uri() + "?q=GlobalStandardScaler")
    first = page.locator("ul.search li a").first
    first.wait_for(timeout=20_000)
    assert "GlobalStandardScaler" in first.inner_text()
    page.close()
