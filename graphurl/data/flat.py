"""Samples whose pictures lie flat, as rows of numbers, and the way there and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from graphurl.data.samples import Samples
from graphurl.data.stacks import PLAIN, Stack, blocks, to_bytes
from graphurl.errors import InputError


def as_pictures(samples: Samples) -> Samples:
    """Turns rows that are pictures into bytes; samples that have pictures already stay as they are.

    Args:
        samples: Pictures, or rows of float32 in [0, 1] with the shape (channels, height, width) of each.

    Returns:
        Samples with `images` and without `x`.

    Raises:
        InputError: Where the samples are no pictures.
    """
    if samples.images is not None:
        return samples
    shape = samples.shape
    if samples.x is None or shape is None or len(shape) != 3 or shape[0] not in PLAIN:
        what = "a graph" if samples.x is None else f"rows of {samples.x.shape[1]} numbers"
        raise InputError(
            f"{samples.name}: {what}, no pictures: give a folder of pictures, an array n × height × width × "
            "channels, or a data set of pictures such as cifar-10"
        )
    rows = samples.x if samples.x.layout == torch.strided else samples.x.to_dense()
    pixels = to_bytes(rows.numpy(), samples.name).reshape(len(samples), *shape)
    return replace(samples, x=None, feature_names=None, images=Stack(pixels, samples.name))


def flattened(samples: Samples) -> Samples:
    """Turns pictures into rows of numbers; samples without pictures, or with rows already, stay as they are.

    Args:
        samples: What may be pictures.

    Returns:
        Samples with `x`, float32 in [0, 1], each row a picture flattened from (channels, height, width), and without
        `images`.
    """
    images = samples.images
    if images is None or samples.x is not None:
        return samples
    rows = torch.empty(len(images), int(np.prod(images.shape)))
    for part in blocks(*rows.shape):
        block = images.take(torch.arange(part.start, part.stop)).flatten(1)
        torch.div(block, 255.0, out=rows[part])
    return replace(samples, x=rows, images=None)
