"""What libraries write to stderr is held back until it is needed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
from model_export.errors import GateError
from model_export.console.native_logs import native_logs_held_back
with native_logs_held_back() as stderr:
    os.write(2, b"chatter of C++\\n")
    print("chatter of Python", file=sys.stderr)
    stderr.write("for people\\n")
    {end}
os.write(2, b"afterwards\\n")
"""


def stderr_of(end: str) -> list[str]:
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)], capture_output=True, text=True, check=False
    )
    assert process.stdout == ""
    return process.stderr.splitlines()


def test_what_is_for_people_is_shown_and_chatter_is_not() -> None:
    assert stderr_of("pass") == ["for people", "afterwards"]


def test_an_error_that_explains_itself_needs_no_chatter() -> None:
    lines = stderr_of("raise GateError('over budget')")
    assert lines[0] == "for people"
    assert not [line for line in lines if line.startswith("chatter")]


def test_a_bug_shows_all_that_was_held_back() -> None:
    lines = stderr_of("raise KeyError('a bug')")
    assert lines[:3] == ["for people", "chatter of C++", "chatter of Python"]
    assert lines[-1] == "KeyError: 'a bug'"
