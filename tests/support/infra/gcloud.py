"""The gcloud commands that this repository names, and gcloud's own opinion of them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# What a shell puts in: `$NAME`, `${NAME}`, `${NAME[@]}`, `$(command)` without nested parentheses.
_EXPANSION = re.compile(r"\$(?:\w+|\{[^}]*\}|\([^()]*\))")
_IN_BACKTICKS = re.compile(r"`(gcloud [^`]+)`")
_ASSIGNED = re.compile(r'= "(gcloud .*)"$', re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s(])(gcloud (?!and\b).*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as somebody would type it.

    Attributes:
        path: File that names it.
        words: Words after `gcloud`; what a shell would put in is the word `name`.
    """

    path: Path
    words: tuple[str, ...]

    @property
    def flags(self) -> frozenset[str]:
        """Names of the flags."""
        return frozenset(word.split("=")[0] for word in self.words if word.startswith("--"))

    @property
    def text(self) -> str:
        """The whole on one line, flags last."""
        return shlex.join(("gcloud", *sorted(self.words, key=lambda word: word.startswith("--"))))


def commands_in(path: Path) -> list[Command]:
    """The commands that a page, a script or a configuration names.

    Args:
        path: A file in Markdown (code blocks and backticks), bash (all but comments and messages),
            or Terraform (backticks, strings and heredocs that begin with it).
    """
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = _IN_BACKTICKS.findall(text)
    if path.suffix == ".md":
        lines += _COMMAND.findall("\n".join(re.findall(r"^(?:    | {7}).+$", text, re.MULTILINE)))
    elif path.suffix == ".tf":
        lines += [line.replace('\\"', '"') for line in _ASSIGNED.findall(text)]
        lines += re.findall(r"^ +(gcloud .+)$", text, re.MULTILINE)
    elif path.suffix == ".sh":
        lines += _COMMAND.findall(re.sub(r"^\s*#.*$|echo .*$", "", text, flags=re.MULTILINE))
    return [Command(path, words) for line in lines for words in _split(line)]


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """One command, and those after it on its line."""
    lexer = shlex.shlex(_EXPANSION.sub("name", line), posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split = True
    words: list[str] = []
    is_ours = True
    for word in _until_unbalanced(lexer):
        if set(word) <= set(";|&()<>"):
            if words[1:]:
                yield tuple(words[1:])
            words, is_ours = [], False
        elif word == "gcloud":
            words, is_ours = [word], True
        elif is_ours and word != "2":  # of 2>
            words.append(word)
    if words[1:]:
        yield tuple(words[1:])


def _until_unbalanced(lexer: shlex.shlex) -> Iterator[str]:
    """The words before the quote that was opened before the command."""
    while True:
        try:
            word = lexer.get_token()
        except ValueError:
            return
        if word is None:
            return
        yield word


@dataclass(frozen=True, slots=True)
class Verdict:
    """What gcloud's own parser makes of a command.

    Attributes:
        command: The command.
        name: Groups and verb, as far as there are such ones.
        complaint: What is wrong with it; None if nothing is.
    """

    command: Command
    name: str
    complaint: str | None


def parsed(program: str, commands: Sequence[Command], folder: Path) -> list[Verdict]:
    """Asks gcloud's own parser about commands, none of which is run.

    Args:
        program: Path of gcloud.
        commands: The commands.
        folder: Folder for its configuration, of which it then has none.
    """
    texts = list(dict.fromkeys(one.text for one in commands))
    path = folder / "commands.json"
    path.write_text(json.dumps([{"command_string": text} for text in texts]), "utf-8")
    process = subprocess.run(
        [program, "meta", "lint-gcloud-commands", f"--commands-file={path}"],
        env={
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    results = dict(zip(texts, json.loads(process.stdout), strict=True))
    return [
        Verdict(
            one,
            results[one.text]["command_string_no_args"].removeprefix("gcloud "),
            results[one.text]["error_message"],
        )
        for one in commands
    ]
