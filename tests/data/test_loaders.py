from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from graphurl.data import as_samples
from graphurl.errors import InputError

X = torch.arange(60.0).reshape(10, 3, 2)
Y = torch.arange(10) % 3


class Stream(IterableDataset):  # type: ignore[type-arg]
    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(X)


class Plain(Dataset):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 10

    def __getitem__(self, i: int):  # type: ignore[no-untyped-def]
        if i >= 10:
            raise IndexError
        return X[i].numpy(), int(Y[i])


@pytest.mark.parametrize(
    "source",
    [TensorDataset(X), TensorDataset(X, Y), DataLoader(TensorDataset(X, Y), batch_size=4), DataLoader(X, batch_size=3),
     DataLoader(Stream(), batch_size=4), Plain(), DataLoader(X, batch_size=5, drop_last=True)],
)  # fmt: skip
def test_rows_come_in_order_each_sample_flattened(source: object) -> None:
    samples = as_samples(source)
    assert samples.x is not None
    assert torch.equal(samples.x, X.flatten(1))
    labelled = isinstance(source, Plain) or len(getattr(getattr(source, "dataset", source), "tensors", ())) == 2
    assert (samples.y is not None) == labelled
    assert samples.y is None or torch.equal(samples.y, Y)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DataLoader(TensorDataset(X), batch_size=4, shuffle=True), "shuffles.*shuffle=False"),
        (DataLoader(TensorDataset(X), batch_size=4, drop_last=True), "drops the last samples"),
        (DataLoader(TensorDataset(X), batch_size=None), "does not batch"),
        (DataLoader(["a", "b"], batch_size=2), "items of type"),
        (TensorDataset(torch.arange(4.0)), r"items of shape \(4,\)"),
        (DataLoader([{"x": X[0]}], batch_size=1), "items of type dict"),
    ],
)
def test_what_would_mislead_is_refused(source: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        as_samples(source)
    assert "\n" not in str(caught.value)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="row 3, column 1"):
        as_samples(TensorDataset(torch.where(X[3, 0, 1] == X, torch.nan, X)))
