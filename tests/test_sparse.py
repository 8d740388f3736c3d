"""The compiled packages of the extra `sparse` give what the plain route gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl import registry
from graphurl.encoders.base import Inputs
from graphurl.functional.paths import shortest_paths
from graphurl.functional.symmetry import coalesce, to_csr

pytestmark = pytest.mark.sparse


@pytest.fixture
def edges() -> tuple[Tensor, Tensor, Tensor, int]:
    generator = torch.Generator().manual_seed(0)
    n = 40
    ends = torch.randint(0, n, (2, 300), generator=generator)
    return ends[0], ends[1], torch.rand(300, generator=generator) + 0.1, n


@pytest.mark.parametrize("name", ["gcn", "sage", "gat"])
def test_message_passing_agrees(name: str, edges: tuple[Tensor, Tensor, Tensor, int]) -> None:
    from torch_sparse import SparseTensor

    rows, cols, weight, n = coalesced(edges)
    weight = weight if name == "gcn" else None
    encoder = registry.resolve("encoders", name)(5, 3, hidden=8, depth=2).eval()
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(1))
    plain = encoder(Inputs(x, torch.stack([rows, cols]), weight)).z
    transposed = SparseTensor(row=cols, col=rows, value=weight, sparse_sizes=(n, n))
    compiled = encoder(Inputs(x, transposed)).z
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("ours", "theirs"), [("sum", "add"), ("min", "min"), ("max", "max")])
def test_merging_duplicates_agrees(ours: str, theirs: str, edges: tuple[Tensor, Tensor, Tensor, int]) -> None:
    import torch_sparse

    rows, cols, weight, n = edges
    index, merged = torch_sparse.coalesce(torch.stack([rows, cols]), weight, n, n, op=theirs)
    assert len(merged) < len(weight)
    for plain, compiled in zip(coalesce(rows, cols, weight, n, ours), (*index, merged), strict=True):
        torch.testing.assert_close(plain, compiled)


def test_one_relaxation_agrees(edges: tuple[Tensor, Tensor, Tensor, int]) -> None:
    from torch_scatter import scatter_min

    rows, cols, length, n = coalesced(edges)
    crow, col, order = to_csr(rows, cols, n)
    ours = shortest_paths(crow, col, length[order], torch.tensor([3]), max_hops=1)[0]
    from_source = torch.where(rows == 3, length, torch.full_like(length, torch.inf))
    theirs = scatter_min(from_source, cols, out=torch.full((n,), torch.inf))[0]
    theirs[3] = 0
    torch.testing.assert_close(ours, theirs)


def coalesced(edges: tuple[Tensor, Tensor, Tensor, int]) -> tuple[Tensor, Tensor, Tensor, int]:
    """The same edges, each once, and no loops: GAT replaces loops, so what they weigh would be lost."""
    rows, cols, weight, n = edges
    kept = rows != cols
    return (*coalesce(rows[kept], cols[kept], weight[kept], n, "min"), n)
