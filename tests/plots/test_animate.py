from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphurl.errors import InputError
from graphurl.plots import animate
from graphurl.training import Snapshots


def frames(count: int) -> list[np.ndarray]:
    start = np.random.default_rng(0).normal(size=(40, 3))
    return [start * 10.0**i + i for i in range(count)]


def drawn(path: Path) -> list[np.ndarray]:
    with Image.open(path) as picture:
        made = []
        for i in range(picture.n_frames):
            picture.seek(i)
            made.append(np.asarray(picture.convert("RGB")).astype(int))
    return made


def test_a_frame_a_snapshot_and_a_second_at_the_end(tmp_path: Path) -> None:
    watched = Snapshots()
    watched.frames, watched.epochs = frames(3), [5, 10, 15]
    path = animate(watched, ["a", "b"] * 20, tmp_path / "a.gif", fps=4)
    with Image.open(path) as picture:
        durations = []
        for i in range(picture.n_frames):
            picture.seek(i)
            durations.append(picture.info["duration"])
    assert sum(durations) == 250 * (3 + 4)
    made = drawn(path)
    assert len({frame.shape for frame in made}) == 1
    # The picture below the title stays, whatever the scale of the map; the title counts on.
    below = [frame[60:] for frame in made]
    assert np.abs(below[0] - below[1]).mean() < 1
    assert np.abs(made[0][:60] - made[1][:60]).max() > 100


def test_classes_have_colours_and_unknown_ones_are_grey(tmp_path: Path) -> None:
    z = [frames(1)[0]]
    colourful = drawn(animate(z, np.arange(40) % 2, tmp_path / "b.gif"))[0]
    grey = drawn(animate(z, np.full(40, -1), tmp_path / "c.gif"))[0]
    assert (np.ptp(colourful, axis=2) > 60).sum() > 50
    assert (np.ptp(grey, axis=2) > 60).sum() == 0


def test_what_cannot_move_is_refused(tmp_path: Path) -> None:
    for given, words in (([], "nothing to animate"), ([np.zeros((4, 1))], "nothing"),
                         ([np.zeros((4, 2)), np.zeros((5, 2))], "same rows")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            animate(given, path=tmp_path / "x.gif")
    with pytest.raises(InputError, match="no .gif"):
        animate(frames(2), path=tmp_path / "x.mp4")
    with pytest.raises(InputError, match="3 labels for 40"):
        animate(frames(2), [1, 2, 3], tmp_path / "x.gif")
