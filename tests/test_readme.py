from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.markdown import ROOT, Block, blocks, commands, run, run_python

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = blocks(README, "python")
SHELL = blocks(README, "bash", "console")
NEEDS = ["", pytest.param("slow", marks=pytest.mark.slow), pytest.param("data", marks=pytest.mark.data)]


def _needing(found: list[Block], needs: str) -> list[Block]:
    return [block for block in found if block.needs == needs]


def _run_commands(page: list[Block], folder: Path) -> None:
    for line in (line for block in page for line in commands(block)):
        program, *arguments = shlex.split(line, comments=True)
        if program == "graphurl":
            run(["-m", "graphurl", *arguments], folder)


@pytest.mark.slow
@pytest.mark.parametrize("needs", NEEDS)
def test_the_python_blocks_run(needs: str, tmp_path: Path) -> None:
    run_python(_needing(PYTHON, needs), tmp_path)


@pytest.mark.parametrize("needs", NEEDS)
def test_the_graphurl_commands_run(needs: str, tmp_path: Path) -> None:
    _run_commands(_needing(SHELL, needs), tmp_path)


def test_there_are_exactly_two_set_up_commands_and_both_are_pinned() -> None:
    setup = [line for block in SHELL for line in commands(block) if "-m venv" in line]
    assert len(setup) == 2
    first, second = setup
    assert all("pip install -c constraints.txt" in line for line in setup)
    assert first.endswith("graphurl embed --out runs/first")
    assert second.endswith("-m pytest")


def test_no_block_needs_what_no_test_gives() -> None:
    assert {block.needs for block in PYTHON + SHELL} <= {"", "slow", "data"}


def test_every_file_that_the_readme_points_to_exists() -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", README)
    for target in (link or source for link, source in targets):
        if "://" not in target:
            assert (ROOT / target).exists(), f"README points to {target}, which is not there"


def test_block_reader_sees_language_needs_and_continued_lines() -> None:
    shell_part = "<!-- test: data -->\n```bash\n# a remark\n$ graphurl embed \\\n  --graph cora\n```\n"
    text = shell_part + "\n```python\nx = 1\n```\n"
    (shell,) = blocks(text, "bash")
    assert shell.needs == "data"
    assert shlex.split(commands(shell)[0]) == ["graphurl", "embed", "--graph", "cora"]
    assert blocks(text, "python") == [Block("python", "x = 1\n", "")]


def test_a_failing_block_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        run_python([Block("python", "raise SystemExit(1)\n", "")], tmp_path)
