"""The page of a run as text: what is in it, what is escaped, how large it is, what it refuses."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scratchclust.errors import InputError
from scratchclust.experiment import page_clusters
from scratchclust.experiment.page import _explorer_of, _page_of, write_page
from scratchclust.experiment.page_folder import read
from scratchclust.report import _page_data, html
from scratchclust.runs import write_assignments
from scratchclust.runs.findings import Findings, write_findings
from tests.report.run_folders import (
    EVIL,
    EVIL_LABEL,
    change_metrics,
    findings_of,
    make_run,
    names_of,
    png,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return write_page(run).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every element with its attributes, and the text within scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.within: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.within.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.within[-1] += data
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def data_of(text: str) -> dict:
    start = text.index('id="data">') + len('id="data">')
    return json.loads(text[start : text.index("</script>", start)])


# --- text from outside


def test_no_text_from_outside_becomes_an_element(text: str) -> None:
    elements = Elements(text)
    assert [one.get("type") for one in elements.all("script")] == [
        "application/json",
        "text/plain",
        None,
    ]
    assert len(elements.all("img")) == 1  # the figure
    assert not {"b", "i", "u", "s"} & {name for name, _ in elements.found}
    handlers = [name for _, attributes in elements.found for name in attributes if name[:2] == "on"]
    assert handlers == []
    assert not any("style" in attributes for _, attributes in elements.found)  # the policy's way


def test_text_from_outside_is_shown_as_it_is(text: str) -> None:
    words = "".join(Elements(text).words)
    for told in ("<b>zero</b> bytes", "<s>12</s> frames", "<b>far</b>", EVIL[0], "<u>sharp</u>"):
        assert told in words
    assert "'<b>&'" in words  # of the command
    assert EVIL_LABEL in words
    assert "onerror=alert(1)>.png\\n.jpg" in words  # a newline in a name is written out


def test_names_come_back_from_the_data(text: str) -> None:
    data = data_of(text)
    folders = np.frombuffer(base64.b64decode(data["folder_of"]), "<i4")
    names = [data["folders"][at] + name for at, name in zip(folders, data["names"], strict=True)]
    assert names == names_of(600)
    raw = text[text.index('id="data">') + 10 :].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(raw)


def test_a_name_that_is_no_unicode_can_be_written() -> None:
    told = _page_data.in_script({"name": "caf\udce9.png"})
    assert told == '{"name":"caf\\udce9.png"}'
    assert json.loads(told)["name"] == "caf\udce9.png"


def test_policy_forbids_all_but_the_two_of_the_package(text: str) -> None:
    elements = Elements(text)
    (policy,) = (
        one["content"]
        for one in elements.all("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style, _, _, script = elements.within
    for name, content in {"script-src": script, "style-src": style}.items():
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_no_address_on_the_page(text: str) -> None:
    for _, attributes in Elements(text).found:
        for name in ("src", "href", "action", "srcset", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,"))


# --- what it says


def test_parts_of_findings_are_there(text: str) -> None:
    words = "".join(Elements(text).words)
    ids = {attributes.get("id") for _, attributes in Elements(text).found}
    assert {"scores", "explore", "clusters", "duplicates", "outliers", "input", "figures"} <= ids
    assert "600 images of pictures in 3 clusters" in words
    assert "3 is a suggestion, no finding" in words
    assert "No label of these images took part in the clustering." in words
    tiles = [one["data-tiles"] for _, one in Elements(text).found if "data-tiles" in one]
    assert tiles[:3] == ["0,3", "6", "9"]
    assert tiles[-2:] == ["0,12", "20,21"]  # the best of the group first; outliers


def test_labels_and_networks_that_took_part_are_told(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", findings=False)
    change_metrics(folder, labels_used=True, features_from="ImageNet-1k, <1.28> million")
    words = "".join(Elements(write_page(folder).read_text()).words)
    assert "Labels of these images took part in the training." in words
    assert "a network that was trained on ImageNet-1k, <1.28> million" in words


def test_without_findings_images_are_chosen_by_distance_and_confidence(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", findings=False, thumbnails=False)
    first, *_ = page_clusters._chosen(read(folder))
    assert list(first.representatives[:3]) == [0, 3, 6]  # the nearest of cluster 0
    assert list(first.doubtful[:3]) == [597, 594, 591]  # the least sure
    assert set(first.random) <= set(range(0, 600, 3))
    text = write_page(folder).read_text()
    assert "Near-duplicates" not in text
    assert data_of(text)["thumbnails"] is None


def test_images_without_a_place_or_a_name(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 30, findings=False, thumbnails=False)
    n = 30
    columns = {"image": range(n), "cluster": np.full(n, -1, np.int32), "x": [np.nan] * n}
    write_assignments(folder / "assignments.csv", columns)
    text = write_page(folder).read_text()
    data = data_of(text)
    assert data["names"] is None
    assert np.isnan(np.frombuffer(base64.b64decode(data["x"]), "<f4")).all()
    assert "30 images have no place on it." in text
    assert [one["name"] for one in data["colourings"][0]["groups"]] == ["noise"]


# --- bytes


def test_the_same_folder_gives_the_same_bytes(run: Path, text: str) -> None:
    assert write_page(run).read_bytes() == text.encode()


def test_large_figures_are_shrunk_and_that_is_told(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    rng = np.random.default_rng(0)
    for name in ("confusion", "silhouette"):
        noise = rng.integers(0, 256, (300, 900, 3), dtype=np.uint8)
        (folder / "figures" / f"{name}.png").write_bytes(png(noise))
    before = sum(path.stat().st_size for path in (folder / "figures").iterdir())
    there = read(folder)
    text = html.render(_page_of(there), _explorer_of(there), budget=1_000_000)
    assert before > 1_500_000
    assert len(text.encode()) < 1_300_000
    assert "of 3 are shown with fewer colours, some smaller" in text


# --- faults


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda run: (run / "metrics.json").unlink(), "has no metrics.json"),
        (lambda run: (run / "metrics.json").write_text("{"), "metrics.json is damaged"),
        (lambda run: change_metrics(run, results=[{}]), "metrics.json is damaged"),
        (lambda run: change_metrics(run, results=[]), "metrics.json is damaged"),
        (lambda run: change_metrics(run, schema=99), "has schema 99"),
        (lambda run: (run / "assignments.csv").unlink(), "assignments.csv is missing or damaged"),
        (lambda run: cut(run / "assignments.csv"), "assignments.csv"),
        (lambda run: (run / "findings.json").write_text("[]"), "findings.json is damaged"),
        (lambda run: write_findings(run, beyond()), "tell of other images"),
        (lambda run: cut(next((run / "thumbnails").glob("*.webp"))), "thumbnails is damaged"),
        (lambda run: (run / "figures" / "embedding.png").write_text("x"), "is damaged .no PNG"),
    ],
)
def test_damage_is_told_and_the_old_page_stays(tmp_path: Path, fault, message: str) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "report.html").write_text("old")
    fault(folder)
    with pytest.raises(InputError, match=message):
        write_page(folder)
    assert (folder / "report.html").read_text() == "old"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def beyond() -> Findings:
    return dataclasses.replace(findings_of(600), outliers=[600])


def test_escapes_of_the_template_are_the_only_markup() -> None:
    source = (Path(html.__file__).parent / "page" / "page.html.jinja").read_text()
    assert not re.search(r"\|\s*safe|autoescape|Markup", source)
