"""Runs that break: what is said, and what is kept."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from graphurl.errors import RunError
from graphurl.relations import FullBatch, Objective, RowFeed
from graphurl.training import Settings, Trainer
from tests.training.small import Troubled, features, objective, ring, same_state


@pytest.mark.parametrize("step", [0, 4])
def test_a_loss_that_is_nan_names_epoch_batch_and_cause(step: int, tmp_path: Path) -> None:
    whole = objective()
    whole.draw = Troubled(whole.draw, step, lambda: None, spoil=True)
    with pytest.raises(RunError) as caught:
        Trainer(Settings(epochs=3), checkpoint=tmp_path / "c.safetensors").fit(whole)
    message = str(caught.value)
    assert f"the loss became nan in epoch {step // 3 + 1}, batch {step % 3 + 1}" in message
    assert "weights are finite, so the data or the similarity" in message
    assert "checkpoint" not in message, "none was written yet"
    assert "\n" not in message


def test_a_step_that_is_too_large_names_the_weights_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    whole = objective()

    def break_weights() -> None:
        with torch.no_grad():
            for weight in whole.encoder.parameters():
                weight.fill_(math.inf)

    whole.draw = Troubled(whole.draw, 4, break_weights)
    settings = Settings(epochs=3, checkpoint_seconds=0.0)
    with pytest.raises(RunError, match=r"epoch 2, batch 2: the weights encoder\.layers\.0\.weight.*lower lr") as caught:
        Trainer(settings, checkpoint=path).fit(whole)
    assert f"the last good checkpoint is {path}" in str(caught.value)
    resumed, unbroken = objective(), objective()
    Trainer(settings, checkpoint=path).fit(resumed, resume=True)
    Trainer(settings).fit(unbroken)
    assert same_state(resumed, unbroken)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_weights_that_break_in_the_last_step_are_not_a_finished_run(checkpoint: bool, tmp_path: Path) -> None:
    """The loss of the last batch is finite, and no further batch would tell."""

    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, grad: torch.Tensor) -> torch.Tensor:
            return grad * math.nan

    whole = objective()
    head = torch.nn.Identity()
    head.forward = Steep.apply  # type: ignore[method-assign, assignment]
    whole.terms[0].head = head
    path = tmp_path / "c.safetensors"
    with pytest.raises(RunError, match="the weights broke in epoch 1, batch"):
        Trainer(
            Settings(epochs=1, checkpoint_seconds=0 if checkpoint else 100), checkpoint=path if checkpoint else None
        ).fit(_one_step(whole))
    assert not path.exists()


def _one_step(whole: Objective) -> Objective:
    whole.draw = FullBatch(ring(), RowFeed(features()))
    return whole
