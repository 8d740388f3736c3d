"""graphurl evaluate: every metric that the inputs allow, of a run or of anybody's vectors."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from graphurl.cli import table
from graphurl.cli.parser import Parser
from graphurl.errors import InputError

if TYPE_CHECKING:
    from graphurl.cli.reload import Saved
    from graphurl.graphs.graph import Graph


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument(
        "embedding", metavar="RUN_OR_FILE", help="folder written by embed, or a file of embeddings"
    )
    parser.add_argument("--labels", metavar="FILE", help="a label a line, or a table of id and label")
    parser.add_argument(
        "--space", metavar="FILE", help="rows that the embedding was made of, for the neighbourhoods"
    )
    parser.add_argument("--graph", metavar="FILE", help="table of edges or saved graph, for edges and paths")
    parser.add_argument("--view", metavar="FILE", help="embeddings of a second view of the same samples")
    parser.add_argument("--metrics", metavar="A,B", help="these only (graphurl list metrics); default all possible")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="of what the metrics draw; default that of the run"
    )
    pictures = parser.add_argument_group("for runs on pictures")
    pictures.add_argument(
        "--finetune", metavar="SHARE", nargs="+", type=float, help="train the encoder on shares of the labels: 0.01 0.1"
    )
    pictures.add_argument("--transfer", metavar="NAME_OR_DIR", help="judge the embedding of other pictures with labels")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Judges an embedding."""
    if options.finetune or options.transfer is not None:
        return downstream(options)
    from graphurl.cli.reload import saved
    from graphurl.evaluation.metrics import ALL
    from graphurl.evaluation.report import evaluate
    from graphurl.runs import plain

    found = saved(options.embedding, options.labels, options.data_root)
    samples = found.samples
    space = samples.x if samples is not None and found.task == "dr" else None
    if options.space is not None:
        space = rows_of(options.space, len(found.z))
    report = evaluate(
        found.z,
        x=space,
        y=None if samples is None else samples.y,
        splits=None if samples is None else samples.splits or None,
        metrics=names(options.metrics) or ALL,
        seed=found.seed if options.seed is None else options.seed,
        view=None if options.view is None else rows_of(options.view, len(found.z)),
        graph=edges(options.graph, found),
        links=None if samples is None else samples.links,
        settings=settings(found),
    )
    values = plain(report.to_dict())
    print(json.dumps(values, indent=1) if options.json else table.metrics(values, skipped=True))
    return 0


def rows_of(path: str, count: int) -> Any:
    """The rows of numbers in a file: one for each embedding."""
    from graphurl.source import Source

    rows = Source(features=path).load().samples.x
    found = 0 if rows is None else len(rows)
    if found != count:
        raise InputError(f"{path}: {found} rows for {count} embeddings: give one per row, in order")
    return rows


def edges(path: str | None, found: Saved) -> Graph | None:
    """The graph to judge by: of a file, or the one that the data of a run came with."""
    from graphurl import graphs
    from graphurl.graphs.io import SUFFIXES

    samples, rows = found.samples, len(found.z)
    if path is None:
        return None if samples is None else samples.graph
    if not path.endswith(SUFFIXES):
        ids = None if samples is None else samples.ids
        return graphs.read_edges(path, nodes=ids or range(rows), undirected=True)
    graph = graphs.load(path)
    if graph.num_nodes != rows:
        raise InputError(f"{path}: {graph.num_nodes} nodes for {rows} embeddings: give a node per row, in order")
    return graph


def settings(found: Saved) -> dict[str, dict[str, Any]]:
    """How the metrics measure: maps by straight distances, whoever made them."""
    from graphurl.embedding import protocol
    from graphurl.evaluation.metrics import MAP_DIMENSIONS

    flat = found.task == "dr" or found.z.shape[1] <= MAP_DIMENSIONS
    euclid = {"average_precision": {"metric": "euclidean"}} if flat else {}
    return {**protocol("dr" if flat else found.task), **euclid}


def downstream(options: argparse.Namespace) -> int:
    """Judges the encoder of a run on pictures by fine-tuning and on other data."""
    from graphurl.cli.reload import saved
    from graphurl.downstream import finetuned, transferred
    from graphurl.embedding import Embedding
    from graphurl.runs import plain
    from graphurl.source import load

    run, values = Embedding.load(options.embedding), {}
    seed = run.recipe.seed if options.seed is None else options.seed
    if options.finetune:
        samples = saved(options.embedding, options.labels, options.data_root).samples
        if samples is None:
            raise InputError(f"{options.embedding}: its pictures cannot be read any more: fine-tuning needs them")
        for share in options.finetune:
            values[f"finetune {share:g}"] = finetuned(run, samples, share, seed=seed)
    if options.transfer is not None:
        other = load(options.transfer, options.data_root, pictures=True, trainable=False).samples
        values[f"transfer to {other.name}"] = transferred(run, other, seed=seed).row()
    values = plain(values)
    if options.json:
        print(json.dumps(values, indent=1))
    else:
        words = {name: ", ".join(f"{key} {table.words(value)}" for key, value in found.items() if key != "protocol")
                 for name, found in values.items()}  # fmt: skip
        print(table.facts(words))
    return 0


def names(text: str | None) -> list[str] | None:
    """Metrics from a list with commas."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise InputError(f"--metrics is {text!r}: give names with commas, see 'graphurl list metrics'")
    return found
