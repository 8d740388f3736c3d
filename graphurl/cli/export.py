"""graphurl export: an embedding with names and labels for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphurl.cli.parser import Parser
from graphurl.errors import InputError


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("embedding", metavar="RUN", help="folder written by embed, or a file of embeddings")
    parser.add_argument("--parquet", metavar="FILE", help="columns id, label, z0, z1 ...")
    parser.add_argument("--projector", metavar="DIR", help="for TensorBoard's projector, with thumbnails of pictures")
    parser.add_argument("--anndata", metavar="FILE", help=".h5ad: obsm X_graphurl, obs label, and the graph in obsp")
    parser.add_argument("--labels", metavar="FILE", help="a label a line, or a table of id and label")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def run(options: argparse.Namespace) -> int:
    """Writes every format that is asked for."""
    targets = [Path(path) for path in (options.parquet, options.projector, options.anndata) if path is not None]
    if not targets:
        raise InputError("no format is asked for: give --parquet FILE, --projector DIR or --anndata FILE")
    check_targets(options)
    from graphurl.cli.reload import ids_of, saved
    from graphurl.exports import label_texts, row_ids, write_annotated, write_parquet, write_projector
    from graphurl.graphs import load
    from graphurl.plots.figures import known

    found, folder = saved(options.embedding, options.labels, options.data_root), Path(options.embedding)
    samples = found.samples
    own = None if samples is None else samples.ids
    ids = row_ids(len(found.z), own or ids_of(folder, len(found.z)))
    labels = label_texts(samples)
    if options.parquet is not None:
        write_parquet(found.z, options.parquet, ids, labels)
    if options.projector is not None:
        write_projector(found.z, options.projector, ids, labels, known(found.z, samples, found.recipe)["images"])
    if options.anndata is not None:
        graph = load(folder / "graph.safetensors") if (folder / "graph.safetensors").is_file() else None
        write_annotated(found.z, options.anndata, ids, labels, graph)
    if not options.quiet:
        print("\n".join(map(str, targets)))
    return 0


def check_targets(options: argparse.Namespace) -> None:
    """Refuses what cannot or shall not be written, before anything is read."""
    from graphurl.exports.projector import FILES

    for flag, suffixes in (("parquet", (".parquet", ".pq")), ("anndata", (".h5ad",))):
        given = getattr(options, flag)
        if given is None:
            continue
        path = Path(given)
        if path.suffix.lower() not in suffixes:
            raise InputError(f"--{flag} is {path}: give a file ending in {' or '.join(suffixes)}")
        if path.exists() and not options.overwrite:
            raise InputError(f"{path} exists: replace it with --overwrite, or give another file")
        if not path.absolute().parent.is_dir():
            raise InputError(f"the folder {path.parent} does not exist: create it first")
    if options.projector is not None:
        folder = Path(options.projector)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: give a folder")
        taken = next((folder / name for name in FILES if (folder / name).exists()), None)
        if taken is not None and not options.overwrite:
            raise InputError(f"{taken} exists: replace it with --overwrite, or give another folder")
