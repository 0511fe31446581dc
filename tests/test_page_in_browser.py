"""The page of a study in a real Chromium, opened from disk: what can be clicked, typed, heard, and printed."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from bench.corpus import Tag
from bench.excerpts import excerpt_file
from reports.qualitative import told_tracks
from reports.report import PAGE_FILE, write_report
from tests.browser import chromium
from tests.factories import make_scores, make_test_part, write_scored_study

pytestmark = pytest.mark.slow

TAGS = (
    *(Tag(name, "classification", "genre") for name in ("rock", "jazz", "blues")),
    *(Tag(name, "classification", "instrument") for name in ("flute", "organ")),
    *(Tag(name, "regression", "mood") for name in ("energy", "tempo")),
)
PHONE, DESK = (360, 740), (1280, 900)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    test = make_test_part(tags=TAGS)
    skill = {"gbt": 0.1, "waveform": 0.05, "spectrogram": 0.2}
    scores = {
        (label, size, 0): make_scores(test, skill=known + size / 2000, seed=size)
        for label, known in skill.items()
        for size in (40, 320)
    }
    write_scored_study(out, test, scores)
    write_sounds(out)
    write_report(out)
    return out / PAGE_FILE


def write_sounds(out: Path) -> None:
    """Write two seconds of a tone as the excerpt of each track that the report tells of."""
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    for track in told_tracks(out):
        file = out / excerpt_file(track)
        file.parent.mkdir(exist_ok=True)
        soundfile.write(file, tone, 16000, format="MP3")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(started: Chrome, page: Path) -> Iterator[Chrome]:
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    show(started, *DESK)
    log(started, "performance")
    started.get(page.as_uri())
    yield started
    assert log(started, "browser") == []
    assert [url for url in requested(started) if url != page.as_uri() and not url.startswith("data:")] == []


def log(browser: Chrome, kind: str) -> list[dict[str, str]]:
    """Return, once, what Chromium has logged of a kind."""
    entries: list[dict[str, str]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def requested(browser: Chrome) -> list[str]:
    messages = (json.loads(entry["message"])["message"] for entry in log(browser, "performance"))
    return [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]


def show(browser: Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(browser: Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def shown_table(browser: Chrome) -> WebElement:
    (table,) = [one for one in browser.find_elements(By.CSS_SELECTOR, ".sortable table") if one.is_displayed()]
    return table


def head(browser: Chrome, heading: str) -> WebElement:
    found = shown_table(browser).find_elements(By.CSS_SELECTOR, "thead th")
    (one,) = [each for each in found if each.text.startswith(heading)]
    return one


def column(browser: Chrome, heading: str) -> list[str]:
    """Return the texts of the shown rows in a column, without their intervals."""
    heads = shown_table(browser).find_elements(By.CSS_SELECTOR, "thead th")
    number = [each.text.startswith(heading) for each in heads].index(True)
    rows = shown_table(browser).find_elements(By.CSS_SELECTOR, "tbody tr")
    cells = [row.find_elements(By.CSS_SELECTOR, "th, td")[number] for row in rows if row.is_displayed()]
    return [cell.text.splitlines()[0] for cell in cells]


def test_a_click_sorts_a_column_and_another_turns_it_round(browser: Chrome) -> None:
    for order, reverse in (("descending", True), ("ascending", False)):
        head(browser, "gbt").find_element(By.TAG_NAME, "button").click()
        values = [float(text) for text in column(browser, "gbt")]
        assert values == sorted(values, reverse=reverse)
        assert len(set(values)) > 1
        assert head(browser, "gbt").get_attribute("aria-sort") == order
    head(browser, "Tag").find_element(By.TAG_NAME, "button").click()
    assert column(browser, "Tag") == ["blues", "flute", "jazz", "organ", "rock"]
    assert head(browser, "gbt").get_attribute("aria-sort") is None


def test_a_column_is_sorted_with_the_keyboard_alone(browser: Chrome) -> None:
    search = browser.find_element(By.CSS_SELECTOR, ".controls input")
    search.click()
    for _ in range(20):
        if browser.switch_to.active_element.text.startswith("Tag"):
            break
        browser.switch_to.active_element.send_keys(Keys.TAB)
    for key, names in ((Keys.ENTER, sorted), (Keys.SPACE, lambda all_: sorted(all_, reverse=True))):
        browser.switch_to.active_element.send_keys(key)
        assert column(browser, "Tag") == names(["blues", "flute", "jazz", "organ", "rock"])
    outline = browser.switch_to.active_element.value_of_css_property("outline-style")
    assert outline == "solid"


def test_typing_filters_tags_by_name_and_by_category(browser: Chrome) -> None:
    search = browser.find_element(By.CSS_SELECTOR, ".controls input")
    for typed, names in (("JAZ", ["jazz"]), ("instrument", ["flute", "organ"]), ("no such", [])):
        search.send_keys(typed)
        assert column(browser, "Tag") == names
        assert browser.find_element(By.CSS_SELECTOR, ".controls output").text == f"{len(names)} of 5 tags"
        search.send_keys(Keys.BACKSPACE * len(typed))
    assert len(column(browser, "Tag")) == 5


def test_size_and_measure_are_chosen(browser: Chrome) -> None:
    size = Select(browser.find_element(By.NAME, "size"))
    measure = Select(browser.find_element(By.NAME, "measure"))
    largest = column(browser, "gbt")
    size.select_by_visible_text("40")
    assert column(browser, "gbt") != largest
    measure.select_by_value("rmse")
    assert column(browser, "Tag") == ["energy", "tempo"]
    size.select_by_visible_text("320")
    measure.select_by_value("roc_auc")
    assert column(browser, "gbt") == largest


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_light_and_in_dark(browser: Chrome, scheme: str) -> None:
    prefer(browser, scheme)
    paper = luminance(browser, "body", "background-color")
    assert (paper > 0.8) == (scheme == "light")
    for text in ("h1", "td", "td small", "caption", "nav a", "summary", "figcaption, .tiles dt"):
        ink = luminance(browser, text, "color")
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, text
    drawn = luminance(browser, ".drawing", "color")
    assert abs(drawn - paper) > 0.5


def test_an_excerpt_plays_and_stops_when_another_begins(browser: Chrome) -> None:
    first, second = browser.find_elements(By.TAG_NAME, "audio")[:2]
    wait = WebDriverWait(browser, 20, poll_frequency=0.05)
    for player in (first, second):
        press_play(browser, player)
        wait.until(partial(has_played, player))
    assert first.get_property("paused")
    assert not second.get_property("paused")
    press_play(browser, second)
    wait.until(lambda _: second.get_property("paused"))


def has_played(player: WebElement, _: object) -> bool:
    return float(str(player.get_property("currentTime"))) > 0.1


def press_play(browser: Chrome, player: WebElement) -> None:
    """Click where a player has its button: at its left end."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", player)
    left = 18 - player.size["width"] // 2
    ActionChains(browser).move_to_element_with_offset(player, left, 0).click().perform()


def luminance(browser: Chrome, selector: str, name: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    colour = browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property(name)
    channels = [float(part) / 255 for part in colour.split("(")[1].rstrip(")").split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_no_page_is_wider_than_its_screen(browser: Chrome, size: tuple[int, int]) -> None:
    show(browser, *size)
    for details in browser.find_elements(By.CSS_SELECTOR, "main details:not(.choice)"):
        browser.execute_script("arguments[0].open = true", details)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]


def test_it_prints_with_everything_open_and_no_controls(browser: Chrome) -> None:
    before = browser.find_elements(By.CSS_SELECTOR, "details[open]")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    assert browser.find_elements(By.CSS_SELECTOR, "details[open]") == before
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element(By.CSS_SELECTOR, ".controls").is_displayed()
    assert not browser.find_element(By.CSS_SELECTOR, "nav").is_displayed()
    assert not any(one.is_displayed() for one in browser.find_elements(By.TAG_NAME, "audio"))
    assert all(one.is_displayed() for one in browser.find_elements(By.CSS_SELECTOR, ".sortable table"))


def test_all_is_there_without_a_script(browser: Chrome, page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        assert not browser.find_element(By.CSS_SELECTOR, ".controls").is_displayed()
        assert browser.find_elements(By.CSS_SELECTOR, "thead button") == []
        for summary in browser.find_elements(By.CSS_SELECTOR, ".choice:not([open]) > summary"):
            summary.click()
        assert all(one.is_displayed() for one in browser.find_elements(By.CSS_SELECTOR, ".sortable table"))
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_keyboard_reaches_the_table_first(browser: Chrome) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to Table 1"
    skip.send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: browser.current_url.endswith("#table-1"))
