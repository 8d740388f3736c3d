"""graphurl graph: build, describe, combine and compare similarity graphs as files."""

from __future__ import annotations

import argparse
import functools
import json
import operator
from pathlib import Path
from typing import TYPE_CHECKING

from graphurl.cli import table
from graphurl.cli.parser import Parser
from graphurl.errors import InputError, unknown

if TYPE_CHECKING:
    from graphurl.data.samples import Samples
    from graphurl.graphs.graph import Graph

KINDS = ("knn", "citation")
OPERATORS = {"sum": operator.add, "union": operator.or_, "intersection": operator.and_}
SUFFIXES = (".graph", ".safetensors")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="a graph from rows or edges")
    build.add_argument("--features", metavar="FILE", help="rows of numbers")
    build.add_argument("--data", metavar="NAME", help="data set of the catalogue, or a file")
    build.add_argument("--edges", metavar="FILE", help="table of edges")
    build.add_argument("--directed", action="store_true", help="take the edges as they are, one way")
    build.add_argument("--kind", metavar="K", help="knn or citation; default: what the source has")
    build.add_argument("--n-neighbors", type=int, default=15, metavar="K", help="neighbours of a knn graph")
    metrics = "euclidean, cosine, correlation, manhattan, hamming or jaccard"
    build.add_argument("--metric", default="euclidean", metavar="M", help=metrics)
    build.add_argument("--similarity", action="store_true", help="store p_X in place of distances")
    build.add_argument("--seed", type=int, default=0, metavar="S", help="of the approximate search")
    build.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    info = actions.add_parser("info", help="numbers that describe a graph")
    info.add_argument("file", metavar="FILE", help="saved graph or table of edges")
    info.add_argument("--labels", metavar="FILE", help="a label a line; adds homophily")
    info.add_argument("--json", action="store_true", help="print JSON")
    compose = actions.add_parser(
        "compose", help="combine graphs: compose a.graph:0.7 b.graph:0.3 --out c.graph"
    )
    compose.add_argument("terms", nargs="+", metavar="FILE[:WEIGHT]", help="saved graph, and its weight")
    compose.add_argument("--op", default="sum", metavar="OP", help=f"{', '.join(OPERATORS)}; default sum")
    for action in (build, compose):
        action.add_argument("--out", metavar="FILE", required=True, help="where to: .graph or .safetensors")
        action.add_argument("--overwrite", action="store_true", help="replace an existing file")
    diff = actions.add_parser("diff", help="what two graphs share and what not; 1 where they differ")
    diff.add_argument("a", metavar="A", help="saved graph")
    diff.add_argument("b", metavar="B", help="saved graph on the same nodes")
    diff.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Runs the action."""
    actions = {"build": build, "info": info, "compose": compose, "diff": diff}
    return actions[options.action](options)


def build(options: argparse.Namespace) -> int:
    """Builds a graph from a source and saves it."""
    check_target(options)
    if options.kind is not None and options.kind not in KINDS:
        raise unknown("kind of graph", options.kind, KINDS)
    from graphurl.source import Source

    if not (options.features or options.data or options.edges):
        raise InputError("graph build has no source: give --features FILE, --data NAME or --edges FILE")
    source = Source(
        features=options.features, data=options.data, edges=options.edges, directed=options.directed
    )
    return keep(build_from(source.load(options.data_root).samples, options), options)


def build_from(samples: Samples, options: argparse.Namespace) -> Graph:
    """The graph of a kind; without one, the edges of the data, else their nearest neighbours."""
    from graphurl.graphs import knn

    if (options.kind or "citation") == "citation" and samples.graph is not None:
        graph = samples.graph
    elif options.kind == "citation":
        raise InputError(f"{samples.name} comes without edges: use --kind knn")
    elif samples.x is None:
        raise InputError(f"{samples.name} has no features: use --kind citation")
    else:
        graph = knn(samples.x, options.n_neighbors, options.metric, seed=options.seed)
    return graph.similarity() if options.similarity else graph


def info(options: argparse.Namespace) -> int:
    """Describes a graph."""
    from graphurl.graphs import format_summary
    from graphurl.source import Source

    loaded = Source(graph=options.file, labels=options.labels).load()
    graph, y = loaded.samples.graph, loaded.samples.y
    if graph is None:
        raise InputError(f"{options.file} holds no graph: give a file of 'graph build' or a table of edges")
    numbers = graph.summary(y)
    print(json.dumps(numbers, indent=1) if options.json else format_summary(numbers))
    return 0


def compose(options: argparse.Namespace) -> int:
    """Combines graphs, each with its weight, and saves the result."""
    check_target(options)
    if options.op not in OPERATORS:
        raise unknown("operation", options.op, OPERATORS)
    from graphurl.graphs import load

    terms = [weighed(term) for term in options.terms]
    graphs = [load(path) if weight is None else weight * load(path) for path, weight in terms]
    return keep(functools.reduce(OPERATORS[options.op], graphs), options)


def weighed(term: str) -> tuple[str, float | None]:
    """File and weight of a term such as a.graph:0.7."""
    path, colon, weight = term.rpartition(":")
    if not colon or Path(term).exists():
        return term, None
    try:
        return path, float(weight)
    except ValueError:
        raise InputError(f"the weight {weight!r} of {path} is no number: give FILE or FILE:0.7") from None


def diff(options: argparse.Namespace) -> int:
    """Compares two graphs on the same nodes."""
    from graphurl.graphs import load

    numbers = load(options.a).diff(load(options.b))
    if options.json:
        print(json.dumps(numbers, indent=1))
    elif not options.quiet:
        print(table.facts({name.replace("_", " "): value for name, value in numbers.items()}))
    return 0 if numbers["equal"] else 1


def check_target(options: argparse.Namespace) -> None:
    """Refuses a file that cannot or shall not be written, before anything is computed."""
    target = Path(options.out)
    if target.suffix not in SUFFIXES:
        raise InputError(f"--out is {target}: give a file ending in {' or '.join(SUFFIXES)}")
    if target.exists() and not options.overwrite:
        raise InputError(f"{target} exists: replace it with --overwrite, or give another file")
    if not target.absolute().parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: create it first")


def keep(graph: Graph, options: argparse.Namespace) -> int:
    """Saves a graph and says how large it is."""
    from graphurl.graphs import save

    save(graph, options.out)
    if not options.quiet:
        sizes = f"{table.count(graph.num_nodes, 'node')}, {table.count(graph.num_edges, 'edge')}"
        print(f"{options.out}: {sizes}")
    return 0
