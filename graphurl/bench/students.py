"""The table of students of pictures: one teacher, small networks, each loss of distillation, alone and beside SimCLR.

As GenURL's Tables IV and VI: students of one teacher, which is trained by SimCLR first, beside the same network trained
by SimCLR without it; pictures, views and steps are the same for all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphurl.bench import images
from graphurl.bench.images import Protocol, Row
from graphurl.recipes.students import BY_LOSS

#: Students, by the names that papers give them.
STUDENTS = {"MobileNetV2": "mobilenet", "ShuffleNetV1": "shufflenet", "small CNN": "convnet"}
#: A teacher on a CPU is the small CNN, trained three times as long as a student.
TEACHER = Row("teacher", "simclr", {"epochs": 150})

FULL = replace(images.FULL, teacher=TEACHER)
FAST = replace(images.FAST, teacher=replace(TEACHER, changes={"epochs": 38}))
#: For a GPU: the teacher is a ResNet-50.
LARGE = replace(images.LARGE, teacher=replace(TEACHER, changes={"encoder": "resnet50"}))


def rows(protocol: Protocol) -> tuple[Row, ...]:
    """The lines of the table: the teacher, and for each student every way to train it."""
    assert protocol.teacher is not None
    return (protocol.teacher, *(row for name, encoder in STUDENTS.items() for row in _of(name, encoder)))


def _of(name: str, encoder: str) -> list[Row]:
    alone = f"{name}, SimCLR"
    beside: dict[str, Any] = {"encoder": encoder, "add": "simclr", "num_views": 2}
    taught = [
        Row(f"{name}, {loss}", method, {"encoder": encoder}, against=alone if loss == "bce" else f"{name}, bce")
        for loss, method in BY_LOSS.items()
    ]
    both = [
        Row(f"{name}, {loss} + SimCLR", BY_LOSS[loss], beside, against=f"{name}, {loss}", claim="SSL beside KD helps")
        for loss in ("bce", "gkl")
    ]
    return [Row(alone, "simclr", {"encoder": encoder}), *taught, *both]
