"""The page of a study as text: whole, self-contained, escaped, and the same for the same records."""

import base64
import hashlib
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import Tag
from bench.record import DataRecord
from reports.report import PAGE_FILE, write_report
from tests.factories import SCORED_TAGS, make_scores, make_test_part, write_scored_study

VOID = {"meta", "link", "input", "br", "line", "circle", "path", "use", "rect", "clippath"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "](javascript:alert(1)) ![](http://example.org/x.png)",
)


class Page(HTMLParser):
    """What a browser would find in a page: elements in order with their attributes, and the text of each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self.open[-1] if self.open else "", []).append(data)

    def values(self, *names: str) -> list[str]:
        return [value or "" for _, attrs in self.elements for name, value in attrs.items() if name in names]


def write_small(
    out: Path,
    tags: Iterable[Tag] = SCORED_TAGS,
    labels: tuple[str, ...] = ("gbt", "waveform", "spectrogram"),
    sizes: tuple[int, ...] = (40,),
    **changes: object,
) -> Path:
    test = make_test_part(tags=tuple(tags))
    scores = {
        (label, size, 0): make_scores(test, skill=0.2 + place / 10, seed=size)
        for place, label in enumerate(labels)
        for size in sizes
    }
    return write_scored_study(out, test, scores, **changes)  # type: ignore[arg-type]  # fields of records


def page_of(out: Path) -> str:
    write_report(out)
    return (out / PAGE_FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(write_small(tmp_path_factory.mktemp("small"), sizes=(40, 320)))


def test_elements_are_closed_and_ids_unique_and_every_link_leads_somewhere(small: str) -> None:
    page = Page(small)
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = [value.removeprefix("#") for value in page.values("href") if value != "data:,"]
    assert len(links) > 10
    assert set(links) | set(page.values("aria-labelledby")) <= set(ids)


def test_nothing_is_asked_for_from_anywhere(small: str) -> None:
    page = Page(small)
    assert all(
        value.startswith(("#", "data:")) for value in page.values("href", "src", "srcset", "xlink:href", "action")
    )
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", small)
    assert "http:" not in without_names
    assert "https:" not in without_names
    assert "@import" not in small
    assert re.findall(r"url\((?!#)", small) == []


def test_the_policy_forbids_all_loads_and_lets_only_the_pages_own_script_run(small: str) -> None:
    (policy,) = [attrs["content"] or "" for _, attrs in Page(small).elements if "http-equiv" in attrs]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    (script,) = Page(small).text["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert all("http" not in value and "*" not in value for value in rules.values())
    assert not [name for _, attrs in Page(small).elements for name in attrs if name.startswith("on")]


def test_names_are_text_whatever_they_are(tmp_path: Path) -> None:
    """A page of hostile names has the very elements that a page of plain ones has."""
    pages = []
    for folder, names in (("plain", [f"plain {place}" for place in range(len(HOSTILE))]), ("hostile", HOSTILE)):
        tags = [Tag(name, "classification", f"of {name}", f"apart {names[0]}") for name in names]
        out = write_small(tmp_path / folder, tags, tuple(names[:3]), corpus_note=names[1])
        (out / "rejected.csv").write_text(f'path,reason\n"{names[0]}","{names[2]}"\n')
        (out / "study.toml").write_text(f"name = '''{names[1]}'''\nnote = '''{names[3]}'''\n", encoding="utf-8")
        pages.append(Page(page_of(out)))
    plain, hostile = pages
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    for name in HOSTILE:
        assert name in hostile.text["th"]
    assert HOSTILE[1] in hostile.text["h1"]
    assert any(HOSTILE[3] in text for text in hostile.text["code"])


def test_the_same_records_give_the_same_page_whatever_the_time_took(tmp_path: Path) -> None:
    pages = [page_of(write_small(tmp_path / str(seconds), train_seconds=seconds)) for seconds in (1.0, 100.0)]
    assert pages[0] == pages[1]


def test_every_table_says_what_its_columns_are_and_scrolls_by_itself(small: str) -> None:
    page = Page(small)
    heads = [attrs for tag, attrs in page.elements if tag == "th"]
    assert all(attrs.get("scope") in {"col", "row", "rowgroup"} for attrs in heads)
    for before, (tag, _) in zip(page.elements, page.elements[1:], strict=False):
        if tag == "table":
            assert before[1]["role"] == "region"
            assert before[1]["aria-label"]
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table")


def test_table_1_stands_first_with_each_interval_and_delta_across_its_pair(small: str) -> None:
    table = small.split('<section id="table-1"')[1].split("</table>")[0]
    assert table.index("320 training tracks") < table.index("40 training tracks")
    cells = re.findall(r'<td class="number[^>]*>(.*?)</td>', table, re.S)
    values = [cell for cell in cells if "<small>" in cell]
    assert len(values) == 2 * (3 * 3 + 3)
    for cell in values:
        value, low, high = (
            float(number.replace("−", "-"))
            for number in re.fullmatch(
                r"(?:<strong>)?([\d.+−]+).*?<small>([\d.+−]+)(?:–| to )([\d.+−]+)<.*", cell, re.S
            ).groups()  # type: ignore[union-attr]
        )
        assert low <= high
        assert low <= value <= high
    assert len(re.findall('rowspan="2"', table)) == 2 * 3


def test_a_tag_that_is_not_scored_has_dashes_and_sorts_as_without_a_value(tmp_path: Path) -> None:
    test = make_test_part()
    test.targets[:, 0] = 0
    test.targets[0, 0] = 1
    scores = {("gbt", 40, 0): make_scores(test, skill=0.3)}
    page = page_of(write_scored_study(tmp_path, test, scores))
    row = page.split('data-value="baroque"')[1].split("</tr>")[0]
    assert row.count(">–</td>") == 1
    assert 'data-value="1"' in row  # its positives


def test_sections_without_anything_to_say_are_absent(tmp_path: Path) -> None:
    headings = "".join(Page(page_of(write_small(tmp_path))).text["h2"])
    assert "Table 1" in headings
    assert "Against training size" not in headings
    assert "The data" not in headings


def test_what_was_refused_is_listed(tmp_path: Path) -> None:
    out = write_small(tmp_path)
    found = DataRecord(
        corpus="tiny", corpus_version="1", corpus_note="", n_tracks=300, refused={"silent": 250}, noted={},
        parts={"train": 20, "valid": 10, "test": 20}, groups={"train": 2, "valid": 1, "test": 2}, hours=1.0,
        rates={16000: 50}, duplicates=0, leaking={}, dropped=0, too_short=0, shared_groups=[],
    )  # fmt: skip
    found.save(out)
    lines = [f"songs/{number}.mp3,silent" for number in range(250)]
    (out / "rejected.csv").write_text("\n".join(["path,reason", *lines]))
    page = page_of(out)
    assert "songs/199.mp3" in page
    assert "songs/200.mp3" not in page
    assert "And 50 more" in page


def test_provenance_has_the_digests_and_the_study_file(tmp_path: Path) -> None:
    out = write_small(tmp_path, versions={"numpy": "2.0"}, train_digest="abc123")
    page = page_of(out)
    assert "abc123" in page
    assert "numpy 2.0" in page
    assert "[split]" in page


def test_drawings_take_the_pages_black_and_white(small: str) -> None:
    drawings = re.findall(r'<svg[^>]*class="drawing".*?</svg>', small, re.S)
    assert len(drawings) == 3
    for drawing in drawings:
        assert "#000000" not in drawing
        assert "#ffffff" not in drawing
        assert "currentColor" in drawing
    assert np.unique([len(drawing) for drawing in drawings]).size > 1
