"""The things to play with, in a real browser that takes itself for a phone: fingers and keys."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PLAY = Path(__file__).parents[2] / "tutorials" / "play"
WIDTH = 390  # of a phone, in CSS pixels
N_STEPS = 6  # of a finger on its way

# what a finger moves: the element, from where to where (shares of its width and height), and what
# must change by that
DRAGS = {
    "kmeans": ("#plane", (3.2 / 16, 1 - 4 / 10), (0.5, 0.2), "JSON.stringify(starts[0])"),
    "dbscan": ("#curve", (0.5, 0.7), (0.5, 0.3), "state.eps"),
    "tree": ("#tree", (0.5, 0.3), (0.5, 0.8), "height"),
    "tsne": ("#iteration", (0.1, 0.5), (0.8, 0.5), "state.iteration"),
}
# the element in focus, a key, and what must change
KEYS = {
    "kmeans": ("#plane", "ArrowRight", "starts[0][0]"),
    "dbscan": ("#eps", "ArrowRight", "state.eps"),
    "tree": ("#k", "ArrowRight", "height"),
    "tsne": ("#map", "ArrowRight", "state.iteration"),
}


class Phone:
    """A page of a phone, with fingers."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        page.on("console", lambda told: self.messages.append(f"{told.type}: {told.text}"))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.session = page.context.new_cdp_session(page)

    def open(self, name: str, hash: str = "") -> None:
        self.messages.clear()
        self.page.goto((PLAY / f"{name}.html").as_uri() + hash)

    def place(self, selector: str, share: tuple[float, float]) -> tuple[float, float]:
        self.page.locator(selector).scroll_into_view_if_needed()
        box = self.page.locator(selector).bounding_box()
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        self.session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
        )

    def drag(self, selector: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Put a finger down, move it in some steps, and lift it."""
        (x0, y0), (x1, y1) = self.place(selector, begin), self.place(selector, end)
        self.touch("touchStart", (x0, y0))
        for step in range(1, N_STEPS + 1):
            share = step / N_STEPS
            self.touch("touchMove", (x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
        self.touch("touchEnd")

    def says(self, expression: str) -> Any:
        return self.page.evaluate(expression)


@pytest.fixture(scope="module")
def phone() -> Iterator[Phone]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": WIDTH, "height": 844}, has_touch=True, is_mobile=True
        )
        yield Phone(context.new_page())
        browser.close()


@pytest.mark.parametrize("name", sorted(DRAGS))
def test_a_finger_drags(phone, name):
    phone.open(name, "#iteration=0")
    selector, begin, end, expression = DRAGS[name]
    phone.place(selector, begin)  # scrolls there
    before, scrolled = phone.says(expression), phone.says("scrollY")
    phone.drag(selector, begin, end)
    assert phone.says(expression) != before
    assert phone.says("scrollY") == scrolled  # the finger moved the thing, and not the page
    assert phone.messages == []


def test_a_finger_that_is_lifted_leaves_what_it_pointed_at(phone):
    phone.open("tsne", "#iteration=500")
    x, y = phone.says("places().map(onCanvas)[0]")
    phone.page.touchscreen.tap(*phone.place("#map", (x / 800, y / 800)))
    assert phone.says("state.pointed") >= 0


def test_a_tap_adds_a_point(phone):
    phone.open("dbscan")
    before = phone.says("state.points.length")
    phone.page.touchscreen.tap(*phone.place("#plane", (0.5, 0.02)))
    assert phone.says("state.points.length") == before + 1


@pytest.mark.parametrize(("name", "selector"), [("dbscan", "#plane"), ("tree", "#plane")])
def test_a_finger_scrolls_where_nothing_is_to_be_dragged(phone, name, selector):
    phone.open(name)
    phone.says("scrollTo(0, 0)")
    phone.drag(selector, (0.5, 0.9), (0.5, 0.1))
    assert phone.says("scrollY") > 0


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_key_moves(phone, name):
    phone.open(name, "#iteration=0")
    selector, key, expression = KEYS[name]
    before = phone.says(expression)
    phone.page.locator(selector).focus()
    phone.page.keyboard.press(key)
    assert phone.says(expression) != before
    assert phone.messages == []


@pytest.mark.parametrize("name", sorted(DRAGS))
def test_nothing_is_wider_than_a_phone(phone, name):
    phone.open(name)
    assert phone.says("document.documentElement.scrollWidth") <= WIDTH
    small = phone.says(
        "[...document.querySelectorAll('button, select, input')]"
        ".filter((each) => each.getBoundingClientRect().height < 24).map((each) => each.id)"
    )
    assert small == []
