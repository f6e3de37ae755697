"""The page of a run in a real browser, without a head: what it shows, and what it never does."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust.experiment.page import write_page
from scratchclust.runs.thumbnails import write_thumbnails
from tests.report.run_folders import EVIL, EVIL_LABEL, color_of, images_of, make_run, names_of

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
N = 900  # images: so many that they are dots until one zooms
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


class Watched:
    """A page, and what happened on it that should not."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.dialogs: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.failures.append(request.failure))
        page.on("dialog", self._dismiss)

    def _hear(self, told: Any) -> None:
        if told.type == "error":
            self.messages.append(told.text)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, path: Path, hash: str = "") -> Any:
        self.page.goto(path.as_uri() + hash)
        self.page.wait_for_selector("html[data-ready=yes]")
        return self.page

    def assert_quiet(self) -> None:
        assert self.messages == []
        assert self.dialogs == []
        assert {url.split(":")[0] for url in self.requests} <= {"file", "data", "blob"}
        assert sum(url.startswith("file:") for url in self.requests) == 1


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(make_run(tmp_path_factory.mktemp("runs") / "run", N))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Iterator[Any]:
    arguments = ["--no-sandbox", *SOFTWARE_GL]
    browser = chromium.launch(executable_path=CHROMIUM, args=arguments)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def watched(browser: Any, path: Path) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    watched = Watched(page)
    watched.open(path, "#webgl")  # software's is taken only when asked for
    yield watched
    page.close()


@pytest.fixture
def page(watched: Watched) -> Iterator[Any]:
    """The one page, as it was when opened; whatever a test does, nothing is to be complained of."""
    page = watched.page
    page.keyboard.press("Escape")
    page.click("#home")
    page.evaluate(
        "document.getElementById('clear').disabled || document.getElementById('clear').click()"
    )
    page.evaluate("document.getElementById('explore').scrollIntoView({behavior: 'instant'})")
    yield page
    watched.assert_quiet()


def place(page: Any, image: int) -> tuple[float, float]:
    x, y = page.evaluate(f"scratchclust.place({image})")
    return x, y


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true; the driver's own way evaluates text, which the page's
    policy forbids.
    """
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"never true: {expression}")


def members(page: Any) -> list[int]:
    return page.evaluate(
        "[...document.querySelectorAll('#members .tile')].map((one) => Number(one.dataset.image))"
    )


def middle_of(page: Any, canvas: str) -> np.ndarray:
    """The colour in the middle of a canvas."""
    return np.array(
        page.evaluate(
            f"""() => {{
                const one = document.querySelector({canvas!r});
                const half = [one.width / 2, one.height / 2].map(Math.floor);
                return [...one.getContext("2d").getImageData(...half, 1, 1).data].slice(0, 3);
            }}"""
        )
    )


# --- it opens, and asks for nothing


def test_opens_from_a_file_without_a_word(watched: Watched) -> None:
    watched.assert_quiet()
    assert watched.page.get_attribute("#map", "data-painter") == "webgl"
    assert watched.page.title() == f"{N} images of pictures in 3 clusters"


def test_dots_have_the_colours_of_their_clusters(page: Any) -> None:
    colors = page.evaluate(
        """() => {
            scratchclust.frame();
            const dots = document.getElementById("dots");
            const copy = document.createElement("canvas");
            copy.width = dots.width;
            copy.height = dots.height;
            copy.getContext("2d").drawImage(dots, 0, 0);
            const box = document.getElementById("map").getBoundingClientRect();
            return [300, 301, 302].map((i) => {
                const [x, y] = scratchclust.place(i);
                const ratio = dots.width / box.width;
                const at = [Math.round((x - box.left) * ratio), Math.round((y - box.top) * ratio)];
                return [...copy.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
            });
        }"""
    )
    expected = [(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)]
    np.testing.assert_allclose(colors, expected, atol=6)


@pytest.mark.parametrize("image", [0, 77, 300, 560])
def test_hovering_shows_the_right_picture(page: Any, image: int) -> None:
    page.mouse.move(*place(page, image))
    assert page.get_attribute("#map", "data-hover") == str(image)
    until(
        page,
        "document.getElementById('tip-picture').getContext('2d').getImageData(9, 9, 1, 1).data[3]",
    )
    np.testing.assert_allclose(middle_of(page, "#tip-picture"), color_of(image), atol=14)
    shown = page.inner_text("#tip")
    assert names_of(N)[image][:12] in shown
    assert f"cluster {image % 3}" in shown


def test_near_enough_dots_become_pictures(page: Any) -> None:
    assert page.get_attribute("#map", "data-pictures") == "0"
    for _ in range(4):
        page.click("#zoom-in")
    until(page, "Number(document.getElementById('map').dataset.pictures) > 3")
    image = 462  # in the middle of the map
    x, y = place(page, image)
    page.wait_for_timeout(150)  # until the sheet is decoded and drawn
    color = page.evaluate(
        """([x, y]) => {
            const over = document.getElementById("over");
            const box = over.getBoundingClientRect();
            const ratio = over.width / box.width;
            const at = [x - box.left, y - box.top].map((one) => Math.round(one * ratio));
            return [...over.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
        }""",
        [x, y],
    )
    np.testing.assert_allclose(color, color_of(image), atol=14)


def test_wheel_zooms_and_a_drag_moves(page: Any) -> None:
    x, y = place(page, 312)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(60)
    np.testing.assert_allclose(place(page, 312), (x, y), atol=1)  # what is under the pointer stays
    page.mouse.down()
    page.mouse.move(x + 70, y + 30, steps=4)
    page.mouse.up()
    np.testing.assert_allclose(place(page, 312), (x + 70, y + 30), atol=1)


# --- clusters, search, choosing


def test_clicking_a_cluster_shows_its_members_alone(page: Any) -> None:
    page.click("#legend .group >> nth=1")
    assert page.get_attribute("#map", "data-only") == "1"
    assert page.inner_text("#member-title") == "Cluster 1: 300"
    shown = members(page)
    assert shown[:3] == [1, 4, 7]  # the surest first
    assert {image % 3 for image in shown} == {1}
    page.mouse.move(*place(page, 302))  # of another cluster
    assert page.get_attribute("#map", "data-hover") != "302"
    page.click("#more")
    assert len(members(page)) == 192
    page.keyboard.press("Escape")
    assert page.get_attribute("#map", "data-only") == "-1"
    assert page.is_hidden("#member-part")


def test_a_contact_sheet_leads_to_the_map(page: Any) -> None:
    page.click("[data-show='2']")
    assert page.inner_text("#member-title") == "Cluster 2: 300"


def test_contact_sheets_show_larger_pictures_where_there_are_some(
    browser: Any, tmp_path: Path
) -> None:
    """The larger ones are of other colours here, so that they can be told."""
    run = make_run(tmp_path / "run", N)
    other = tmp_path / "other"
    for folder, images in ((run, images_of(N, 64)), (other, 255 - images_of(N, 64))):
        write_thumbnails(folder, images, larger=[0, 3], budget=6000)
    of_run, of_other = (folder / "thumbnails" / "thumbnails.json" for folder in (run, other))
    larger = json.loads(of_other.read_text())["larger"]
    assert larger["height"] > 16
    of_run.write_text(json.dumps(json.loads(of_run.read_text()) | {"larger": larger}))
    for name in larger["sheets"]:
        shutil.copy(of_other.parent / name, of_run.parent / name)
    watched = Watched(browser.new_page(viewport={"width": 1280, "height": 900}))
    page = watched.open(write_page(run))
    page.locator("#clusters").scroll_into_view_if_needed()
    page.wait_for_selector("#clusters .tile[data-image='6']")
    page.wait_for_timeout(200)  # until the sheets are decoded and drawn
    shown = middle_of(page, "#clusters .tile[data-image='3'] canvas")
    np.testing.assert_allclose(shown, np.subtract(255, color_of(3)), atol=14)
    shown = middle_of(page, "#clusters .tile[data-image='6'] canvas")
    np.testing.assert_allclose(shown, color_of(6), atol=14)
    watched.assert_quiet()
    page.close()


def test_colour_by_label(page: Any) -> None:
    page.select_option("#colouring", label="label")
    names = page.eval_on_selector_all(".group-name", "all => all.map((one) => one.textContent)")
    assert sorted(names) == sorted([EVIL_LABEL, "cat", "no label"])
    page.select_option("#colouring", label="cluster")


def test_search_finds_by_a_part_of_the_name(page: Any) -> None:
    page.fill("#search", "ICTURE-0123")
    page.wait_for_selector("#member-part:not([hidden])")
    until(page, "document.querySelectorAll('#members .tile').length === 1")
    assert members(page) == [123]
    page.fill("#search", "onerror=")
    until(page, "document.querySelector('#members .tile').dataset.image === '0'")
    page.fill("#search", "nothing of that name")
    until(page, "!document.querySelector('#members .tile')")
    page.click("#show-all")
    assert page.input_value("#search") == ""


def test_chosen_names_are_listed_as_they_are(page: Any) -> None:
    for image in (0, 9):
        page.mouse.click(*place(page, image))
    assert page.input_value("#names").split("\n") == [EVIL[0], names_of(N)[9]]
    page.mouse.click(*place(page, 0))  # a second click takes it back
    assert page.inner_text("#chosen-count") == "1"
    page.click("#clear")
    assert page.input_value("#names") == ""


def test_lasso_chooses_what_is_inside(page: Any) -> None:
    page.click("#lasso")
    left, low = place(page, 230)
    right, high = place(page, 282)
    corners = [
        (left - 6, low + 6),
        (left - 6, high - 6),
        (right + 6, high - 6),
        (right + 6, low + 6),
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    inside = [*range(230, 233), *range(255, 258), *range(280, 283)]  # three rows of three
    expected = {names_of(N)[image] for image in inside}
    assert set(page.input_value("#names").split("\n")) == expected
    page.keyboard.press("Escape")
    assert page.get_attribute("#lasso", "aria-pressed") == "false"


# --- text from outside


def test_evil_names_do_nothing(page: Any, watched: Watched) -> None:
    assert page.evaluate("document.images.length") == 1  # the figure
    assert page.evaluate("document.scripts.length") == 3
    for image in range(len(EVIL)):
        page.mouse.move(*place(page, image))
        assert page.evaluate("document.getElementById('tip').children.length") == 3
        assert page.evaluate("document.getElementById('tip-name').children.length") == 0
    page.mouse.move(*place(page, 0))
    assert page.inner_text("#tip-name") == EVIL[0]
    page.mouse.move(*place(page, 4))
    assert page.inner_text("#tip-name") == "turned \\u202egnp.exe"  # shown, not obeyed
    assert page.evaluate("document.images.length") == 1
    assert watched.dialogs == []


def test_policy_stops_what_would_get_in(browser: Any, path: Path) -> None:
    page = browser.new_page()
    watched = Watched(page)
    watched.open(path)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.gotIn = true";
            document.body.append(script);
            const box = document.createElement("div");
            box.innerHTML = "<img src='https://example.invalid/' onerror='window.gotIn = true'>";
            document.body.append(box);
        }"""
    )
    stopped = page.evaluate("fetch('https://example.invalid/').then(() => false, () => true)")
    assert stopped
    assert page.evaluate("window.gotIn === undefined")
    assert set(watched.failures) == {"csp"}
    page.close()


# --- keyboard, phone, light and dark, no WebGL


def test_keyboard_reaches_the_clusters(page: Any) -> None:
    page.focus("#search")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "group":
            break
    assert page.evaluate("document.activeElement.dataset.group") == "0"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.get_attribute("#map", "data-only") == "1"
    page.keyboard.press("Escape")
    assert page.get_attribute("#map", "data-only") == "-1"


def test_keyboard_moves_the_map(page: Any) -> None:
    page.focus("#map")
    x, y = place(page, 312)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    np.testing.assert_allclose(place(page, 312), (x - 60, y + 60), atol=0.5)
    page.keyboard.press("0")
    np.testing.assert_allclose(place(page, 312), (x, y), atol=0.5)


def test_every_picture_has_words(page: Any) -> None:
    page.click("#legend .group >> nth=0")
    page.wait_for_selector("#members .tile")
    labels = page.eval_on_selector_all(
        ".tile", "all => all.map((o) => o.getAttribute('aria-label'))"
    )
    assert all(label and "cluster" in label for label in labels)
    assert page.get_attribute("figure img", "alt") == (
        "Map of the images, coloured by cluster, some of them as pictures"
    )


def test_phone_has_no_horizontal_scroll_and_a_tap_chooses(browser: Any, path: Path) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark"
    )
    watched = Watched(context.new_page())
    page = watched.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.evaluate("document.getElementById('explore').scrollIntoView({behavior: 'instant'})")
    page.touchscreen.tap(*place(page, 300))
    assert page.input_value("#names") == names_of(N)[300]
    page.click("#legend .group >> nth=1")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(20, 23, 26)"
    watched.assert_quiet()
    context.close()


def test_without_webgl_a_canvas_does(chromium: Any, path: Path) -> None:
    arguments = ["--no-sandbox", "--disable-3d-apis"]
    browser = chromium.launch(executable_path=CHROMIUM, args=arguments)
    watched = Watched(browser.new_page(viewport={"width": 1280, "height": 900}))
    page = watched.open(path)
    assert page.get_attribute("#map", "data-painter") == "canvas"
    page.evaluate("document.getElementById('explore').scrollIntoView({behavior: 'instant'})")
    page.mouse.move(*place(page, 301))
    assert page.get_attribute("#map", "data-hover") == "301"
    page.click("#legend .group >> nth=1")
    assert page.inner_text("#member-title") == "Cluster 1: 300"
    x, y = place(page, 300)
    shown = page.evaluate(
        """([x, y]) => {
            const dots = document.getElementById("dots");
            const box = dots.getBoundingClientRect();
            return [...dots.getContext("2d").getImageData(x - box.left, y - box.top, 1, 1).data];
        }""",
        [x, y],
    )
    assert 0 < shown[3] < 90  # of another cluster: faint
    watched.assert_quiet()
    browser.close()
