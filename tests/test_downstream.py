"""What a trained encoder is worth elsewhere: few labels, other pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import graphurl
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.downstream import finetuned, fresh, transferred
from graphurl.embedding import Embedding
from graphurl.errors import InputError
from tests.pictures import pixels


def samples(count: int = 40, seed: int = 0) -> Samples:
    last = torch.from_numpy(pixels(count, seed=seed).transpose(0, 3, 1, 2).copy())
    train = torch.arange(count) < count // 2
    y = torch.arange(count) % 2
    splits = {"train": train, "test": ~train}
    return Samples("toy", images=Stack(last), y=y, classes=("plain", "striped"), splits=splits)


@pytest.fixture(scope="module")
def run() -> Embedding:
    embedder = graphurl.ImageEmbedder(n_epochs=2, batch_size=10, random_state=0)
    found: Embedding = embedder.fit(samples()).result_
    return found


def test_fine_tuning_reads_few_labels_and_leaves_the_encoder_alone(run: Embedding) -> None:
    before = {key: value.clone() for key, value in run.model.encoder.state_dict().items()}
    found = finetuned(run, samples(), 0.5, epochs=4)
    assert all(torch.equal(value, before[key]) for key, value in run.model.encoder.state_dict().items())
    assert 0.7 <= found["accuracy"] <= 1, "stripes can be told from their absence"
    assert 0 <= found["control"] <= 1
    assert finetuned(run, samples(), 0.5, epochs=4) == found, "the same labels and views again"


def test_the_control_has_the_same_shape_and_other_weights(run: Embedding) -> None:
    other = fresh(run, 1).state_dict()
    own = run.model.encoder.state_dict()
    assert {key: value.shape for key, value in other.items()} == {key: value.shape for key, value in own.items()}
    assert any(not torch.equal(value, own[key]) for key, value in other.items())
    again = fresh(run, 1).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in other.items())


def test_other_pictures_are_judged_by_the_same_encoder(run: Embedding) -> None:
    report = transferred(run, samples(30, seed=3))
    assert report["weighted_knn_20"] > 0.8
    z = run.transform(samples(30, seed=3))
    assert np.array_equal(z, run.model.transform_pictures(samples(30, seed=3).images).numpy())  # type: ignore[arg-type]


def test_what_cannot_be_judged_is_refused(run: Embedding) -> None:
    with pytest.raises(InputError, match="splits train and test"):
        finetuned(run, replace(samples(), splits={}), 0.5)
    with pytest.raises(InputError, match="labels"):
        transferred(run, replace(samples(), y=None, classes=None))
    with pytest.raises(InputError, match="module of your own"):
        fresh(replace(run, model=replace(run.model, name="custom")), 0)
