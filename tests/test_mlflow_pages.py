"""`tagbench ui`: MLflow's pages on a finished study, driven in a real browser; and how the command ends."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psutil
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from bench.cli import exit_code
from tests.browser import chromium
from tests.conftest import TAGBENCH, StudyOnDisk

PATIENCE = 120  # seconds, on a busy machine
IGNORED = [StaleElementReferenceException]  # the page draws a table anew while it is looked at
CELLS = {f"{label} · {size} · seed 0" for label in ("prior", "linear") for size in (6, 12)}


@pytest.fixture(scope="module")
def ui(finished_study: StudyOnDisk) -> Iterator["subprocess.Popen[str]"]:
    """The command, serving the finished study at the address that its attribute `args` ends with."""
    command = [TAGBENCH, "ui", str(finished_study.out), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        served.args = [*command, served.stdout.readline().strip()]
        yield served
        if served.poll() is None:
            served.terminate()


@pytest.fixture(scope="module")
def browser(ui: "subprocess.Popen[str]", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser that has chosen machine learning, where MLflow's pages begin with language models."""
    with chromium(tmp_path_factory.mktemp("profile"), width=1920, height=1080) as started:
        started.get(address_of(ui).split("#")[0])
        seen(started, "//*[text()='Model training']").click()
        seen(started, "//button[@aria-label='Close']").click()  # of an assistant that takes a third of the width
        yield started


def address_of(ui: "subprocess.Popen[str]") -> str:
    assert isinstance(ui.args, list)
    return str(ui.args[-1])


def seen(browser: Chrome, path: str) -> WebElement:
    """Wait for the first element of an XPath that can be seen."""

    def look(_: Chrome) -> WebElement | Literal[False]:
        return next((found for found in browser.find_elements(By.XPATH, path) if found.is_displayed()), False)

    return WebDriverWait(browser, PATIENCE, ignored_exceptions=IGNORED).until(look)


def names_in(browser: Chrome, count: int) -> set[str]:
    """Wait until the table of runs has so many rows, and return the names of the runs."""
    path = "//*[contains(@class, 'ag-pinned-left-cols-container')]//a"

    def look(_: Chrome) -> set[str] | Literal[False]:
        names = {found.text for found in browser.find_elements(By.XPATH, path)}
        return len(names) == count and names

    return WebDriverWait(browser, PATIENCE, ignored_exceptions=IGNORED).until(look)


@pytest.mark.slow
def test_from_the_list_of_experiments_one_finds_the_study_above_its_cells(
    browser: Chrome, ui: "subprocess.Popen[str]"
) -> None:
    browser.get(address_of(ui).split("#")[0])
    seen(browser, "//*[text()='Model training']").click()  # some pages, as that of Compare, fall back
    seen(browser, "//a[text()='Experiments']").click()
    seen(browser, "//a[text()='small']").click()
    assert names_in(browser, 1) == {"small"}
    seen(browser, "//p[contains(., 'Tones against noise.')]")
    seen(browser, "//a[.='small' and contains(@href, '/runs/')]/ancestor::*[@role='gridcell']//button").click()
    assert names_in(browser, 5) == {"small"} | CELLS


@pytest.mark.slow
def test_the_printed_address_shows_the_cells_by_size_in_the_columns_of_table_1(
    browser: Chrome, ui: "subprocess.Popen[str]"
) -> None:
    browser.get(address_of(ui))
    assert names_in(browser, 5) == {"small"} | CELLS
    seen(browser, "//*[@data-testid='saved-views-trigger' and .='Table 1']")
    headers = sorted(browser.find_elements(By.CSS_SELECTOR, ".ag-header-cell"), key=lambda header: header.location["x"])
    shown = ["family", "n_train", "seed", "roc_auc", "pr_auc", "rmse", "train_seconds"]
    assert [header.text for header in headers if header.text in shown] == shown
    sizes = [found.text for found in browser.find_elements(By.CSS_SELECTOR, "[col-id='params.`n_train`'].ag-cell")]
    assert sizes == ["12", "12", "6", "6", "-"]


@pytest.mark.slow
def test_cells_that_are_selected_and_compared_stand_side_by_side_in_charts(
    browser: Chrome, ui: "subprocess.Popen[str]"
) -> None:
    browser.get(address_of(ui))
    names_in(browser, 5)
    for row in browser.find_elements(By.XPATH, "//*[@role='row' and .//a[contains(., 'seed 0')]]"):
        row.find_element(By.CSS_SELECTOR, ".ag-selection-checkbox input").click()
    seen(browser, "//button[.='Compare']").click()
    seen(browser, "//*[contains(text(), 'Comparing 4 Runs')]")
    chart = seen(browser, "//*[contains(@class, 'js-plotly-plot')]")
    drawn = WebDriverWait(browser, PATIENCE, ignored_exceptions=IGNORED).until(
        lambda _: {"family", "label", "n_train", "roc_auc"} <= set(chart.text.split()) and chart.text
    )
    assert {"prior", "linear"} <= set(str(drawn).split())
    page = browser.find_element(By.TAG_NAME, "body").text
    assert all(name in page for name in CELLS)


@pytest.mark.slow
def test_the_study_has_its_table_among_its_artifacts_and_a_cell_its_model(
    browser: Chrome, ui: "subprocess.Popen[str]"
) -> None:
    browser.get(address_of(ui))
    names_in(browser, 5)
    seen(browser, "//a[.='small' and contains(@href, '/runs/')]").click()
    seen(browser, "//p[contains(., 'The child runs are its cells')]")
    seen(browser, "//*[@role='tab' and .='Artifacts']").click()
    for name in ("figures", "table1.csv", "table1.md"):
        seen(browser, f"//*[text()='{name}']")
    seen(browser, "//*[text()='table1.md']").click()
    seen(browser, "//*[text()='Training tracks']")
    browser.back()
    seen(browser, "//a[.='linear · 12 · seed 0']").click()
    seen(browser, "//p[contains(., 'linear, trained on 12 tracks with seed 0')]")
    seen(browser, "//a[.='model']")


@pytest.mark.slow
def test_ctrl_c_ends_the_command_in_order_and_leaves_no_process(finished_study: StudyOnDisk) -> None:
    command = [TAGBENCH, "ui", str(finished_study.out), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        assert served.stderr is not None
        served.stdout.readline()
        below = psutil.Process(served.pid).children(recursive=True)
        assert len(below) >= 2
        served.send_signal(signal.SIGINT)
        assert served.wait(PATIENCE) == 0
        assert served.stderr.read().splitlines() == ["MLflow starts; that takes some seconds."]
    gone, left = psutil.wait_procs(below, timeout=PATIENCE)
    assert not left
    assert gone


def test_what_cannot_be_served_is_told_in_one_line(
    finished_study: StudyOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            ([str(tmp_path / "nowhere")], "there is no folder"),
            ([str(tmp_path)], "has no mlflow.db"),
            ([str(finished_study.out), "--port", port], f"port {port}: Address already in use; try another --port"),
            ([str(finished_study.out), "--host", "no.such.host.invalid"], "try another --port"),
        ]
        for arguments, told in cases:
            assert exit_code(["ui", *arguments]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert told in line
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    assert exit_code(["ui", str(tmp_path)]) == 2
    assert "was logged to http://elsewhere:5000" in capsys.readouterr().err


def test_a_database_that_is_damaged_is_told_in_one_line_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    before = psutil.Process().children(recursive=True)
    assert exit_code(["ui", str(tmp_path), "--port", "0"]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert line == (
        f"tagbench: {tmp_path / 'mlflow.db'} is damaged (file is not a database); "
        f"tagbench sync {tmp_path} makes it anew from the finished cells"
    )
    assert psutil.Process().children(recursive=True) == before
    assert (tmp_path / "mlflow.db").read_text() == "no database"
