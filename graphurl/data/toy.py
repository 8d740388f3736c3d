"""A generated citation graph of Cora's size, so that everything runs without a download.

Papers have a hidden class, and within it a topic. Citations stay mostly within the topic, less often within
the class, seldom cross it; words come from a common vocabulary, from the class and from the topic. Two things
keep it from being easy: some papers are strays, whose words and citations follow another class than their
label, and the first topic of every class borrows the words of the next class. Words alone then classify about
60 % of the papers, words averaged over two to four citation steps about 80 %, as on Cora.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.catalogue import Card
from graphurl.data.samples import Samples
from graphurl.data.splits import planetoid_split
from graphurl.data.undirected import undirected
from graphurl.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SHARES = (0.30, 0.16, 0.15, 0.13, 0.11, 0.08, 0.07)  # share of each class


@dataclass(frozen=True)
class ToyShape:
    """How large and how hard the generated graph is.

    Attributes:
        papers: Number of nodes.
        citations: Number of undirected edges.
        vocabulary: Number of words.
        words: Mean number of words in a paper.
        topics: Topics per class.
        stay: Probability that a citation stays within the (hidden) class.
        same_topic: Probability that it then stays within the topic.
        stray: Share of papers whose words and citations follow another class than their label.
        class_words: Share of words that come from the class.
        topic_words: Share of words that come from the topic.
    """

    papers: int = 2708
    citations: int = 5300
    vocabulary: int = 1433
    words: float = 18.0
    topics: int = 6
    stay: float = 0.90
    same_topic: float = 0.8
    stray: float = 0.06
    class_words: float = 0.47
    topic_words: float = 0.04


def read(card: Card, files: Mapping[str, Path]) -> Samples:
    """Generates the data set of the card "toy-citation".

    Args:
        card: Its card; options `seed` and any attribute of `ToyShape`.
        files: None are needed.

    Returns:
        Binary words, the undirected citation graph without lengths, classes, and a split of 20 per class for
        training, 500 for validation and 1000 for testing.
    """
    options = {key: value for key, value in card.options.items() if key not in ("seed", "split")}
    return toy_citation(ToyShape(**options), seed=int(card.options.get("seed", 0)), classes=card.classes)


def toy_citation(
    shape: ToyShape = ToyShape(),
    *,
    seed: int = 0,
    classes: tuple[str, ...] = (),
    split: tuple[int, int, int] = (20, 500, 1000),
) -> Samples:
    """Generates a citation graph with words.

    Args:
        shape: How large and how hard.
        seed: The same seed gives the same graph.
        classes: Names of the seven classes.
        split: Training papers per class, validation papers, test papers.

    Returns:
        The samples.
    """
    counts = np.floor(np.array(_SHARES) * shape.papers).astype(np.int64)
    counts[0] += shape.papers - counts.sum()
    if counts.min() < 1 or shape.citations < shape.papers:
        raise InputError(
            f"{shape.papers} papers and {shape.citations} citations: give >= 15, and a citation each"
        )
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    jump = rng.integers(1, len(counts), shape.papers)
    hidden = np.where(rng.random(shape.papers) < shape.stray, (label + jump) % len(counts), label)
    topic = hidden * shape.topics + rng.integers(0, shape.topics, shape.papers)
    rows, cols = _citations(shape, hidden, topic, rng)
    y = torch.from_numpy(label)
    generator = torch.Generator().manual_seed(seed)
    return Samples(
        name="toy-citation",
        x=torch.from_numpy(_words(shape, topic, rng)),
        graph=undirected(torch.from_numpy(rows), torch.from_numpy(cols), shape.papers, source="toy-citation"),
        y=y,
        classes=classes or tuple(f"field {number}" for number in range(len(counts))),
        splits=planetoid_split(y, generator=generator, per_class=split[0], val=split[1], test=split[2]),
        provenance={"source": "toy-citation", "generated": True, "seed": seed},
    )


def _citations(shape: ToyShape, hidden: Ints, topic: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draws distinct pairs: every paper cites once, then active papers cite until there are enough."""
    n = shape.papers
    activity = rng.pareto(2.5, n) + 0.5
    citing, key = np.arange(n), np.zeros(0, dtype=np.int64)
    while len(key) < shape.citations:
        cited = _partners(shape, citing, hidden, topic, activity, rng)
        pair = np.minimum(citing, cited) * n + np.maximum(citing, cited)
        key = np.union1d(key, pair[citing != cited])
        citing = rng.choice(n, size=max(shape.citations - len(key), 0), p=activity / activity.sum())
    return key // n, key % n


def _partners(
    shape: ToyShape, citing: Ints, hidden: Ints, topic: Ints, activity: Floats, rng: np.random.Generator
) -> Ints:
    """Draws a cited paper for each citing one, active papers more often."""
    chance = rng.random(len(citing))
    reach = np.where(chance < shape.stay * shape.same_topic, 0, np.where(chance < shape.stay, 1, 2))
    cited = citing.copy()
    for number in np.unique(topic):
        field = number // shape.topics
        for kind, allowed in enumerate((topic == number, hidden == field, hidden != field)):
            ask = np.flatnonzero((topic[citing] == number) & (reach == kind))
            weight = activity * allowed
            cited[ask] = rng.choice(shape.papers, size=len(ask), p=weight / weight.sum())
    return cited


def _words(shape: ToyShape, topic: Ints, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws the words of each paper without repetition, from the mixture of its topic."""
    common = rng.permutation(1.0 / (np.arange(shape.vocabulary) + 10.0) ** 0.9)  # Zipf-like
    common /= common.sum()
    many, few = shape.vocabulary // 7, shape.vocabulary // 24
    of_class = [rng.choice(shape.vocabulary, many, replace=False) for _ in _SHARES]
    chance = np.tile(common * (1 - shape.class_words - shape.topic_words), (len(_SHARES) * shape.topics, 1))
    for number in range(len(chance)):
        field, position = divmod(number, shape.topics)
        borrowed = of_class[(field + 1) % len(_SHARES)] if position == 0 else of_class[field]
        own = rng.choice(shape.vocabulary, few, replace=False)
        chance[number, borrowed] += shape.class_words * common[borrowed] / common[borrowed].sum()
        chance[number, own] += shape.topic_words * common[own] / common[own].sum()
    length = rng.poisson(shape.words, shape.papers).clip(3, shape.vocabulary // 4)
    x = np.zeros((shape.papers, shape.vocabulary), dtype=np.float32)
    for paper, number in enumerate(topic):
        x[paper, rng.choice(shape.vocabulary, size=length[paper], p=chance[number], replace=False)] = 1.0
    return x
