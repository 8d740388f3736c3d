from __future__ import annotations

import subprocess
import sys

import pytest

import graphurl
from tests.markdown import ROOT


@pytest.mark.parametrize("name", graphurl.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(graphurl, name) is not None
    assert name in dir(graphurl)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'embd'"):
        _ = graphurl.embd


# A submodule of the same name would replace the function once anything imports it.
@pytest.mark.parametrize("before", ["", "graphurl.Embedder", "import graphurl.pipeline", "graphurl.embed"])
def test_embed_stays_a_function_whatever_was_imported_first(before: str) -> None:
    code = f"import graphurl\n{before}\nassert callable(graphurl.embed), graphurl.embed"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_version_is_the_one_of_the_package() -> None:
    assert f'version = "{graphurl.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
