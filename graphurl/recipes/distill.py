"""The recipe for students: what a teacher prescribes, for rows of numbers and for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graphurl.recipes.choices import Auto
from graphurl.recipes.pictures import PictureRecipe


@dataclass(frozen=True)
class DistillRecipe(PictureRecipe):
    """Settings of a student of a teacher; those of runs on pictures are listed in `PictureRecipe`.

    Attributes:
        task: Always kd.
        reads: rows or pictures.
        relation: The first term: teacher (the teacher's similarities of all pairs, or whole matrices, as the loss
            asks) or anchors (the teacher's vectors as columns: SEED, CRD).
        add: Further terms, joined by +: those of pictures, and whole methods for pictures such as simclr or moco.
        features: Preparation of rows, as for maps; auto is l2 where the student reads what the teacher says, else
            scale.
        nu_x: ν of the teacher's similarity.
        sigma: σ_X on the teacher's cosine distances, from 0 to 2; auto calibrates it to log2 k neighbours.
        mu_x: μ_X, or auto: the mean distance to the nearest neighbour.
        n_neighbors: k of the calibration.
        centre: Take the mean of all of the teacher's vectors off each before they are compared by cosines.
        near: Share of a batch of rows that are the teacher's neighbours of the rest.
        memory: Past samples that are columns as well; 0 for none.
        memory_ema: Momentum of a slow copy of the student that fills the memory; 0 for the student itself.
        anchor_dim: Dimension in which CRD compares; 0 is the teacher's own (SEED).
        teacher_weight: Weight of the teacher's term beside others.
    """

    tasks: ClassVar[tuple[str, ...]] = ("kd",)
    verb: ClassVar[str] = "distill"

    task: str = "kd"
    reads: str = "rows"
    relation: str = "teacher"
    features: str = "auto"
    nu_x: float = 100.0
    sigma: Auto = 1.0
    mu_x: Auto = 0.0
    n_neighbors: int = 15
    centre: bool = False
    near: float = 0.0
    memory: int = 0
    memory_ema: float = 0.0
    anchor_dim: int = 0
    teacher_weight: float = 1.0

    @property
    def pictures(self) -> bool:
        """Whether the student reads pictures."""
        return self.reads == "pictures"
