from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.data.stacks import (
    Fingerprinted,
    Images,
    Joined,
    Picked,
    Stack,
    digest,
    pictures_of,
)
from graphurl.errors import InputError


def some(n: int = 5, channels: int = 3, height: int = 4, width: int = 6) -> Tensor:
    """Different bytes in every picture."""
    return torch.from_numpy(np.random.default_rng(n).integers(0, 256, (n, channels, height, width), dtype=np.uint8))


def all_of(images: Images) -> Tensor:
    return images.take(torch.arange(len(images)))


def test_taking_copies_any_rows_in_any_order() -> None:
    pixels = some()
    stack = Stack(pixels)
    assert isinstance(stack, Images)
    assert (len(stack), stack.shape) == (5, (3, 4, 6))
    rows = torch.tensor([4, 0, 0, 2])
    taken = stack.take(rows)
    assert taken.dtype == torch.uint8
    assert torch.equal(taken, pixels[rows])
    taken.zero_()
    assert torch.equal(stack.take(rows), pixels[rows])
    assert stack.take(torch.tensor([], dtype=torch.int64)).shape == (0, 3, 4, 6)
    with pytest.raises(IndexError):
        stack.take(torch.tensor([5]))


def test_a_file_is_mapped_and_only_rows_are_copied(tmp_path: Path) -> None:
    pixels = some(300, 3, 64, 64)
    np.save(tmp_path / "a.npy", pixels.numpy())
    tracemalloc.start()
    stack = Stack.open(tmp_path / "a.npy")
    taken = stack.take(torch.tensor([7, 299]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert torch.equal(taken, pixels[[7, 299]])
    assert peak < 8 * taken.numel()
    taken.zero_()  # a copy: neither an error nor a change on disk
    assert np.array_equal(np.load(tmp_path / "a.npy"), pixels.numpy())


def test_channels_last_are_not_copied_as_a_whole() -> None:
    array = np.zeros((300, 64, 64, 3), dtype=np.uint8)
    array[7, 1, 2] = 1, 2, 3
    stack = pictures_of(array)
    tracemalloc.start()
    taken = stack.take(torch.tensor([7]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken[0, :, 1, 2].tolist() == [1, 2, 3]
    assert taken.is_contiguous()
    assert peak < array.nbytes / 10


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_what_is_no_stack_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="no .npy file of pictures"):
        Stack.open(path)
    np.save(path, np.zeros((2, 3)))
    path.write_bytes(path.read_bytes().replace(b"}", b" "))
    with pytest.raises(InputError, match="no .npy file of pictures"):
        Stack.open(path)
    np.save(path, np.zeros((2, 3)))
    with pytest.raises(InputError, match="a.npy: float64 of shape"):
        Stack.open(path)
    for wrong in (some().float(), some()[0], some()[:0], some(channels=2)):
        with pytest.raises(InputError, match="a stack is uint8"):
            Stack(wrong)


@given(st.lists(st.integers(0, 8), max_size=12), st.permutations(range(9)))
def test_picked_and_joined_are_what_they_say(rows: list[int], order: list[int]) -> None:
    first, second, third = some(4), some(2), some(3)
    whole = torch.cat([first, second, third])
    joined = Joined([Stack(first), Stack(second), Stack(third)])
    taken = torch.tensor(rows, dtype=torch.int64)
    assert (len(joined), joined.shape) == (9, (3, 4, 6))
    assert torch.equal(joined.take(taken), whole[taken])
    picked = Picked(joined, torch.tensor(order))
    assert (len(picked), picked.shape) == (9, (3, 4, 6))
    assert torch.equal(picked.take(taken), whole[torch.tensor(order)][taken])


def test_joined_counts_from_the_end_and_refuses_more() -> None:
    joined = Joined([Stack(some(4)), Stack(some(2))])
    assert torch.equal(joined.take(torch.tensor([-1])), some(2)[[1]])


def test_every_layout_is_told_from_the_others() -> None:
    pixels = some()
    last = pixels.permute(0, 2, 3, 1)
    for array in (pixels, pixels.numpy(), last, last.numpy(), list(last.numpy()), pixels / 255, last.double() / 255):
        stack = pictures_of(array)
        assert torch.equal(all_of(stack), pixels)
    grey = some(channels=1)
    for array in (grey, grey[:, 0], grey.permute(0, 2, 3, 1), grey[:, 0].numpy() / 255):
        assert torch.equal(all_of(pictures_of(array)), grey)
    assert all_of(pictures_of(np.array([[[0.999, 0.001, 0.5]]], np.float16).repeat(2, 2))).unique().tolist() == [
        0,
        128,
        255,
    ]
    mask = grey[:, 0] > 100
    assert torch.equal(all_of(pictures_of(mask)), mask[:, None] * torch.tensor(255, dtype=torch.uint8))
    assert pictures_of(np.zeros((2, 1, 1, 1), dtype=np.uint8)).shape == (1, 1, 1)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("last", [False, True])
def test_alpha_is_dropped_with_a_warning(channels: int, last: bool) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, channels, 7, 5), dtype=np.uint8))
    with pytest.warns(UserWarning, match="t: the alpha channel is dropped"):
        stack = pictures_of(pixels.permute(0, 2, 3, 1) if last else pixels, "t")
    assert torch.equal(all_of(stack), pixels[:, :-1])


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 3, 5, 3), np.uint8), "first or last: put them first"),
        (np.zeros((2, 1, 5, 3), np.uint8), "first or last"),
        (np.zeros((2, 4, 5, 4), np.uint8), "first or last"),
        (np.zeros((2, 5, 5, 5), np.uint8), "no axis of 1 or 3 channels"),
        (np.zeros((9, 9, 3), np.uint8), r"give array\[None\]"),
        (np.zeros((9, 9, 4), np.uint8), r"give array\[None\]"),
        (np.zeros((9, 9), np.uint8), "give n × height × width"),
        (np.zeros((0, 9, 9), np.uint8), "empty"),
        (np.zeros((2, 9, 9), np.int64), "pictures of type int64: give uint8"),
        (np.zeros((2, 9, 9), complex), "pictures of type complex"),
        (np.full((2, 9, 9), 2.0), "values from 2 to 2: give uint8"),
        (np.full((2, 9, 9), -0.5), "values from -0.5"),
        (np.full((2, 9, 9), np.nan), "values from nan"),
        ([np.zeros((2, 9)), np.zeros((3, 9))], "give pictures of one size"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array: object, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        pictures_of(array, "t")
    assert str(caught.value).startswith("t: ")


def test_bad_values_behind_the_first_block_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.data.stacks._BLOCK", 100)
    array = np.zeros((50, 3, 5))
    array[49, 2, 2] = 1.5
    with pytest.raises(InputError, match="to 1.5"):
        pictures_of(array)


def test_the_digest_is_that_of_shape_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = some()
    expected = hashlib.sha256(b"(3, 4, 6)" + pixels.numpy().tobytes()).hexdigest()
    assert digest(Stack(pixels)) == expected
    monkeypatch.setattr("graphurl.data.stacks._BLOCK", 150)  # two pictures at a time
    assert digest(Picked(Stack(pixels.flip(0)), torch.arange(4, -1, -1))) == expected
    other = pixels.clone()
    other[4, 2, 3, 5] ^= 1
    assert digest(Stack(other)) != expected
    assert digest(Stack(pixels.view(5, 3, 6, 4))) != expected


def test_images_may_know_their_own_digest() -> None:
    class Own(Stack):
        def fingerprint(self) -> str:
            return "own"

    assert isinstance(Own(some()), Fingerprinted)
    assert digest(Own(some())) == "own"
