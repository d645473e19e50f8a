"""How much memory an export of a large model takes, step by step. Linux alone can tell."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compression.data import DataMissing
from benchmarks.compression.document import Block, Table
from benchmarks.compression.recipes import export_command, write_recipe
from model_export import Progress

_MODEL, _SMALL_MODEL = "large", "breast_cancer"
_VARIANTS = ["float32", "static_int8", "dynamic_int8"]
_MIB = 2**20
_BYTES = re.compile(r"([\d,]+) bytes")
_RESET_PEAK = "5"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an export.

    Attributes:
        title: of it.
        seconds: that it took, as it says.
        peak_mib: resident memory of the export's own process while it ran, at its highest; those
            that it starts to measure in are not in it.
        result: what it said.
    """

    title: str
    seconds: float
    peak_mib: float
    result: str


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Exports the large model, or a small one."""
    if not Path("/proc/self/clear_refs").exists():
        raise DataMissing("only Linux tells what a process's memory was at its highest")
    model = _SMALL_MODEL if quick else _MODEL
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        recipe = write_recipe(
            Path(folder),
            model,
            # Latencies are nothing to this part, and the weights are random: any drop is noise.
            {
                "quantize": {"variants": _VARIANTS, "max_tries": 0},
                "measure": {"rounds": 3, "starts": 1},
                "gate": {"max_drop": 1.0},
            },
        )
        with progress.step(model) as step:
            began = time.perf_counter()
            steps = list(watch(export_command(recipe, Path(folder) / "registry")))
            seconds = time.perf_counter() - began
            step.result = f"{max(found.peak_mib for found in steps):,.0f} MiB"
    return _describe(model, steps, seconds)


def watch(command: list[str]) -> Iterator[Step]:
    """Runs an export, and yields its steps as it tells of them.

    Raises:
        RuntimeError: it failed; the message has all that it said.
    """
    words = []
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            words.append(line)
            found = re.match(r"  (\S+) +([\d.]+) s  (.*)", line)
            if found:
                yield Step(found[1], float(found[2]), take_peak_mib(process.pid), found[3])
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}:\n{''.join(words)}")


def take_peak_mib(pid: int) -> float:
    """Peak resident memory of a process since the last call."""
    folder = Path(f"/proc/{pid}")
    found = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
    # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    (folder / "clear_refs").write_text(_RESET_PEAK)
    return int(found[1]) / 1024 if found else 0.0


def _describe(model: str, steps: list[Step], seconds: float) -> list[Block]:
    converted = next(_BYTES.search(step.result) for step in steps if step.title == "convert")
    assert converted is not None
    float32_mib = int(converted[1].replace(",", "")) / _MIB
    peak = max(step.peak_mib for step in steps)
    rows = tuple(
        (
            step.title,
            f"{step.seconds:.1f}",
            f"{step.peak_mib:,.0f}",
            f"{step.peak_mib / float32_mib:.1f}",
        )
        for step in steps
    )
    sentence = (
        f"`{model}`, {', '.join(f'`{variant}`' for variant in _VARIANTS)}: {seconds:.0f} s, and at "
        f"most {peak:,.0f} MiB resident in the process of the export, {peak / float32_mib:.1f} "
        f"times the float32 flatbuffer of {float32_mib:,.1f} MiB."
    )
    return [sentence, Table(("step", "seconds", "peak MiB", "× float32"), rows)]
