"""The report: one page that holds everything and needs nothing."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model_export.package import Description
from model_export.report.page import render
from tests.support.tiny import write_tiny_artifact
from tflite_serving.contract.evidence import Candidate, Compression, Latency, Pruning

EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def candidate(
    name: str, size: int, *, chosen: bool = False, why_not: str | None = None
) -> Candidate:
    return Candidate(
        name, size, size // 2, 0.25, 0.96875, Latency(0.0125, 0.5), 41.6, chosen, why_not
    )


@pytest.fixture
def description(tmp_path: Path) -> Description:
    manifest = write_tiny_artifact(tmp_path)
    names = Description.__dataclass_fields__
    described = Description(**{name: getattr(manifest, name) for name in names})
    candidates = (
        candidate("float32", 4000, why_not="passes, but static_int8 is smaller"),
        candidate("static_int8", 1234567, chosen=True),
        candidate("dynamic_int8", 1, why_not="accuracy drops by 0.2000"),
    )
    pruning = Pruning("magnitude", 0.5, "constant", 3, ("edges", "hidden"))
    return replace(described, compression=Compression("static_int8", candidates, pruning))


def test_the_page_needs_no_network_and_runs_no_script(description: Description) -> None:
    html = render(description)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "srcset"} & set(page.attributes)
    assert not [name for name in page.attributes if name.startswith("on")]
    for reference in (b"http:", b"https:", b"url(", b"@import"):
        assert reference not in html


def test_every_candidate_is_there_with_its_figures_and_its_reason(
    description: Description,
) -> None:
    text = Page(render(description)).text
    for name in ("float32", "static_int8", "dynamic_int8"):
        assert name in text
    for figure in ("1,234,567", "617,283", "0.9688", "25 %", "0.0125", "0.5000", "42"):
        assert figure in text
    assert "passes, but static_int8 is smaller" in text
    assert "accuracy drops by 0.2000" in text
    assert text.split().count("chosen") == 1


def test_quality_pruning_and_provenance_are_told(description: Description) -> None:
    text = " ".join(Page(render(description)).text.split())
    assert description.verdict in text
    assert "accuracy on 60 examples of tiny" in text
    assert "(95 % interval -0.0100 to +0.0100)" in text
    assert "magnitude, 50 % of edges, hidden; 3 epochs of fine-tuning." in text
    assert "0" * 64 in text
    assert "numpy 2" in text
    assert "a cpu" in text


def test_a_model_that_was_not_pruned_says_so(description: Description) -> None:
    unpruned = replace(description, compression=replace(description.compression, pruning=None))
    assert "None." in Page(render(unpruned)).text


def test_names_cannot_become_part_of_the_page(description: Description) -> None:
    pruning = Pruning(EVIL, 0.5, EVIL, 3, (EVIL,))
    compression = Compression(
        EVIL, (candidate(EVIL, 10, chosen=True), candidate("b", 5, why_not=EVIL)), pruning
    )
    provenance = replace(
        description.provenance, git_commit=EVIL, host_cpu=EVIL, packages={EVIL: EVIL}
    )
    quality = replace(description.quality, metric=EVIL, dataset=EVIL)
    html = render(
        replace(
            description,
            name=EVIL,
            compression=compression,
            provenance=provenance,
            quality=quality,
            outputs=(replace(description.outputs[0], labels=(EVIL, "b", "c")),),
        )
    )
    page = Page(html)
    assert "script" not in page.tags
    assert b"<script" not in html
    assert page.text.count(EVIL) > 8


def test_the_same_description_gives_the_same_page(description: Description) -> None:
    assert render(description) == render(description)
