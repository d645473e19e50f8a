"""The report: one page that holds everything and needs nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from model_export.report.document.report import Report
from model_export.report.page.page import render
from tests.support.export import reports
from tflite_serving.contract.codec import to_text

ALWAYS = {"figures", "candidates", "examples", "origin"}
ALL = ALWAYS | {"pareto", "classes", "confusion", "reliability", "layers"}


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._text: list[str] = []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag in {"td", "th", "dt", "dd", "br"}:
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        """With single spaces."""
        return " ".join("".join(self._text).split())

    def values(self, name: str) -> list[str]:
        """Of all attributes of that name."""
        return [value for found, value in self.attributes if found == name]


@cache
def rendered(make: Callable[[], Report]) -> bytes:
    return render(make())


def sections(html: bytes) -> set[str]:
    return set(re.findall(r'<section id="([\w-]+)"', html.decode()))


def section(html: bytes, name: str) -> str:
    match = re.search(rf'<section id="{name}".*?</section>', html.decode(), re.DOTALL)
    assert match is not None
    return Page(match[0].encode()).text


def plots(html: bytes) -> list[str]:
    return re.findall(r"<svg.*?</svg>", html.decode(), re.DOTALL)


@pytest.mark.parametrize("make", [reports.digits, reports.hostile])
def test_the_page_needs_no_network_and_runs_no_script(make: Callable[[], Report]) -> None:
    html = rendered(make)
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(re.match("data:image/(png|jpeg);base64,", value) for value in page.values("src"))
    assert all(value.startswith("#") for value in page.values("href"))
    assert not {"srcset", "action", "background"} & {name for name, _ in page.attributes}
    style = re.findall(r"<style>(.*?)</style>", html.decode(), re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|http", style[0])


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(reports.digits()) == rendered(reports.digits)


def test_a_report_of_ten_classes_stays_small() -> None:
    assert len(rendered(reports.digits)) < 300_000


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (reports.digits, ALL),
        (reports.binary, ALL | {"threshold"}),
        (reports.many_classes, ALL),
        (reports.several_labels, ALL - {"confusion"}),
        (reports.regression, ALL - {"classes", "confusion", "reliability"} | {"values"}),
        (reports.one_candidate, ALL - {"pareto", "layers"}),
    ],
)
def test_a_section_without_data_is_absent(make: Callable[[], Report], expected: set[str]) -> None:
    assert sections(rendered(make)) == expected


def test_each_of_several_outputs_has_sections_of_its_own() -> None:
    html = rendered(reports.several_outputs)
    found = sections(html)
    assert {f"pareto-{number}" for number in range(1, 7)} <= found
    assert {"confusion-1", "threshold-2", "values-3", "classes-4", "confusion-5"} <= found
    assert not {"values-1", "confusion-3", "reliability-3", "confusion-4", "threshold-4"} & found
    assert "Output output_2 regression · " in section(html, "output-3")
    assert "rmse, lower is better 2,312.5 → 2,391.0" in section(html, "output-3")
    assert "outputs.output_2.max_drop 0.0056 of 0.0200 kept" in section(html, "output-3")


def test_of_many_outputs_the_first_have_plots_and_all_have_figures() -> None:
    html = rendered(reports.several_outputs)
    assert "pareto-7" not in sections(html)
    told = section(html, "figures")
    assert "about the first 6 of them" in told
    for output in reports.several_outputs().outputs:
        assert f"{output.name} {output.task.replace('_', ' ')} {output.quality.metric}" in told
    assert section(html, "candidates").count("output_7") == 2
    assert "score of each class" not in section(html, "candidates")
    assert len(render(reports.several_outputs(40))) < 500_000


def test_the_verdict_comes_first_with_its_figures_and_budgets() -> None:
    report = reports.digits()
    text = Page(rendered(reports.digits)).text
    assert text.index(report.verdict) < text.index("89.5 kB → 28.0 kB")
    told = section(rendered(reports.digits), "figures")
    for figure in ("0.9815 → 0.9759", "drop +0.0056", "−0.0051 to +0.0125", "0.0163 ms", "44 MiB"):
        assert figure in told
    assert "gate.max_bytes 28,040 32,000 kept" in told


def test_every_candidate_is_there_with_its_figures_and_its_reason() -> None:
    report = reports.digits()
    told = section(rendered(reports.digits), "candidates")
    for candidate in report.compression.candidates:
        assert candidate.name in told
        assert f"{candidate.bytes:,}" in told
        assert (candidate.why_not or "chosen") in told
    assert told.count("chosen ·") == 1
    assert "scores SOFTMAX digits/scores/Softmax quality 0.0213" in told


def test_the_worst_class_comes_first() -> None:
    told = section(rendered(reports.binary), "classes")
    assert told.index("ham") < told.index("spam")


def test_of_many_classes_those_that_changed_most_are_shown() -> None:
    html = rendered(reports.many_classes)
    assert "the 20 of 100 classes that changed most." in section(
        rendered(reports.many_classes), "classes"
    )
    assert section(html, "classes").count("some longer name") == 20
    assert "the 20 of" in section(html, "confusion")
    assert section(html, "confusion").count("some longer name") == 40


def test_a_thousand_classes_do_not_make_the_page_long() -> None:
    report = reports.many_classes(1000)
    assert len(render(report)) < 300_000
    assert len(to_text(report)) < 2_000_000


def test_classes_without_examples_are_left_out() -> None:
    report = reports.binary()
    classes = tuple(replace(row, examples=0) for row in report.outputs[0].classes)
    assert "classes" not in sections(render(reports.with_output(report, classes=classes)))


def test_each_label_has_its_threshold_and_both_kinds_of_mistakes() -> None:
    told = section(rendered(reports.several_labels), "classes")
    assert "label threshold recall before after change" in told
    assert "politics 0.5 → 0.27" in told
    # Python's split takes a no-break space for one.
    assert "100.0 % – 30" in told


def test_a_threshold_is_shown_among_others() -> None:
    told = section(rendered(reports.binary), "threshold")
    assert "A score of 0.41 or more means spam" in told
    assert "the Keras model is judged at 0.5, as it is used." in told
    assert "Both models are judged at it." not in told
    (plot,) = [plot for plot in plots(rendered(reports.binary)) if "plot-threshold" in plot]
    assert "At a threshold of 0.41: accuracy of the Keras model 0.8900, published 0.8800" in plot


def test_values_of_a_regression_are_shown_against_the_truth_in_their_units() -> None:
    html = rendered(reports.regression)
    told = section(html, "values")
    assert "1,812.4 1,893.2 −12.30 +28.10 1,231.9 60,012.3" in told
    assert "All in EUR." in told
    assert "300 of 1,200 examples" in told
    (plot,) = [plot for plot in plots(html) if "plot-values" in plot]
    assert ">truth, EUR<" in plot
    # Points are one path for each model, and not hundreds of marks.
    assert plot.count("<use") < 30


def test_the_confusion_is_told_as_a_difference() -> None:
    assert "ham −2 +2 spam −1 +1" in section(rendered(reports.binary), "confusion")
    assert "no count changed" in section(rendered(reports.one_candidate), "confusion")


def test_changed_examples_are_shown_and_the_others_counted() -> None:
    told = section(rendered(reports.digits), "examples")
    assert "24 of 31, the most telling ones first; 7 more are not shown." in told
    assert told.count("before") == 24
    assert "now wrong" in told
    assert len(Page(rendered(reports.digits)).values("src")) == 24
    assert "words 12 sender missing … 7 more" in section(rendered(reports.binary), "examples")
    assert "the match would be played" in section(rendered(reports.several_labels), "examples")
    assert "before 243112 EUR" in section(rendered(reports.regression), "examples")


def test_small_pictures_alone_are_enlarged_pixel_by_pixel() -> None:
    images = re.findall(r"<img[^>]*>", rendered(reports.digits).decode())
    assert len([image for image in images if 'class="small"' in image]) == 18


def test_it_says_when_no_answer_changed() -> None:
    assert "No answer changed" in section(rendered(reports.one_candidate), "examples")


def test_layers_are_summed_up() -> None:
    assert "total 4 21,776 22,208 79 % of the file 8.2 49 %" in section(
        rendered(reports.digits), "layers"
    )


def test_pruning_is_told() -> None:
    assert "Pruned by magnitude to 50 % zeros in each layer, at once, with 3 epochs" in section(
        rendered(reports.digits), "layers"
    )
    assert "Nothing was pruned." in section(rendered(reports.binary), "layers")


def test_recipe_command_and_provenance_are_there() -> None:
    report = reports.digits()
    told = section(rendered(reports.digits), "origin")
    assert " ".join(report.recipe.split()) in told
    assert report.reproduce in told
    assert report.provenance.source_sha256 in told
    assert "numpy 2.4.1" in told


@pytest.mark.parametrize(
    "make", [reports.digits, reports.regression, reports.hostile, reports.several_outputs]
)
def test_plots_are_well_formed_and_described(make: Callable[[], Report]) -> None:
    for plot in plots(rendered(make)):
        root = ET.fromstring(plot)  # noqa: S314  # our own
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert root[0].tag.endswith("title")
        assert root.get("viewBox")
        assert root.get("width") is None


@pytest.mark.parametrize(
    ("make", "count"), [(reports.digits, 2), (reports.several_outputs, 6 + 5 + 2 + 1)]
)
def test_ids_are_unique_in_the_page_and_found(make: Callable[[], Report], count: int) -> None:
    page = Page(rendered(make))
    ids = page.values("id")
    assert len(plots(rendered(make))) == count
    assert len(set(ids)) == len(ids)
    references = [value.removeprefix("#") for value in page.values("href")]
    references += [value[5:-1] for value in page.values("clip-path")]
    assert references
    assert set(references) <= set(ids)


def test_plots_have_the_colours_of_the_page() -> None:
    for plot in plots(rendered(reports.digits)):
        assert "var(--ink)" in plot or "var(--soft)" in plot
        assert not re.search(r"(fill|stroke): #", plot)
        assert "font-family" not in plot


def test_a_quality_that_is_no_number_is_not_drawn() -> None:
    report = reports.digits()
    candidates = tuple(
        replace(each, quality=math.nan, outputs=(replace(each.outputs[0], quality=math.nan),))
        if each.name == "weight_int4"
        else each
        for each in report.compression.candidates
    )
    changed = replace(report, compression=replace(report.compression, candidates=candidates))
    assert "weight_int4" not in plots(render(changed))[0]
    assert "not a number" in section(render(changed), "candidates")


def test_names_cannot_become_part_of_the_page() -> None:
    html = rendered(reports.hostile)
    page = Page(html)
    assert b"<script" not in html
    assert b"onerror=alert(1)>" not in html
    assert set(page.values("src")) <= _pictures()
    assert page.text.count("<script>alert(1)</script>") > 20
    assert "{{ 7*7 }}" in page.text
    assert "#010203" in page.text
    assert "\u202e" not in page.text
    assert b"\x00" not in html


def _pictures() -> set[str]:
    return {
        picture
        for example in reports.hostile().outputs[0].changed
        for picture in example.pictures.values()
    }
