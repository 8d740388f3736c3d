from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.losses import KL, InfoNCE


@pytest.mark.parametrize("loss", [KL(over="rows"), InfoNCE(), InfoNCE(temperature=0.3)], ids=repr)
def test_entries_and_normalisers_tell_all_that_the_matrix_does(loss: KL) -> None:
    generator = torch.Generator().manual_seed(0)
    log_q = -torch.rand(6, 9, generator=generator, dtype=torch.float64) * 4
    p = torch.rand(6, 9, generator=generator, dtype=torch.float64)
    p = p * (p < 0.4)
    p[3] = 0
    log_q.requires_grad_()

    def log_z(count: Tensor, temperature: float) -> Tensor:
        return (count * (log_q / temperature).logsumexp(1)).sum()

    row, col = p.nonzero().T
    found = loss.of_entries(row, p[row, col], log_q[row, col], 6, log_z)
    wanted = loss.partial(p, log_q)
    torch.testing.assert_close(found, wanted)
    for a, b in zip(*(torch.autograd.grad(stats[0], log_q) for stats in (found, wanted)), strict=True):
        torch.testing.assert_close(a, b)


def test_without_any_entry_nothing_counts() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    seen: list[Tensor] = []

    def log_z(count: Tensor, temperature: float) -> Tensor:
        seen.append(count)
        return count.sum()

    found = KL(over="rows").of_entries(none, torch.zeros(0), torch.zeros(0), 4, log_z)
    assert found.tolist() == [0, 0]
    assert seen[0].tolist() == [0, 0, 0, 0]
