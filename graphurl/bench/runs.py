"""Runs of the table of methods on pictures."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphurl.bench.images import Protocol, Row
from graphurl.bench.kept import Kept
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.samples import Samples
from graphurl.data.variants import variant
from graphurl.embedding import versions, write_array, write_json
from graphurl.errors import InputError
from graphurl.evaluation.protocols import fast_linear
from graphurl.evaluation.retrieval import weighted_knn
from graphurl.evaluation.spread import class_spread
from graphurl.functional.spread import effective_rank
from graphurl.pipeline import fit, prepare
from graphurl.recipes import DistillRecipe
from graphurl.runs import plain
from graphurl.source import Source

#: Which of its runs teaches: all students, whatever their seed, have one teacher.
TEACHERS_SEED = 0
#: Side of the raw pixels that methods are held against.
PIXEL_SIDE = 24


class Bench(Kept[Row]):
    """A table in the making.

    Args:
        protocol: What all rows share.
        folder: Where measurements are kept, a file for each row and seed.
        root: Folder with data sets.
        device: auto, cpu, cuda or mps.
    """

    def __init__(self, protocol: Protocol, folder: Path, root: str | None = None, device: str = "auto") -> None:
        """Reads nothing yet."""
        super().__init__(folder)
        self.protocol, self.root, self.device = protocol, root, device
        self._loaded: Samples | None = None

    @property
    def samples(self) -> Samples:
        """The protocol's pictures, read once."""
        if self._loaded is None:
            self._loaded = Source(data=self.protocol.data).load(self.root, pictures=True).samples
        return self._loaded

    def pictures(self, row: Row) -> Samples:
        """The pictures of a row: a long tail or near-copies take the place of the even subset."""
        kept = row.variant or (f"subset:{self.protocol.subset}" if self.protocol.subset else "")
        return variant(self.samples, kept) if kept else self.samples

    def values(self, row: Row, seed: int) -> list[Any]:
        """The protocol's and the method's values."""
        protocol = self.protocol
        recipe = protocol.values(row, seed)
        values = [protocol.data, protocol.subset, protocol.steps_of(row), row.variant, recipe.chosen()]
        if isinstance(recipe, DistillRecipe):
            values.append([self._teacher.variant, protocol.values(self._teacher, TEACHERS_SEED).chosen()])
        return values

    @property
    def _teacher(self) -> Row:
        assert self.protocol.teacher is not None
        return self.protocol.teacher

    def answers(self) -> np.ndarray:
        """What the teacher says of every picture: kept beside its measurement, which is made where it is missing."""
        path = self.path(self._teacher, TEACHERS_SEED)
        if not path.with_suffix(".npy").is_file():
            write_json(path, self.run(self._teacher, TEACHERS_SEED))
        found: np.ndarray = np.load(path.with_suffix(".npy"))
        return found

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Trains one row and judges features and projection."""
        samples = self.pictures(row)
        rows = int(samples.splits["train"].sum()) if "train" in samples.splits else len(samples)
        recipe = self.protocol.recipe(row, seed, rows)
        teacher = self.answers() if isinstance(recipe, DistillRecipe) else None
        wall, cpu = time.perf_counter(), time.process_time()
        ready = prepare(samples, recipe=recipe, device=self.device, teacher=teacher)
        result = fit(ready)
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        z, shown = result.z, ready.parts.everything
        if row == self.protocol.teacher:
            # Whatever it was trained on, it is judged on the pictures that its students see, and teaches those.
            samples = self.pictures(replace(row, variant=""))
            assert samples.images is not None
            assert isinstance(ready.parts.preparation, Pixels)
            shown = Gallery(samples.images, ready.parts.preparation)
            z = result.model.place(shown).numpy()
            if seed == TEACHERS_SEED:
                write_array(self.path(row, seed).with_suffix(".npy"), z)
        head = ready.parts.objective.terms[0].head
        projected = replace(result.model, head=head.cpu()).place(shown).numpy()
        values: dict[str, Any] = plain({
            "row": asdict(row), "seed": seed, "settings": recipe.to_dict(), "epochs": len(result.history),
            "steps": ready.parts.objective.steps * len(result.history),
            "loss": result.history[-1]["loss"] if result.history else None,
            **judged(z, samples, "h", "cosine"),
            **judged(projected, samples, "z", recipe.metric_z),
            # Without the local part, which names how a package was built and not what it computes.
            **spent, "versions": {name: found.split("+")[0] for name, found in versions().items()},
        })  # fmt: skip
        return values

    def raw_pixels(self) -> dict[str, float | None]:
        """What the pixels themselves give, without any network."""
        samples = self.pictures(Row("raw pixels", "simclr"))
        assert samples.images is not None
        size = range(0, len(samples), 4096)
        flat = [
            samples.images.take(torch.arange(start, min(start + 4096, len(samples)))).float().div(255) for start in size
        ]
        small = [
            torch.nn.functional.interpolate(x, size=(PIXEL_SIDE, PIXEL_SIDE), mode="bilinear", antialias=True)
            for x in flat
        ]
        rows = torch.cat([x.flatten(1) for x in small])
        centred = (rows - rows.mean(dim=0)).numpy()
        return judged(centred, samples, "h", "cosine")


def judged(z: np.ndarray, samples: Samples, space: str, metric: str) -> dict[str, float | None]:
    """Weighted kNN, linear accuracy, separation of classes and rank, of one space."""
    assert samples.y is not None
    y, splits = samples.y.numpy(), {name: mask.numpy() for name, mask in samples.splits.items()}
    votes = weighted_knn(z, y, splits=splits, metric=metric)
    test = splits.get("test", np.ones(len(z), dtype=bool))
    return {
        f"knn200_{space}": 100 * votes["weighted_knn_200"],
        f"knn20_{space}": 100 * votes["weighted_knn_20"],
        f"linear_{space}": 100 * fast_linear(z, y, splits=splits)["accuracy"],
        f"nlad_{space}": _nlad(z[test], y[test]),
        f"rank_{space}": float(effective_rank(torch.from_numpy(z[test]))),
    }


def _nlad(z: np.ndarray, y: np.ndarray) -> float | None:
    """NLAD, or None where it is not defined: a projection of fewer dimensions than there are classes."""
    try:
        return float(class_spread(z, y)["nlad"])
    except InputError:
        return None
