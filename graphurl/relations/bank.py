"""The memory bank: one remembered embedding for each picture (NPID, IR, IRaug), and views seen through it (EIR)."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded
from graphurl.errors import InputError
from graphurl.functional.distance import unit_rows
from graphurl.functional.sparse import indicator
from graphurl.relations.relation import Batch, Relation, Source
from graphurl.relations.views import Views, require_two
from graphurl.similarity import Similarity


class Bank(Source):
    """Views against the bank of all pictures; p = 1 for a picture's own row.

    Args:
        size: Number of pictures.
        dim: Dimension of the embedding.
        momentum: m of v_i ← unit((1 - m) z_i + m v_i); the first view refreshes the bank.
        negatives: Rows of other pictures drawn for each batch; 0 takes the whole bank.
        generator: Source of the start: random directions.
    """

    remembered: Tensor

    def __init__(
        self,
        size: int,
        dim: int,
        *,
        momentum: float = 0.5,
        negatives: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Starts with random unit rows."""
        super().__init__()
        if not 0 <= momentum < 1:
            raise InputError(f"bank_momentum is {momentum}: give the share of the old row that is kept, 0 to below 1")
        self.momentum, self.negatives = momentum, negatives
        self.register_buffer("remembered", unit_rows(torch.randn(size, dim, generator=generator)))

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """All views × the bank, or × the batch's own rows and drawn others."""
        views = Views.of(batch, out.z).all
        rows, count = views.flatten(0, 1), len(views)
        if not self.negatives:
            return Relation(rows, self.remembered, indicator(batch.nodes.repeat(count), len(self.remembered)))
        n, device = len(batch.nodes), rows.device
        drawn = torch.randint(len(self.remembered), (self.negatives,)).to(device)
        column = torch.cat([batch.nodes, drawn])
        own = torch.arange(n, device=device)
        # A column is left out if it is the row's own picture drawn once more, or another picture of the batch.
        left_out = torch.cat([~torch.eye(n, dtype=torch.bool, device=device), drawn == batch.nodes[:, None]], dim=1)
        p = indicator(own.repeat(count), len(column))
        return Relation(rows, self.remembered[column], p, left_out=left_out.repeat(count, 1))

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Refreshes the rows of the batch."""
        fresh = unit_rows(Views.of(batch, out.z).full[0]).to(self.remembered.dtype)
        before = self.remembered[batch.nodes]
        self.remembered[batch.nodes] = unit_rows((1 - self.momentum) * fresh + self.momentum * before)


class Crossview(Source):
    """What one view says of the bank is prescribed to the other: D = softmax of view 1, KL(D ‖ D̂) (EIR intra).

    Args:
        similarity: Kernel with the temperature inside, the term's own.
        bank: Columns of the comparison; absent means the batch's own embeddings of view 1, without gradient and
            without the picture itself.
        through: Whether the gradient also runs through D.
    """

    def __init__(self, similarity: Similarity, bank: Bank | None = None, *, through: bool = True) -> None:
        """Refers to the bank without owning it: the bank belongs to its own term."""
        super().__init__()
        self.similarity, self.through = similarity, through
        self._bank = (bank,)

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """View 2 × bank; p is a dense distribution over each row."""
        views = Views.of(batch, out.z)
        require_two(views)
        first, second = views.full[0], views.full[1]
        (bank,) = self._bank
        if bank is not None:
            log_share = self.similarity.of(first, bank.remembered).log_softmax(dim=1)
            # Far below float32's smallest share the slope of p log p would be infinite.
            p = log_share.clamp_min(-80).exp()
            return Relation(second, bank.remembered, p if self.through else p.detach())
        own = torch.eye(len(first), dtype=torch.bool, device=first.device)
        with torch.no_grad():
            p = self.similarity.of(first, first.clone()).masked_fill(own, -torch.inf).softmax(dim=1)
        return Relation(second, first.detach(), p, left_out=own)


class Interpolation(Source):
    """Mixed pictures lie where their parts' embeddings mix (EIR inter).

    Columns are the embeddings of r x_i ⊕ (1 - r) x_j, rows are unit(r z_i + (1 - r) z_j), p is the identity.
    The draw makes the mixtures and notes r and the partners.
    """

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """Interpolated × mixed, n × n."""
        views = Views.of(batch, out.z)
        if views.mixed is None:
            raise InputError("the batch holds no mixtures: set mix to mixup or cutmix")
        z, r = unit_rows(views.full[0]), batch.notes["ratio"].to(views.full)
        between = r * z + (1 - r) * z[batch.notes["partner"]]
        p = indicator(torch.arange(len(z), device=z.device), len(z))
        return Relation(between, views.mixed, p)
