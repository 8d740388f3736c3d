"""ImageEmbedder: arrays, tensors, folders and samples in; scikit-learn's manners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import graphurl
from graphurl.errors import InputError
from graphurl.losses import Alignment
from graphurl.recipes.images import SIMCLR
from graphurl.relations import Term
from graphurl.relations.views import Positives
from graphurl.terms import Context
from tests.pictures import folder_of, pixels


def small(**settings: object) -> graphurl.ImageEmbedder:
    given = {"n_epochs": 1, "batch_size": 8, "random_state": 0, **settings}
    return graphurl.ImageEmbedder(**given)  # type: ignore[arg-type]


def test_bytes_floats_tensors_and_folders_are_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    last = pixels()
    order = np.r_[0:24:2, 1:24:2]  # a folder lists its classes one after the other
    z = small().fit_transform(last[order])
    assert z.shape == (24, 128)
    assert z.dtype == np.float32
    first = torch.from_numpy(last[order].transpose(0, 3, 1, 2).copy())
    from_tensor = small().fit_transform(first)
    assert isinstance(from_tensor, torch.Tensor)
    assert np.array_equal(from_tensor.numpy(), z)
    assert np.array_equal(small().fit_transform(last[order] / 255), z)
    assert np.array_equal(small().fit_transform(folder_of(tmp_path / "photos")), z)


def test_transform_repeats_fit_and_places_new_pictures() -> None:
    embedder = small(add=["cld"], settings={"cld_groups": 4}).fit(pixels())
    assert np.array_equal(embedder.transform(pixels()), embedder.embedding_)
    assert embedder.transform(pixels(3, seed=5)).shape == (3, 128)
    assert embedder.transform(pixels(2, side=16)).shape == (2, 128)
    with pytest.raises(InputError, match="1 channel"):
        embedder.transform(pixels()[..., 0])


def test_parameters_survive_clone_and_fit() -> None:
    embedder = small(method="moco", add=["de"], temperature=0.3, settings={"queue_size": 7})
    again = clone(embedder)
    assert again.get_params() == embedder.get_params()
    before = embedder.get_params()
    embedder.fit(pixels())
    assert embedder.get_params() == before
    assert embedder.result_.recipe.temperature == 0.3


def test_a_module_a_recipe_and_a_term_of_ones_own() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * 3, 6))
    weights = net[1].weight.clone()
    seen = []

    def pull(context: Context) -> Term:
        seen.append((context.width, context.pictures, [term.name for term in context.terms]))
        return Term("pull", Positives(), graphurl.Similarity(metric="cosine"), Alignment(), head=context.head)

    recipe = SIMCLR.but(dim=5, output="projection")
    embedder = small(method=recipe, encoder=net, add=[pull, "de"]).fit(pixels())
    assert embedder.embedding_.shape == (24, 5)
    assert torch.equal(net[1].weight, weights), "the module that was handed over stays as it is"
    assert seen == [(6, 24, ["views", "de"])]


def test_labels_reach_the_methods_that_read_them() -> None:
    y = np.arange(24) % 2
    embedder = small(method="supervised", n_epochs=12).fit(pixels(), y)
    assert embedder.report()["knn_accuracy"] == 1.0
    with pytest.raises(InputError, match="class"):
        small(method="supervised").fit(pixels())


def test_a_saved_model_places_the_same_pictures(tmp_path: Path) -> None:
    for output in ("features", "projection"):
        embedder = small(settings={"output": output, "dim": 7}).fit(pixels())
        embedder.save(tmp_path / output)
        loaded = graphurl.Embedding.load(tmp_path / output)
        assert np.array_equal(loaded.transform(pixels()), embedder.embedding_)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InputError):
        small().fit(np.zeros((10, 4)))
    with pytest.raises(InputError, match="no method for pictures"):
        small(method="map").fit(pixels())
    with pytest.raises(InputError, match="picture"):
        small().fit(pixels(1))
