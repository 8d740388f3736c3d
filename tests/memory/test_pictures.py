"""Memory of runs on pictures: what an encoder keeps of a row, and estimates beside the peaks of fresh processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from graphurl import registry
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.encoders.pictures import PictureEncoder
from graphurl.errors import InputError
from graphurl.memory import room
from graphurl.memory.pictures import estimate_memory_of_views, kept_by
from graphurl.pipeline import prepare


def test_what_an_encoder_keeps_is_counted_by_the_row() -> None:
    class Squares(PictureEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.channels = self.width = 3
            self.weight = torch.nn.Parameter(torch.ones(3, 5, 5))

        def pooled(self, x: Tensor) -> Tensor:
            assert not self.training
            return (x * self.weight.exp()).square().sum((2, 3))

    encoder = Squares().train()
    # The product keeps its picture, and the square what it squares: 2 × 3 × 5 × 5 floats; exp is of no row.
    assert kept_by(encoder, torch.rand(1, 3, 5, 5)) == 2 * 75 * 4
    assert encoder.training
    for frozen in encoder.parameters():
        frozen.requires_grad_(False)
    assert kept_by(encoder, torch.rand(1, 3, 5, 5)) == 0


def test_a_network_is_left_as_it_was_and_too_large_a_batch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = Samples("p", images=Stack(torch.zeros(70, 3, 8, 8, dtype=torch.uint8)))
    asked: dict[str, object] = {"method": "simclr", "encoder": "mobilenet", "batch_size": 64, "precision": "float32"}
    encoder = prepare(pictures, **asked).parts.objective.encoder
    monkeypatch.setattr("graphurl.pipeline.require_memory_of_views", lambda *parts: 0)
    plain = prepare(pictures, **asked).parts.objective.encoder
    for one, other in zip(encoder.buffers(), plain.buffers(), strict=True):
        assert torch.equal(one, other)
    monkeypatch.undo()
    monkeypatch.setattr(room, "available_memory", lambda: int(0.5e9))
    with pytest.raises(InputError, match=r"the run needs about 0\.\d GB and 0\.5 GB are free: take a smaller batch"):
        prepare(pictures, **asked)
    prepare(pictures, **{**asked, "encoder": "convnet"})


def test_mixtures_and_small_crops_are_views_too() -> None:
    recipe = registry.resolve("recipes", "simclr")

    def need(**changes: object) -> int:
        return estimate_memory_of_views(10_000, recipe.but(**changes), per_view=1e6, weights=0)

    assert need(add="cld + inter") == pytest.approx(need(num_views=3), rel=1e-6)
    assert need(views="multi-crop") - need() == pytest.approx(256e6 * 4 * (96 / 224) ** 2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("picture('convnet', 256)", "pictures"), ("picture('mobilenet', 64)", "pictures"),
        ("picture('resnet18', 64, precision='float32')", "pictures"), ("student('distill')", "tables"),
        ("student('distill-kl')", "tables"), ("student('distill-seed')", "tables"),
    ],
)
def test_estimates_are_within_a_third(code: str, module: str) -> None:
    before = (
        f"import torch, graphurl, graphurl.memory.{module} as memory\n"
        "from graphurl.data.samples import Samples\n"
        "from graphurl.data.stacks import Stack\n"
        "torch.set_num_threads(1)\n"
        f"name = 'estimate_memory_of_{'views' if module == 'pictures' else 'student'}'\n"
        "whole, need = getattr(memory, name), []\n"
        "setattr(memory, name, lambda *a, **k: need.append(whole(*a, **k)) or need[0])\n"
        "draw = torch.Generator().manual_seed(0)\n"
        "def picture(encoder, n, **rest):\n"
        "    images = torch.randint(255, (n, 3, 24, 24), dtype=torch.uint8, generator=draw)\n"
        "    given = Samples('p', images=Stack(images))\n"
        "    return graphurl.embed(given, method='simclr', encoder=encoder, batch_size=n, epochs=3, **rest)\n"
        "def student(method):\n"
        "    x = torch.randn(20_000, 512, generator=draw)\n"
        "    return graphurl.embed(x, method=method, teacher=x, epochs=1)\n"
    )
    after = f"peak = {code}.timing['peak_memory']\nprint(need[0], peak)\n"
    command = [sys.executable, "-W", "ignore", "-c", before + after]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    need, peak = map(float, done.stdout.split())
    assert need == pytest.approx(peak, rel=0.35)
