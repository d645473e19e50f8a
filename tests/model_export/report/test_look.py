"""The report as a browser draws it: on a phone and on a desk, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from model_export.report.document.report import Report
from model_export.report.page.page import render
from tests.support.export import reports
from tests.support.programs.browser import Look, look_at

WIDTHS = (360, 390, 1200)
KINDS: dict[str, Callable[[], Report]] = {
    "digits": reports.digits,
    "binary": reports.binary,
    "labels": reports.several_labels,
    "regression": reports.regression,
    "several-outputs": partial(reports.several_outputs, 4),
    "many-classes": reports.many_classes,
    "one-candidate": reports.one_candidate,
    "hostile": reports.hostile,
}
BROKEN = b"""<!doctype html><meta charset="utf-8">
<style>body { background: #fff; color: #999; margin: 0; }</style>
<p style="width: 9999px">wide</p>
<p style="width: 10px; overflow: hidden; white-space: nowrap">a long line</p>
<section></section>
<img src="data:image/png;base64,AAAA">
<svg viewBox="0 0 100 100"><text x="10" y="50">one</text><text x="12" y="52">two</text></svg>
<svg viewBox="0 0 100 100"><text x="90" y="50">beyond</text></svg>
"""


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def looks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int], Look]:
    pages = {kind: render(make()) for kind, make in KINDS.items()}
    folder = tmp_path_factory.mktemp("pages")
    found = look_at(pages, WIDTHS, folder, dark=request.param)
    assert {look.dark for look in found} == {request.param}
    return {(look.page, look.width): look for look in found}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_or_empty_or_hard_to_read(
    kind: str, width: int, looks: dict[tuple[str, int], Look]
) -> None:
    assert looks[kind, width].problems == ()


def test_the_look_finds_what_is_wrong(tmp_path: Path) -> None:
    (look,) = look_at({"broken": BROKEN}, [390], tmp_path, dark=False)
    told = "\n".join(look.problems)
    for problem in (
        "the page is 9999 px wide",
        "sticks out",
        "cut off",
        "has no size",
        "is empty",
        "has nothing under its heading",
        "is no picture",
        "contrast 2.85",
        "outside of its plot",
        "overlaps two",
    ):
        assert problem in told


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_a_browser_tests_are_skipped_but_not_where_all_must_run(
    ci: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="not installed: chromium"):
        look_at({}, [], tmp_path, dark=False)
