"""Reads the fenced code blocks out of a markdown page, so that what is written is what is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# An optional comment `<!-- test: data -->` on the line before a block says what running it needs.
_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<needs>[\w ]+) -->\n)?```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block: its language, its text, and what it needs to run ("" for nothing)."""

    language: str
    code: str
    needs: str


def blocks(text: str, *languages: str) -> list[Block]:
    """Returns the blocks in the given languages, in the order of the page."""
    found = (Block(m["language"], m["code"], (m["needs"] or "").strip()) for m in _BLOCK.finditer(text))
    return [block for block in found if block.language in languages]


def commands(block: Block) -> list[str]:
    """Returns the command lines of a shell block, continued lines joined, without prompts and comments."""
    lines = block.code.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").strip() for line in lines if line.strip() and not line.startswith("#")]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter in an empty folder with the tree's own package, and asserts that it succeeds."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run_python(page: list[Block], folder: Path) -> None:
    """Runs all Python blocks of a page as one program, as a reader would type them."""
    program = folder / "page.py"
    program.write_text("\n".join(block.code for block in page), encoding="utf-8")
    run([str(program)], folder)
