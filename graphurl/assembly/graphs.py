"""Runs on a similarity graph: graph, encoder, draw and term from a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.assembly import start
from graphurl.assembly.message import message_graph, named_graphs, settled
from graphurl.assembly.parts import Parts
from graphurl.data.preparation import Preparation
from graphurl.data.samples import Samples
from graphurl.encoders.base import Encoder, Inputs, as_encoder
from graphurl.encoders.landmarks import Landmarks
from graphurl.encoders.sgc import normalised_adjacency, smooth_coordinates
from graphurl.encoders.table import Table
from graphurl.errors import InputError
from graphurl.functional.field import DIMENSIONS
from graphurl.functional.mapped import BLOCK_NUMBERS
from graphurl.functional.randomness import drawn_from
from graphurl.functional.ranks import current
from graphurl.functional.sampling import Sampler
from graphurl.graphs import require_edges
from graphurl.graphs.algebra import weighted, within_one
from graphurl.graphs.graph import Graph
from graphurl.machine import training_threads
from graphurl.memory import FULL_BATCH, reached
from graphurl.model import Model
from graphurl.recipes.maps import layout_of
from graphurl.recipes.recipe import Recipe
from graphurl.relations.batches import EdgeBatches, FullBatch, balanced_far_weight
from graphurl.relations.feeds import GraphFeed, IndexFeed, OwnFeed, Portions, RowFeed, SampledFeed
from graphurl.relations.objective import Objective, Term
from graphurl.relations.relation import Draw, Feed, Source
from graphurl.relations.shuffled import RowBatches
from graphurl.relations.sources import Dynamic, Static
from graphurl.relations.teacher import Teacher
from graphurl.terms.comparison import by_sums, loss_of, similarity_of
from graphurl.training.trainer import Settings, Trainer

#: Most nodes embedded at a time from sampled neighbourhoods.
PORTION = 4096
#: Share of the neighbours that a perplexity found from their number counts as effective.
PERPLEXITY = 0.87
#: Rows that a chart has for itself, at least and on average; six times as many take part in its fit.
ROWS_OF_A_CHART = 16


def assemble_graph(
    samples: Samples,
    recipe: Recipe,
    *,
    graph: Graph | None = None,
    encoder: nn.Module | None = None,
    device: torch.device | str = "cpu",
) -> Parts:
    """Builds graph, encoder and objective from a recipe.

    Args:
        samples: The data.
        recipe: The choices.
        graph: A similarity graph to use instead of the recipe's.
        encoder: A module to use instead of the recipe's.
        device: Where a layout that is to be learnt is made.

    Returns:
        The parts.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    preparation, x = prepared(samples, recipe)
    reads = as_encoder(encoder) if encoder is not None else registry.resolve("encoders", recipe.encoder)
    recipe, message, found = settled(samples, x, recipe, edges=reads.needs == "graph")
    p_x = similarity_graph(samples, x, recipe, graph)
    ranks = current()
    if ranks.size > 1:
        ranks.require_alike("graphs", p_x.hash[:12])
        ranks.require_alike("hops", f"{recipe.filter} {recipe.hops} along {recipe.message}")
    model = as_encoder(encoder) if encoder is not None else build_encoder(samples, x, recipe, generator)
    feed, everything = build_feed(model, samples, x, recipe, message)
    if isinstance(everything, Inputs):
        model.start(everything, generator)
    if isinstance(model, Landmarks) and x is not None:
        model.remember(x, recipe.metric)
    if isinstance(model, Table):
        start.place(model, x, p_x, recipe, generator)
    teacher: Teacher | None = None
    if recipe.teacher == "smooth":
        teacher = Teacher(smooth_teacher(samples, x, recipe, message))
    elif recipe.teacher == "layout":
        teacher = layout_teacher(samples, x, recipe, p_x, model, device)
    if teacher is not None and isinstance(everything, Inputs):
        model.learn(everything, teacher.vectors / teacher.unit, generator)
    term = build_term(recipe, teacher)
    read = OwnFeed(feed, ranks, len(samples)) if ranks.size > 1 else feed
    objective = Objective(model, build_draw(p_x, read, recipe), [term], ranks=ranks, num_nodes=len(samples))
    objective.calibrate(generator, mu=recipe.mu_z == "auto", sigma=recipe.sigma_z == "auto")
    own = encoder is not None and type(model) is not registry.resolve("encoders", recipe.encoder)
    name = "custom" if own else recipe.encoder
    return Parts(objective, p_x, preparation, everything, name, found=found)


def prepared(samples: Samples, recipe: Recipe) -> tuple[Preparation | None, Tensor | None]:
    """The preparation of the rows that the encoder reads, and the rows prepared."""
    if samples.x is None:
        return None, None
    preparation = Preparation.fit(recipe.reads, samples.x)
    return preparation, preparation.apply(samples.x)


def similarity_graph(samples: Samples, x: Tensor | None, recipe: Recipe, graph: Graph | None = None) -> Graph:
    """p_X: Σ_t α_t p_t over the recipe's graphs, clipped to [0, 1] (GenURL, Eq. 4)."""
    combined, *others = similarity_parts(samples, x, recipe, graph).values()
    for extra in others:
        combined = combined + extra
    return combined.without_self_loops()


def similarity_parts(
    samples: Samples, x: Tensor | None, recipe: Recipe, graph: Graph | None = None
) -> dict[str, Graph]:
    """The summands α_t p_t of p_X by the names of their graphs; a graph that was handed over is called given.

    A graph that is a similarity already keeps its direction: edges with weights (divided by the largest where that is
    above 1), and edges with neither weights nor lengths. What comes from lengths is symmetrised as the recipe says.
    """
    names = ["given"] if graph is not None else recipe.graph.split("+")
    parts = [graph] if graph is not None else named_graphs(recipe.graph, samples, x, recipe)
    for part in parts:
        if part.num_nodes != len(samples):
            raise InputError(
                f"the graph has {part.num_nodes} nodes and there are {len(samples)} samples: give one node a sample"
            )
        if part.num_edges:  # without any edge all nodes are isolated, which works; with self-loops alone it is a slip
            require_edges(part)
    settings: dict[str, Any] = {"nu": recipe.nu_x, "symmetrise": recipe.symmetrise, "sigma": recipe.sigma}
    settings["mu"] = "nearest" if recipe.mu_x == "auto" else recipe.mu_x
    # A graph that is handed over may have fewer neighbours than the recipe's own would; a single one has all the mass.
    most = min([recipe.n_neighbors, *(int(part.degree.max()) for part in parts if part.num_edges)])
    if recipe.perplexity != 0 and not (recipe.perplexity == "auto" and most == 1):
        wanted = PERPLEXITY * most if recipe.perplexity == "auto" else float(recipe.perplexity)
        settings |= {"sigma": "local", "mu": 0.0, "perplexity": max(1.0, wanted), "conditional": True}
    reach = [g.shortest_paths(max_hops=recipe.max_hops) if recipe.max_hops > 1 else g for g in parts]
    bare = [g.weight is None and g.length is not None for g in reach]
    similar = [g.similarity(**settings) if b else within_one(weighted(g)) for g, b in zip(reach, bare, strict=True)]
    scaled = [similar[0], *(recipe.alpha * extra for extra in similar[1:])]
    if len(set(names)) < len(names):  # knn+knn: told apart by their places
        names = [f"{name} {place}" for place, name in enumerate(names, start=1)]
    return dict(zip(names, scaled, strict=True))


def build_encoder(samples: Samples, x: Tensor | None, recipe: Recipe, generator: torch.Generator) -> Encoder:
    """The recipe's encoder with freshly drawn weights; the global random state is left alone."""
    kind = registry.resolve("encoders", recipe.encoder)
    with drawn_from(generator):
        if kind.needs == "index":
            made = kind(len(samples), recipe.dim, generator=generator)
        elif x is None:
            raise InputError(f"the encoder {recipe.encoder!r} reads features and there are none: use encoder='table'")
        elif recipe.encoder == "linear":
            made = kind(x.shape[1], recipe.dim, hops=int(recipe.hops), filter=recipe.filter)
        elif recipe.encoder == "charts":
            made = kind(x.shape[1], recipe.dim, hidden=min(recipe.hidden, max(1, len(x) // ROWS_OF_A_CHART)))
        else:
            made = kind(x.shape[1], recipe.dim, hidden=recipe.hidden, depth=recipe.depth, dropout=recipe.dropout)
    encoder: Encoder = made
    return encoder


def build_feed(
    model: Encoder, samples: Samples, x: Tensor | None, recipe: Recipe, message: Graph | None = None
) -> tuple[Feed, Inputs | Iterable[Inputs]]:
    """How batches become encoder inputs, and the inputs that embed everything.

    A graph encoder reads the whole graph where it is small, rows that were filtered once where its filter has no
    weights, and else neighbourhoods that are sampled anew for each batch.
    """
    if model.needs == "index":
        return IndexFeed(), Inputs(torch.arange(len(samples)))
    if x is None:
        raise InputError(f"the encoder {recipe.encoder!r} reads features and there are none: use encoder='table'")
    if model.needs == "rows":
        return RowFeed(x), Inputs(x)
    graph = message_graph(samples, x, recipe) if message is None else message
    if model.reach is not None and len(x) > FULL_BATCH:
        # The graph is symmetric, so that a row holds what its node gathers from.
        sampled = SampledFeed(x, Sampler(graph.crow, graph.col), (recipe.fanout,) * model.reach, graph.weight)
        most = BLOCK_NUMBERS // (x.shape[1] * reached(recipe.fanout, model.reach))
        return sampled, Portions(sampled, len(x), max(64, min(PORTION, most)), recipe.seed)
    edges = torch.stack([graph.rows, graph.col])
    everything = model.ahead(Inputs(x, edges, graph.weight))
    if everything.ahead:
        return RowFeed(everything.x, ahead=True), everything
    return GraphFeed(x, edges, graph.weight), everything


def build_draw(graph: Graph, feed: Feed, recipe: Recipe) -> Draw:
    """All pairs at once where asked for and possible, else sampled edges and far pairs."""
    far = far_weight(graph, recipe)
    if recipe.teacher == "layout":
        return RowBatches(graph.num_nodes, feed, recipe.batch_size)
    if recipe.batch_size == 0 and graph.num_nodes > FULL_BATCH and not by_sums(recipe):
        raise InputError(
            f"batch_size is 0 and there are {graph.num_nodes} samples: "
            f"all pairs at once are offered up to {FULL_BATCH}, give a batch size such as 2048"
        )
    if recipe.batch_size == 0 or graph.num_nodes <= recipe.batch_size:
        columns = recipe.columns if recipe.dim not in DIMENSIONS and by_sums(recipe) else 0
        return FullBatch(graph, feed, far_weight=far, columns=min(columns, graph.num_nodes))
    return EdgeBatches(graph, feed, recipe.batch_size, edge_share=recipe.edge_share, far_weight=far)


def far_weight(graph: Graph, recipe: Recipe) -> float:
    """The weight of a far pair: as given; else 1 for normalised losses, which scale q themselves, or balanced."""
    if recipe.far_weight != "auto":
        return float(recipe.far_weight)
    additive: bool = registry.resolve("losses", recipe.loss).additive
    return balanced_far_weight(graph, recipe.negatives) if additive else 1.0


def build_term(recipe: Recipe, teacher: Teacher | None = None) -> Term:
    """The comparison: source, embedded similarity and loss."""
    loss = loss_of(recipe)
    source: Source
    if teacher is not None:
        if recipe.dynamic:
            raise InputError(
                f"teacher is {recipe.teacher!r} and dynamic is true: a teacher takes the place of p_X, give one of them"
            )
        source = teacher
    else:
        source = Dynamic(layer=recipe.layer, rising=recipe.handover == "rising") if recipe.dynamic else Static()
    return Term("graph", source, similarity_of(recipe, loss), loss)


def smooth_teacher(samples: Samples, x: Tensor | None, recipe: Recipe, message: Graph | None = None) -> Tensor:
    """Vectors that smoothing alone gives: what an encoder without edges has to find."""
    if x is None:
        raise InputError("teacher is 'smooth' and there are no features to smooth: use teacher='none'")
    graph = message_graph(samples, x, recipe) if message is None else message
    dense = x.to_dense() if x.layout != torch.strided else x
    s = normalised_adjacency(torch.stack([graph.rows, graph.col]), graph.weight, len(dense))
    generator = torch.Generator().manual_seed(recipe.seed)
    return smooth_coordinates(dense, s, int(recipe.hops), recipe.dim, generator, recipe.filter)


def layout_teacher(
    samples: Samples, x: Tensor | None, recipe: Recipe, graph: Graph, model: Encoder, device: torch.device | str
) -> Teacher:
    """The map of free coordinates, which is a run of its own; what is 1 in the embedding is its standard deviation.

    The same samples and settings give the same map, so that a run which resumes makes it again.
    """
    if x is None or model.needs != "rows":
        raise InputError("teacher is 'layout' and the encoder reads no rows: use method='map'")
    begin = Model(recipe.encoder, model, None).place(Inputs(x)) if recipe.init == "encoder" else None
    places = free_places(Samples(samples.name, x), layout_of(recipe), graph=graph, begin=begin, device=device)
    places = places - places.mean(0)
    return Teacher(places, float(places.square().mean().sqrt().clamp_min(torch.finfo(places.dtype).tiny)))


def free_places(
    samples: Samples,
    run: Recipe,
    *,
    graph: Graph | None = None,
    begin: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Where a run of free coordinates, with no folder and no callbacks, puts the samples.

    Args:
        samples: The data.
        run: The choices.
        graph: A similarity graph to use instead of the recipe's.
        begin: Where the samples begin, instead of where `init` says.
        device: Where it is trained.
    """
    parts = assemble_graph(samples, run, graph=graph)
    if begin is not None:
        assert isinstance(parts.objective.encoder, Table)
        parts.objective.encoder.place(begin)
    trained = Trainer(Settings.of(run), device=device, threads=training_threads(run)).fit(parts.objective)
    if trained.status == "interrupted":
        raise KeyboardInterrupt
    return torch.from_numpy(parts.whole())
