"""A teacher's vectors as the columns of a relation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from graphurl.assembly import assemble
from graphurl.encoders.base import Encoded, Inputs
from graphurl.encoders.sgc import normalised_adjacency, propagate, smooth_coordinates
from graphurl.errors import InputError
from graphurl.losses import Alignment
from graphurl.relations import evaluate
from graphurl.relations.relation import Batch
from graphurl.relations.teacher import Teacher
from graphurl.similarity import Similarity
from tests.test_pipeline import embed, nodes

MLP: dict[str, Any] = {"method": "nodes-mlp", "dim": 4, "hidden": 64, "batch_size": 20}


def test_each_embedding_meets_the_vector_of_its_own_sample() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors, z = torch.randn(9, 3, generator=generator), torch.randn(4, 3, generator=generator)
    rows = torch.tensor([7, 0, 3, 2])
    relation = Teacher(vectors, 2.0).relate(Batch(rows, Inputs(z)), Encoded(z), 0.0)
    torch.testing.assert_close(relation.rows, 2 * z)
    found, _ = evaluate(relation, Similarity(math.inf, metric="cosine"), Alignment())
    cosine = torch.nn.functional.cosine_similarity(z, vectors[rows])
    assert float(found) == pytest.approx(float((1 - cosine).mean()), rel=1e-5)


def test_its_vectors_are_moved_but_not_checkpointed() -> None:
    teacher = Teacher(torch.ones(2, 2, requires_grad=True))
    assert not teacher.vectors.requires_grad
    assert teacher.state_dict() == {}
    assert teacher.double().vectors.dtype == torch.float64


def test_smooth_coordinates_are_the_principal_ones_of_the_filtered_unit_rows() -> None:
    samples = nodes()
    assert samples.graph is not None and samples.x is not None
    s = normalised_adjacency(torch.stack([samples.graph.rows, samples.graph.col]), None, len(samples))
    found = smooth_coordinates(samples.x, s, 3, 4, torch.Generator().manual_seed(0))
    rows = torch.nn.functional.normalize(propagate(samples.x, s, 3), dim=1)
    rows = rows - rows.mean(0)
    u, values, _ = torch.linalg.svd(rows, full_matrices=False)
    best = (u[:, :4] * values[:4]) @ (u[:, :4] * values[:4]).T
    torch.testing.assert_close(found @ found.T, best, rtol=1e-3, atol=1e-4)


def test_an_mlp_learns_what_smoothing_finds_and_needs_no_edges() -> None:
    samples = nodes()
    untrained, run = embed(samples, **MLP, epochs=0), embed(samples, **MLP, epochs=60)
    teacher = assemble(samples, run.recipe).objective.terms[0].source.vectors.numpy()  # type: ignore[union-attr, operator]

    def likeness(z: np.ndarray) -> float:
        parts = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (z, teacher)]
        return float((parts[0] * parts[1]).sum(1).mean())

    assert likeness(untrained.z) < 0.5 < 0.9 < likeness(run.z)
    np.testing.assert_allclose(run.transform(samples.x), run.z, rtol=1e-4, atol=1e-5)


def test_what_has_no_teacher_is_refused() -> None:
    bare = nodes()
    with pytest.raises(InputError, match="dynamic is true"):
        embed(bare, **MLP, dynamic=True)
    with pytest.raises(InputError, match="the teacher 'other' does not exist"):
        embed(bare, **MLP, teacher="other")
