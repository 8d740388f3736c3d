"""Where the compiled extra `sparse` is faster: one graph convolution and one minimum per node, both routes interleaved.

    pip install --no-build-isolation ".[sparse]" && python benchmarks/sparse.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch


def medians(routes: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU milliseconds of each route, taken in turns."""
    spent: dict[str, list[float]] = {name: [] for name in routes}
    for _ in range(repeats):
        for name, route in routes.items():
            began = time.process_time()
            route()
            spent[name].append((time.process_time() - began) * 1e3)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def main() -> None:
    """Measures at a few sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--fast", action="store_true", help="the smallest graph, 3 repeats")
    arguments = parser.parse_args()
    from torch_geometric.nn import GCNConv
    from torch_scatter import scatter_min
    from torch_sparse import SparseTensor

    torch.set_num_threads(1)
    sizes = [(2_708, 10_556), (20_000, 200_000), (170_000, 1_200_000)]
    for nodes, edges in sizes[:1] if arguments.fast else sizes:
        generator = torch.Generator().manual_seed(0)
        ends = torch.randint(nodes, (2, edges), generator=generator)
        x = torch.randn(nodes, 64, generator=generator, requires_grad=True)
        value = torch.rand(edges, generator=generator)
        layer = GCNConv(64, 64)
        compiled = SparseTensor(row=ends[1], col=ends[0], sparse_sizes=(nodes, nodes))
        target = ends[1]

        def minimum(target: torch.Tensor = target, value: torch.Tensor = value, nodes: int = nodes) -> torch.Tensor:
            return torch.full((nodes,), torch.inf).scatter_reduce_(0, target, value, "amin")

        def convolve(
            how: object, layer: torch.nn.Module = layer, x: torch.Tensor = x
        ) -> Callable[[], object]:
            return lambda: layer(x, how).sum().backward()

        repeats = 3 if arguments.fast else arguments.repeats
        row: dict[str, object] = {"nodes": nodes, "edges": edges}
        row["convolution, ms"] = medians({"plain": convolve(ends), "torch-sparse": convolve(compiled)}, repeats)

        def compiled_minimum(t: torch.Tensor = target, v: torch.Tensor = value, n: int = nodes) -> object:
            return scatter_min(v, t, dim_size=n)

        row["minimum, ms"] = medians({"plain": minimum, "torch-scatter": compiled_minimum}, repeats)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
