"""Plots become SVG that belongs to the page."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib.figure import Figure

from model_export.report.plots.svg import ACCENT, inline_svg, plotting


def drawn(name: str = "plot", label: str = "a < b & $x$") -> Markup:
    with plotting():
        figure = Figure((2, 2))
        axes = figure.subplots()
        axes.plot((0, 1 / 3, 1), (0, 2 / 3, 1), "o-", color=ACCENT)
        axes.set_xlabel(label)
        return inline_svg(figure, name, "Title", 'what it "shows"')


def test_the_same_figure_is_the_same_bytes() -> None:
    assert drawn() == drawn()


def test_it_is_described_for_those_who_do_not_see_it_and_fits_any_width() -> None:
    root = ET.fromstring(drawn())  # noqa: S314  # our own
    assert (root.get("role"), root.get("aria-label")) == ("img", 'what it "shows"')
    assert root[0].text == "Title"
    assert root.get("viewBox")
    assert (root.get("width"), root.get("height")) == (None, None)


def test_it_has_the_colours_and_the_font_of_the_page() -> None:
    svg = drawn()
    assert "var(--accent)" in svg
    assert not re.search(r"(fill|stroke): #", svg)
    assert "font-family" not in svg
    assert "<style" not in svg


def test_its_ids_begin_with_its_name_and_each_is_needed() -> None:
    svg = drawn("one")
    ids = re.findall(r' id="([^"]+)"', svg)
    assert ids
    assert all(each.startswith("one-") for each in ids)
    assert {*re.findall(r"[#]([\w-]+)", svg)} == set(ids)


def test_words_are_text_and_cannot_become_part_of_the_page() -> None:
    assert ">a &lt; b &amp; $x$</text>" in drawn()


def test_no_number_has_more_decimals_than_are_seen() -> None:
    paths = "".join(re.findall(r' d="([^"]+)"', drawn()))
    assert not re.search(r"\.\d\d\d", paths)
