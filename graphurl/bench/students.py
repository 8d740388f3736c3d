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
#: On a CPU a step of these takes 25 to 30 times as long as one of the small CNN: half of the steps have to do.
DEEP = ("mobilenet", "shufflenet")
#: A teacher on a CPU: the small CNN with four times as many channels, trained on all 50,000 pictures.
TEACHER = Row("teacher", "simclr", {"encoder": "convnet-wide", "epochs": 16}, variant="subset:5000")

FULL = replace(images.FULL, teacher=TEACHER)
FAST = replace(images.FAST, teacher=replace(TEACHER, changes={**TEACHER.changes, "epochs": 2}))
#: For a GPU: the teacher is a ResNet-50, and all students take as many steps.
LARGE = replace(images.LARGE, teacher=Row("teacher", "simclr", {"encoder": "resnet50"}))
#: Losses that are also tried beside a method without a teacher.
BESIDE_SSL = ("bce", "gkl")


def rows(protocol: Protocol) -> tuple[Row, ...]:
    """The lines of the table: the teacher, and for each student every way to train it."""
    assert protocol.teacher is not None
    found = [protocol.teacher]
    for name, encoder in STUDENTS.items():
        ways = _of(name, encoder)
        on_cpu = protocol.subset > 0
        found += [replace(row, part=0.5) for row in ways] if on_cpu and encoder in DEEP else ways
    return tuple(found)


def _of(name: str, encoder: str) -> list[Row]:
    alone, first = f"{name}, SimCLR", f"{name}, bce"
    own: dict[str, Any] = {"encoder": encoder}
    beside = {**own, "add": "simclr", "num_views": 2, "views": "weak-cifar"}
    taught = [
        Row(f"{name}, {loss}", method, own, against=alone if loss == "bce" else first)
        for loss, method in BY_LOSS.items()
    ]
    slow = Row(f"{first} †", "distill-slow", own, against=first, claim="a slow copy helps")
    both = [
        Row(f"{name}, {loss} + SimCLR", BY_LOSS[loss], beside, against=f"{name}, {loss}", claim="SSL beside KD helps")
        for loss in BESIDE_SSL
    ]
    batch = Row(f"{name}, seed, no memory", "distill-seed", {**own, "memory": 0}, against=first)
    return [Row(alone, "simclr", own), *taught, batch, slow, *both]
