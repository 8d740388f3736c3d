from __future__ import annotations

from pathlib import Path

import pytest

from tests.markdown import ROOT, blocks, run_python

PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_python_blocks_of_every_page_run(page: Path, tmp_path: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"), "python")
    run_python([block for block in found if block.needs == ""], tmp_path)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert str(page.relative_to(ROOT / "docs")) in navigation, f"mkdocs.yml does not list {page.name}"
