from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import graphurl
from tests.markdown import ROOT, blocks, run_python

PAGES = sorted((ROOT / "docs").rglob("*.md"))
#: Parts that only the command line uses; it has help of its own.
WITHOUT = ("graphurl.cli", "graphurl.bench", "graphurl.__main__")


def inside(module: str, others: Iterable[str]) -> bool:
    """Whether a module is one of some others, or lies in one."""
    return any(module == other or module.startswith(f"{other}.") for other in others)


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_python_blocks_of_every_page_run(page: Path, tmp_path: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"), "python")
    run_python([block for block in found if block.needs == ""], tmp_path)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert str(page.relative_to(ROOT / "docs")) in navigation, f"mkdocs.yml does not list {page.name}"


def test_every_public_module_and_name_is_in_the_reference() -> None:
    pages = (page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    shown = [name for page in pages for name in re.findall(r"(?m)^::: (\S+)$", page)]
    assert len(shown) == len(set(shown))
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "graphurl").rglob("*.py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in files} - {"graphurl"}
    assert [module for module in sorted(modules) if not inside(module, (*shown, *WITHOUT))] == []
    assert [name for name in shown if name not in modules] == [], "pages of modules that are gone"
    for name in graphurl.__all__:
        module = inspect.getmodule(getattr(graphurl, name))
        assert module is not None and inside(module.__name__, shown), name


def test_every_folder_says_what_is_in_it() -> None:
    """The reference opens with the words of the folder; of the functional core they name every module."""
    from graphurl import functional

    assert functional.__doc__ is not None
    named = set(re.findall(r"``(\w+)``", functional.__doc__))
    assert named == {path.stem for path in (ROOT / "graphurl" / "functional").glob("[a-z]*.py")}
