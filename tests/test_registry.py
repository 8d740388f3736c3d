from __future__ import annotations

import subprocess
import sys

import pytest

from graphurl import registry
from graphurl.errors import InputError

LINES = [(kind, name) for kind in registry.kinds() for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), LINES)
def test_every_line_resolves_to_something_documented(kind: str, name: str) -> None:
    part = registry.resolve(kind, name)
    assert (part.__doc__ or "").strip(), f"{kind} {name} has no docstring to list"


@pytest.mark.parametrize(("kind", "name"), LINES)
def test_every_line_names_a_module_and_an_attribute_of_this_package(kind: str, name: str) -> None:
    module, separator, attribute = registry.PARTS[kind][name].partition(":")
    assert separator == ":"
    assert module.startswith("graphurl.")
    assert attribute.isidentifier()
    assert name == name.lower()


def test_names_keep_the_order_of_the_table() -> None:
    relations = ("alignment", "enhancement", "correlation", "nce", "rkd", "pkt", "sp")
    assert registry.names("losses") == ("mse", "kl", "bce", "gkl", "infonce", *relations)
    assert registry.names("heads") == ("none", "linear", "mlp", "mlp3", "norm-linear", "norm-mlp")


@pytest.mark.parametrize("kind", registry.kinds())
def test_describe_gives_one_sentence_per_part(kind: str) -> None:
    described = registry.describe(kind)
    assert tuple(described) == registry.names(kind)
    for line in described.values():
        assert line
        assert "\n" not in line


def test_an_unknown_name_is_one_line_and_offers_the_nearest() -> None:
    expected = r"^unknown loss 'bcee': did you mean 'bce'\? choose one of "
    with pytest.raises(InputError, match=expected) as caught:
        registry.resolve("losses", "bcee")
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown kind of part 'loses': did you mean 'losses'"):
        registry.names("loses")


def test_reading_the_names_imports_nothing_heavy() -> None:
    code = (
        "import sys; from graphurl import registry; "
        "[registry.names(kind) for kind in registry.kinds()]; "
        "print(sorted({'matplotlib', 'faiss', 'torch_geometric'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
