"""The loop: what a step does, how a run ends, and what is left as it was."""

from __future__ import annotations

import math
import threading
import warnings
from pathlib import Path

import pytest
import torch

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.encoders.sgc import PropagatedLinear
from graphurl.errors import InputError, RunError
from graphurl.losses import BCE
from graphurl.relations import FullBatch, GraphFeed, IndexFeed, Objective, RowFeed, Static, Term
from graphurl.similarity import Similarity
from graphurl.training import Settings, Trainer
from graphurl.training.callbacks import Moment
from tests.training.small import N, Troubled, features, objective, ring, same_state, without_time


class Point(Encoder):
    """Two points on a line, so that a step can be written out."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.x = torch.nn.Parameter(torch.tensor([[0.0], [start]]))

    def forward(self, inputs: Inputs) -> Encoded:
        return Encoded(self.x[inputs.x])


def two_points(start: float = 1.0) -> Objective:
    graph = ring().subgraph([0, 1])
    return Objective(
        Point(start), FullBatch(graph, IndexFeed()), [Term("t", Static(), Similarity(1.0), BCE())]
    )


def test_training_lowers_the_loss_and_records_each_epoch() -> None:
    run = Trainer(Settings(epochs=30, lr=0.02)).fit(objective())
    losses = [record["loss"] for record in run.history]
    assert [record["epoch"] for record in run.history] == list(range(1, 31))
    assert run.status == "finished"
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert all(record["seconds"] >= 0 for record in run.history)
    assert run.seconds > 0


def test_one_step_of_sgd_is_the_gradient_times_the_rate() -> None:
    whole = two_points()
    value, _ = whole(whole.draw(torch.Generator()), 0.0)
    (gradient,) = torch.autograd.grad(value, whole.encoder.parameters())
    before = whole.encoder.x.detach().clone()  # type: ignore[union-attr, operator]
    settings = Settings(epochs=1, lr=0.3, optimiser="sgd", momentum=0.0, schedule="constant", warmup=0.0)
    run = Trainer(settings).fit(whole)
    torch.testing.assert_close(whole.encoder.x.detach(), before - 0.3 * gradient)  # type: ignore[union-attr, operator]
    assert run.history[0]["loss"] == pytest.approx(value.item())
    assert run.history[0]["lr"] == 0.3


def test_clip_limits_the_step() -> None:
    moved = []
    for clip in (0.0, 1e-3):
        whole = two_points(0.1)
        before = whole.encoder.x.detach().clone()  # type: ignore[union-attr, operator]
        settings = Settings(
            epochs=1, lr=1.0, optimiser="sgd", momentum=0.0, schedule="constant", warmup=0.0, clip=clip
        )
        Trainer(settings).fit(whole)
        moved.append(float((whole.encoder.x.detach() - before).norm()))  # type: ignore[union-attr, operator]
    assert moved[0] > 0.01
    assert moved[1] == pytest.approx(1e-3, rel=1e-3)


def test_rate_scales_with_the_batch_and_follows_the_schedule() -> None:
    settings = Settings(epochs=10, lr=0.1, batch=512, scale_lr=True, schedule="linear", warmup=0.2)
    assert settings.rate == pytest.approx(0.2)
    assert Settings(lr=0.1, batch=512).rate == 0.1
    run = Trainer(settings).fit(two_points())
    found = [record["lr"] for record in run.history]
    expected = [0.2 / 3, 0.4 / 3] + [0.2 * (1 - k / 8) for k in range(8)]
    assert found == pytest.approx(expected)


def test_progress_runs_from_zero_towards_one() -> None:
    whole, seen = objective(), []
    forward = whole.forward

    def watch(batch: object, progress: float) -> object:
        seen.append(progress)
        return forward(batch, progress)  # type: ignore[arg-type]

    whole.forward = watch  # type: ignore[method-assign, assignment]
    Trainer(Settings(epochs=2)).fit(whole)
    assert seen == pytest.approx([k / 6 for k in range(6)])


def test_same_seed_same_bytes_other_seed_other_run() -> None:
    made = []
    for seed in (0, 0, 1):
        whole = objective(dropout=0.5)
        run = Trainer(Settings(epochs=3, seed=seed)).fit(whole)
        made.append((whole, without_time(run)))
    assert same_state(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
    assert not same_state(made[0][0], made[2][0])


def test_what_was_drawn_before_does_not_matter() -> None:
    made = []
    with torch.random.fork_rng():
        for before in (1, 2):
            torch.manual_seed(before)
            whole = objective(dropout=0.5)
            Trainer(Settings(epochs=2)).fit(whole)
            made.append(whole)
    assert same_state(*made)


def test_no_epochs_leave_the_model_as_it_is() -> None:
    whole = objective()
    run = Trainer(Settings(epochs=0)).fit(whole)
    assert same_state(whole, objective())
    assert (run.history, run.status) == ([], "finished")
    assert not whole.training


def test_the_model_is_left_in_evaluation_also_after_an_error() -> None:
    whole = objective()
    Trainer(Settings(epochs=1)).fit(whole)
    assert not whole.encoder.training
    whole.draw = Troubled(whole.draw, 1, lambda: None, spoil=True)
    with pytest.raises(RunError):
        Trainer(Settings(epochs=1)).fit(whole)
    assert not whole.encoder.training


def test_frozen_weights_stay() -> None:
    whole = objective()
    whole.encoder.layers[0].requires_grad_(False)  # type: ignore[index, union-attr]
    before = whole.encoder.layers[0].weight.clone()  # type: ignore[index, union-attr, operator]
    Trainer(Settings(epochs=2)).fit(whole)
    assert torch.equal(whole.encoder.layers[0].weight, before)  # type: ignore[index, union-attr]


def test_a_callback_ends_the_run_and_every_callback_sees_every_epoch() -> None:
    seen: list[Moment] = []

    def stop(moment: Moment) -> bool:
        return moment.epoch == 2

    def watch(moment: Moment) -> None:
        seen.append(moment)

    run = Trainer(Settings(epochs=5), callbacks=[stop, watch]).fit(objective())
    assert run.status == "stopped"
    assert len(run.history) == 2
    assert [moment.epoch for moment in seen] == [1, 2]
    assert seen[-1].record is run.history[-1]
    assert seen[-1].epochs == 5
    assert seen[-1].z.shape[1] == 2
    assert not seen[-1].z.requires_grad


def test_bfloat16_trains_and_gives_float32() -> None:
    whole = objective(encoder="gcn")
    run = Trainer(Settings(epochs=20, lr=0.02, precision="bfloat16")).fit(whole)
    exact = Trainer(Settings(epochs=20, lr=0.02)).fit(objective(encoder="gcn"))
    assert all(w.dtype == torch.float32 for w in whole.parameters())
    assert run.history[-1]["loss"] == pytest.approx(exact.history[-1]["loss"], rel=0.1)
    assert run.history[-1]["loss"] != exact.history[-1]["loss"]


def test_bfloat16_with_the_linear_encoder() -> None:
    graph = ring()
    edges = torch.stack([graph.rows, graph.col])
    whole = Objective(
        PropagatedLinear(4, 2),
        FullBatch(graph, GraphFeed(features(), edges)),
        [Term("t", Static(), Similarity(100.0, 0.7, metric="cosine"), BCE())],
    )
    run = Trainer(Settings(epochs=3, precision="bfloat16")).fit(whole)
    assert math.isfinite(run.history[-1]["loss"])


@pytest.mark.slow
def test_compiled_encoder_gives_the_same_run(tmp_path: Path) -> None:
    plain, compiled = objective(), objective()
    a = Trainer(Settings(epochs=2, lr=0.02)).fit(plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            b = Trainer(
                Settings(epochs=2, lr=0.02, compile=True), checkpoint=tmp_path / "c.safetensors"
            ).fit(compiled)
    except Exception as error:
        if "compiler" in str(error).lower():
            pytest.skip(f"no C++ compiler to compile with: {str(error).splitlines()[0]}")
        raise
    assert list(compiled.state_dict()) == list(plain.state_dict())
    assert b.history[-1]["loss"] == pytest.approx(a.history[-1]["loss"], rel=1e-4)


def test_global_randomness_is_untouched(rng_untouched: None) -> None:
    Trainer(Settings(epochs=2)).fit(objective(dropout=0.5))


def test_global_randomness_is_untouched_after_an_error(rng_untouched: None) -> None:
    whole = objective(dropout=0.5)
    whole.draw = Troubled(whole.draw, 2, lambda: None, spoil=True)
    with pytest.raises(RunError):
        Trainer(Settings(epochs=2)).fit(whole)


def test_a_worker_thread_trains_as_well() -> None:
    whole, runs = objective(), []
    thread = threading.Thread(target=lambda: runs.append(Trainer(Settings(epochs=2)).fit(whole)))
    thread.start()
    thread.join(60)
    expected = objective()
    Trainer(Settings(epochs=2)).fit(expected)
    assert runs[0].status == "finished"
    assert same_state(whole, expected)


def test_features_and_graph_are_not_changed() -> None:
    x, graph = features(), ring()
    whole = objective()
    whole.draw = FullBatch(graph, RowFeed(x))
    digest = graph.hash
    Trainer(Settings(epochs=2)).fit(whole)
    assert torch.equal(x, features())
    assert graph.hash == digest == ring().hash
    assert len(x) == N


def test_settings_without_a_meaning_are_refused() -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"epochs": -1}, "epochs is -1"), ({"lr": 0}, "lr is 0"), ({"lr": math.nan}, "lr is nan"),
        ({"lr": math.inf}, "lr is inf"), ({"precision": "float61"}, "unknown precision"),
        ({"weight_decay": -1}, "weight_decay is -1"), ({"clip": -0.1}, "clip is -0.1"),
        ({"momentum": -1}, "momentum is -1"), ({"clip": math.nan}, "clip is nan"),
    ]  # fmt: skip
    for changes, message in wrong:
        with pytest.raises(InputError, match=message):
            Settings(**changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        Trainer(Settings(schedule="cosin")).fit(objective())
    with pytest.raises(InputError, match="did you mean 'adamw'"):
        Trainer(Settings(optimiser="adamww")).fit(objective())
