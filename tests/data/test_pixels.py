"""Preparation of whole pictures: measured on the fitted ones, the same for all that follow."""

from __future__ import annotations

import pytest
import torch

from graphurl.augment.views import whole
from graphurl.data import pixels as module
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.stacks import Images, Stack
from graphurl.errors import InputError


def pictures(n: int = 30, channels: int = 3, height: int = 8, width: int = 8, seed: int = 0) -> Stack:
    generator = torch.Generator().manual_seed(seed)
    top = torch.tensor([90, 160, 256])[:channels].view(1, channels, 1, 1)
    raw = torch.rand(n, channels, height, width, generator=generator) * top
    return Stack(raw.to(torch.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_and_deviation_of_each_channel(channels: int) -> None:
    images = pictures(channels=channels)
    fitted = Pixels.fit(images, 8)
    raw = images.take(torch.arange(30)).double() / 255
    for c in range(channels):
        values = raw[:, c].flatten()
        assert float(fitted.mean[c]) == pytest.approx(float(values.sum() / len(values)), rel=1e-5)
        deviation = ((values - values.sum() / len(values)) ** 2).sum() / len(values)
        assert float(fitted.std[c]) == pytest.approx(float(deviation.sqrt()), rel=1e-5)
    made = fitted.apply(images.take(torch.arange(30)))
    assert made.dtype == torch.float32
    torch.testing.assert_close(made.mean((0, 2, 3)), torch.zeros(channels), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.std((0, 2, 3), correction=0), torch.ones(channels))


def test_only_the_rows_that_are_trained_on_are_measured() -> None:
    images, rows = pictures(), torch.tensor([3, 17, 5, 5])
    fitted = Pixels.fit(images, 8, rows)
    torch.testing.assert_close(torch.tensor(fitted.mean), (images.take(rows).float() / 255).mean((0, 2, 3)))
    assert fitted.mean != pytest.approx(Pixels.fit(images, 8).mean, rel=1e-3)


def test_of_many_pictures_some_are_measured_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEASURED", 4)
    taken = []

    class Watched(Stack):
        def take(self, indices: torch.Tensor) -> torch.Tensor:
            taken.append(indices.tolist())
            return super().take(indices)

    Pixels.fit(Watched(pictures(31).take(torch.arange(31))), 8)
    assert taken == [[0, 10, 20, 30]]


def test_a_channel_without_contrast_becomes_zero() -> None:
    raw = torch.full((5, 3, 4, 4), 7, dtype=torch.uint8)
    raw[:, 1] = torch.arange(16, dtype=torch.uint8).view(4, 4)
    made = Pixels.fit(Stack(raw), 4).apply(raw)
    assert bool(torch.isfinite(made).all())
    torch.testing.assert_close(made[:, [0, 2]], torch.zeros(5, 2, 4, 4), atol=1e-5, rtol=0)
    assert float(made[:, 1].std()) > 0.9


def test_pictures_are_brought_to_one_side() -> None:
    images = pictures(6, height=12, width=9)
    fitted = Pixels.fit(images, 5)
    raw = images.take(torch.arange(6))
    made = fitted.apply(raw)
    assert made.shape == (6, 3, 5, 5)
    torch.testing.assert_close(made, whole(raw, 5, mean=fitted.mean, std=fitted.std))


def test_pictures_of_another_kind_are_refused() -> None:
    fitted = Pixels.fit(pictures(), 8)
    with pytest.raises(InputError, match=r"have 1 channel\(s\) and the model was fitted on 3"):
        fitted.apply(pictures(channels=1).take(torch.arange(2)))


def test_what_is_written_down_rebuilds_it() -> None:
    fitted = Pixels.fit(pictures(), 6)
    config = fitted.config()
    assert config == {"kind": "pixels", "side": 6, "channels": 3}
    again = Pixels(6, 3, dict(fitted.tensors))
    raw = pictures(seed=4).take(torch.arange(3))
    assert torch.equal(again.apply(raw), fitted.apply(raw))


@pytest.mark.parametrize("chunk", [1, 4, 7, 100])
def test_a_gallery_walks_over_all_pictures_in_order(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    images: Images = pictures(13)
    fitted = Pixels.fit(images, 8)
    gallery = Gallery(images, fitted)
    for _ in range(2):  # as often as one likes
        parts = [inputs.x for inputs in gallery]
        assert [len(part) for part in parts[:-1]] == [chunk] * (len(parts) - 1)
        torch.testing.assert_close(torch.cat(parts), fitted.apply(images.take(torch.arange(13))))
