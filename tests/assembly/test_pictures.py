"""Runs on pictures from a recipe: what is trained on, with what encoder, and on from any step bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from graphurl.assembly import Parts, assemble
from graphurl.assembly.pictures import class_numbers, feature_width, training_rows
from graphurl.augment.views import whole
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.encoders.base import Plain
from graphurl.encoders.convnet import ConvNet
from graphurl.encoders.resnet import ResNet18
from graphurl.errors import InputError
from graphurl.functional.ranks import Ranks
from graphurl.graphs.graph import Graph
from graphurl.recipes import PictureRecipe, Recipe
from graphurl.relations import Term
from graphurl.relations.bank import Bank
from graphurl.training import Settings, Trainer
from tests.terms.tiny import Net, parts_of, recipe_named, samples, train
from tests.training.small import Killed, ctrl_c, kill, same_state, without_time


def mask(n: int, *rows: int) -> Tensor:
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[list(rows)] = True
    return chosen


def noise(*shape: int) -> Stack:
    return Stack(torch.randint(256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8))


def test_pictures_of_the_test_split_are_never_trained_on() -> None:
    splits = {"train": mask(8, 1, 5), "unlabeled": mask(8, 7), "test": mask(8, 0, 2), "val": mask(8, 3)}
    cases: list[tuple[tuple[str, ...], list[int]]] = [
        (("train", "test"), [1, 5]), (("train", "unlabeled", "test", "val"), [1, 5, 7]),
        ((), list(range(8))), (("test",), [1, 3, 4, 5, 6, 7]), (("test", "val"), [1, 4, 5, 6, 7]),
    ]  # fmt: skip
    for names, expected in cases:
        given = Samples("s", images=noise(8, 1, 4, 4), splits={name: splits[name] for name in names})
        assert training_rows(given).tolist() == expected


def test_splits_reach_the_draw_the_bank_and_the_preparation() -> None:
    given = samples(splits={"train": mask(40, *range(3, 35, 2)), "test": mask(40, *range(4, 36, 2))})
    parts = parts_of("npid", of=given, batch_size=5)
    draw, bank = parts.objective.draw, parts.objective.sources[0]
    assert isinstance(bank, Bank)
    assert len(bank.remembered) == 16
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(12):
        batch = draw(generator)
        assert batch.notes["label"].tolist() == [(3 + 2 * node) % 4 for node in batch.nodes.tolist()]
        seen |= set(batch.nodes.tolist())
    assert seen == set(range(16))
    assert given.images is not None
    fitted = Pixels.fit(given.images, 8, training_rows(given))
    assert isinstance(parts.preparation, Pixels)
    assert parts.preparation.mean == fitted.mean
    assert isinstance(parts.everything, Gallery)
    assert sum(len(inputs.x) for inputs in parts.everything) == 40, "all pictures are placed, tested ones too"
    assert train(parts.objective).status == "finished"


def test_labels_may_have_any_numbers() -> None:
    y = torch.tensor([7, -1, 3, 100, 3, 7])
    found, count = class_numbers(y)
    assert found is not None
    assert (found.tolist(), count) == ([1, -1, 0, 2, 0, 1], 3)
    assert class_numbers(None) == (None, 0)
    assert class_numbers(torch.full((3,), -1))[1] == 0
    parts = parts_of("supervised", of=samples(y=torch.arange(40) % 4 + 5))
    assert parts.objective.terms[0].source.directions.shape[0] == 4
    assert train(parts.objective).status == "finished"


@pytest.mark.parametrize(("side", "shape", "expected"), [("auto", (3, 8, 12), 12), ("auto", (1, 300, 90), 64)])
def test_views_have_the_side_of_the_pictures_up_to_64(side: Any, shape: tuple[int, int, int], expected: int) -> None:
    assert PictureRecipe(side=side).side_for(noise(2, *shape).shape) == expected
    assert PictureRecipe(side=96).side_for(noise(2, *shape).shape) == 96


def test_the_side_is_that_of_views_and_of_whole_pictures() -> None:
    given = samples()
    parts = parts_of("simclr", of=given, side=10)
    assert parts.objective.draw(torch.Generator()).inputs.x.shape == (32, 3, 10, 10)
    assert given.images is not None
    assert isinstance(parts.preparation, Pixels)
    (inputs,) = parts.everything
    fitted = parts.preparation
    expected = whole(given.images.take(torch.arange(40)), 10, mean=fitted.mean, std=fitted.std)
    torch.testing.assert_close(inputs.x, expected)


def test_the_seed_decides_all_weights(rng_untouched: None) -> None:
    def state(seed: int) -> dict[str, Tensor]:
        recipe = recipe_named("iraug", seed=seed, encoder="convnet", add="cld")
        return assemble(samples(), recipe).objective.state_dict()

    first, again, other = state(0), state(0), state(1)
    assert list(first) == list(again)
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = ("encoder.convs.0.weight", "heads.0.steps.0.weight", "heads.1.layer.weight", "sources.0.remembered")
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


@pytest.mark.parametrize("channels", [1, 3])
def test_encoders_by_name_read_the_channels_that_there_are(channels: int) -> None:
    given = samples(channels=channels)
    for name, kind, width in (("convnet", ConvNet, 128), ("resnet18", ResNet18, 512)):
        parts = assemble(given, recipe_named("simclr", encoder=name))
        assert type(parts.objective.encoder) is kind
        assert parts.encoder_name == name
        batch = parts.objective.draw(torch.Generator())
        assert parts.objective.encode(batch).z.shape == (32, width)
        assert parts.objective.encoder.config()["channels"] == channels
    assert parts_of("simclr").encoder_name == "custom"


@pytest.mark.parametrize(("side", "stem"), [(64, "cifar"), (65, "imagenet")])
def test_large_views_begin_by_shrinking(side: int, stem: str) -> None:
    parts = assemble(samples(), recipe_named("simclr", encoder="resnet18", side=side))
    assert parts.objective.encoder.config()["stem"] == stem
    asked = assemble(samples(), recipe_named("simclr", encoder="resnet18", side=side, stem="imagenet"))
    assert asked.objective.encoder.config()["stem"] == "imagenet"


def test_a_stem_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="stem is 'cifar' and convnet begins in one way only"):
        assemble(samples(), recipe_named("simclr", encoder="convnet", stem="cifar"))
    with pytest.raises(InputError, match="stem"):
        assemble(samples(), recipe_named("simclr", encoder="resnet18", stem="large"))


@pytest.mark.parametrize("name", ["mlp", "gcn", "table"])
def test_encoders_of_other_data_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"the encoder '{name}' reads no pictures: choose one of convnet, conv"):
        assemble(samples(), recipe_named("simclr", encoder=name))


def test_the_width_of_a_module_is_found_in_one_pass() -> None:
    encoder, example = Plain(Net()), torch.zeros(2, 3, 8, 8)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert feature_width(encoder.train(), example) == 12
    assert encoder.training
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    assert feature_width(ConvNet(3, (4, 9)), torch.zeros(0)) == 9, "known without a pass"
    with pytest.raises(InputError, match=r"returns \(2, 4, 6, 6\) for 2 pictures: it has to return a row a picture"):
        feature_width(Plain(nn.Conv2d(3, 4, 3)), example)


def test_the_head_is_kept_where_the_projection_is_the_embedding() -> None:
    assert parts_of("simclr").head is None
    parts = parts_of("simclr", output="projection")
    assert parts.head is parts.objective.terms[0].head
    assert parts_of("simclr", output="projection", head="none").head is None


def test_calibration_is_of_the_own_term_and_leaves_the_encoder_as_it_was() -> None:
    first, again = (parts_of("genurl-gkl", sigma_z="auto", mu_z="auto", add="cld+eir+de") for _ in range(2))
    similarity = first.objective.terms[0].similarity
    given = [term.similarity for term in parts_of("genurl-gkl", add="cld+eir+de").objective.terms]
    assert [term.similarity for term in first.objective.terms[1:]] == given[1:]
    assert (similarity.sigma, similarity.mu) != (1.0, 0.0)
    assert similarity == again.objective.terms[0].similarity
    plain = parts_of("genurl-gkl").objective.encoder.state_dict()
    assert all(torch.equal(value, plain[key]) for key, value in first.objective.encoder.state_dict().items())


def test_what_belongs_to_the_other_kind_of_run_is_refused() -> None:
    graph = Graph.from_edges(torch.tensor([0]), torch.tensor([1]), 40)
    with pytest.raises(InputError, match="a similarity graph and a method for pictures are both given"):
        assemble(samples(), recipe_named("simclr"), graph=graph)
    rows = Samples("rows", x=torch.rand(9, 3))

    def own(_: object) -> Term:
        raise AssertionError

    with pytest.raises(InputError, match="terms to add are given to a recipe for graphs: choose a method for pictures"):
        assemble(rows, Recipe(n_neighbors=3), add=[own])


class Watched(Stack):
    """Pictures; something happens when a chosen batch of them is taken."""

    left: int = 10**9
    event: Callable[[], None] = staticmethod(kill)

    def take(self, indices: Tensor) -> Tensor:
        """Counts down, then takes."""
        self.left -= 1
        if self.left < 0:
            self.left = 10**9
            self.event()
        return super().take(indices)


#: Bank, queue, slow copy, clusters, both relations of EIR, cut mixtures, small crops, random views: all at once.
EVERYTHING = {
    "add": "bank+cld+eir+de", "mix": "cutmix", "views": "multi-crop", "num_views": 2, "bank_negatives": 9,
    "ema_rising": True, "head": "mlp", "batch_size": 12, "queue_size": 17,
}  # fmt: skip


def everything() -> tuple[Parts, Watched]:
    pixels = samples().images
    assert pixels is not None
    images = Watched(pixels.take(torch.arange(40)))
    parts = assemble(samples(images=images), recipe_named("moco", **EVERYTHING), encoder=small_convnet())
    return parts, images


def small_convnet() -> ConvNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ConvNet(3, (5, 6))


SETTINGS = Settings(epochs=2, lr=0.01, optimiser="adamw", weight_decay=0.01, checkpoint_seconds=0)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, dict[str, Tensor]]:
    path = tmp_path_factory.mktemp("whole") / "c"
    parts, _ = everything()
    run = Trainer(SETTINGS, checkpoint=path).fit(parts.objective)
    return parts.objective, run, load_file(path)


@pytest.mark.parametrize(("at", "killed"), [(1, True), (2, True), (3, True), (4, True), (5, True), (2, False)])
def test_a_broken_run_goes_on_bit_for_bit(at: int, killed: bool, unbroken: Any, tmp_path: Path) -> None:
    """Three batches an epoch: in the middle of one, and between two."""
    whole_run, trained, expected = unbroken
    parts, images = everything()
    images.left, images.event = at, kill if killed else ctrl_c
    if killed:
        with pytest.raises(Killed):
            Trainer(SETTINGS, checkpoint=tmp_path / "c").fit(parts.objective)
    else:
        assert Trainer(SETTINGS, checkpoint=tmp_path / "c").fit(parts.objective).status == "interrupted"
    fresh, _ = everything()
    resumed = Trainer(SETTINGS, checkpoint=tmp_path / "c").fit(fresh.objective, resume=True)
    assert resumed.status == "finished"
    assert without_time(resumed) == without_time(trained)
    assert same_state(fresh.objective, whole_run)
    found = load_file(tmp_path / "c")
    assert list(found) == list(expected)
    assert not [key for key in expected if not torch.equal(found[key], expected[key])]
    names = {"draw.order", "draw.place", "sources.0.keys", "sources.0.written", "sources.1.remembered"}
    assert {f"model.{name}" for name in names} <= set(found)


def test_processes_that_share_views_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.assembly.pictures.current", lambda: Ranks(0, 2))
    with pytest.raises(InputError, match="2 processes share a run on views of pictures"):
        parts_of("simclr")
