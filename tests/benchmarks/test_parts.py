"""What the parts of the compression benchmark conclude, and one of them for real."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.compression import comparison, confidence, memory, rescue, sparse_kernels
from model_export.quality.intervals import matched_pairs_interval
from tests.support.places import ROOT
from tests.support.programs.commands import apart

REFUSED = """\
  measure         0.1 s  static_int8 0.0100 ms

  candidate     accuracy           drop, 95 %    bytes   p50 ms   why not
 ─────────────────────────────────────────────────────────────────────────
  static_int8     0.1000   +0.7840 to +0.8013    9,440   0.0100   accuracy is 0.7928 worse

error: no candidate keeps the budget
"""
BASELINE = comparison.Row(
    model="digits",
    form="float32",
    preferred=None,
    passes=True,
    accuracy=0.98,
    drop=0.0,
    bytes=1000,
    gzip_bytes=900,
    p50_ms=0.1,
    batch_ms=0.8,
)


def ours(preferred: comparison.Preference, size: float, p50_ms: float) -> comparison.Row:
    return replace(BASELINE, preferred=preferred, bytes=size, p50_ms=p50_ms)


def test_the_summary_compares_with_the_best_baseline_on_the_preferred_axis() -> None:
    faster = replace(BASELINE, form="integer", bytes=2000, p50_ms=0.05)
    size, latency = comparison.summary(
        [BASELINE, faster, ours("size", 500, 9.0), ours("latency", 9000, 0.052)]
    )
    assert "better on digits (0.50)." in size
    assert "equal on digits (1.04)." in latency


def test_a_baseline_that_misses_the_budget_does_not_count() -> None:
    over = replace(BASELINE, form="integer", bytes=10, passes=False)
    size, _ = comparison.summary([BASELINE, over, ours("size", 900, 0.1)])
    assert "better on digits (0.90)." in size


def test_what_is_worse_stands_out() -> None:
    rows = [BASELINE, ours("size", 1001, 0.1), ours("latency", 1000, 0.106)]
    size, latency = comparison.summary(rows)
    assert size.startswith("**")
    assert "worse on digits (1.00)" in size
    assert latency.startswith("**")
    assert "worse on digits (1.06)" in latency


def test_ours_is_worse_when_it_misses_the_budget() -> None:
    size, _ = comparison.summary([BASELINE, replace(ours("size", 1, 0.1), passes=False)])
    assert "worse on digits (0.00)" in size


def test_every_model_is_in_one_group() -> None:
    rows = [BASELINE, replace(BASELINE, model="fashion"), ours("latency", 1, 0.01)]
    rows.append(replace(ours("latency", 1, 0.1), model="fashion"))
    _, latency = comparison.summary(rows)
    assert "better on digits (0.10); equal on fashion (1.00)." in latency


def test_the_table_has_ratios_to_the_best_baseline_column_by_column() -> None:
    faster = replace(BASELINE, form="integer", bytes=2000, p50_ms=0.05)
    (*_, row) = comparison.table([BASELINE, faster, ours("size", 500, 0.1)]).rows
    assert row[1] == "ours, size: `float32`"
    assert row[4] == "**500 (0.50)**"
    assert row[6] == "0.1000 (2.00)"


def test_reasons_are_read_from_what_a_refused_export_prints() -> None:
    table = rescue.why_nots(REFUSED)
    assert table.columns == ("candidate", "accuracy", "bytes", "why not")
    assert table.rows == (("static_int8", "0.1000", "9,440", "accuracy is 0.7928 worse"),)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone can tell")
def test_each_step_has_its_own_peak_of_memory() -> None:
    program = (
        "import sys, time\n"
        "def step(name):\n"
        "    print(f'  {name:<12}    0.5 s  1,000 bytes', file=sys.stderr, flush=True)\n"
        "    time.sleep(0.3)\n"
        "step('small'); b'x' * 100_000_000; step('large'); step('freed')\n"
    )
    small, large, freed = memory.watch([sys.executable, "-c", program])
    assert [step.title for step in (small, large, freed)] == ["small", "large", "freed"]
    assert large.peak_mib > small.peak_mib + 90
    assert freed.peak_mib < large.peak_mib - 90


def test_an_export_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match="exit code 3:\nwhy"):
        list(
            memory.watch(
                [sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"]
            )
        )


def test_fewer_examples_would_not_do() -> None:
    total = confidence.examples(0.01, 0.02)
    changed = [0.01 * count for count in (total, total - 10)]
    enough, short = (
        matched_pairs_interval(each, each, count, 0.95)[1]
        for each, count in zip(changed, (total, total - 10), strict=True)
    )
    assert enough <= 0.01 < short


def test_all_ways_to_store_zeros_answer_alike_and_others_are_noticed() -> None:
    import numpy as np

    # Each form is asked in a process of its own; one fraction of zeros shows what all do.
    made = sparse_kernels.forms(16)
    forms = {key: form for key, form in made.items() if key[0] in (0.0, 0.5)}
    examples = {"x": np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)}
    sparse_kernels.check_answers(forms, examples)
    forms[0.5, "blocks"] = made[0.9, "blocks"]
    with pytest.raises(RuntimeError, match="blocks, 50% zeros: other answers than dense"):
        sparse_kernels.check_answers(forms, examples)


def test_a_quick_run_prints_its_part_and_leaves_the_document_alone() -> None:
    document = ROOT / "docs" / "5-compression.md"
    before = document.read_bytes()
    process = apart("benchmarks.compression", "--quick", "--only", "comparison")
    assert process.returncode == 0, process.stderr
    assert "on breast_cancer" in process.stdout
    assert "TFLiteConverter, dynamic_range" in process.stdout
    assert "Measured on " in process.stdout
    assert document.read_bytes() == before
