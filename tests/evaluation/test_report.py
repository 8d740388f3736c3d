from __future__ import annotations

import importlib
import json
import warnings

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from graphurl.errors import InputError
from graphurl.evaluation import METRICS, Report, evaluate, linear_probe, summarise, trustworthiness
from graphurl.evaluation import report as module
from graphurl.evaluation.metrics import FURTHER
from graphurl.graphs import knn

# Link prediction is measured where edges were held out: tests/evaluation/test_links.py.
WITHOUT_LINKS = [name for name in METRICS if not name.startswith("link_")]


def data(n: int = 140) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = 4 * generator.normal(size=(3, 6))[y] + generator.normal(size=(n, 6))
    return x[:, :4] + 0.1, x, y


@pytest.mark.parametrize("name", METRICS)
def test_every_name_leads_to_a_documented_function(name: str) -> None:
    where, _, function = METRICS[name].partition(":")
    assert getattr(importlib.import_module(where), function).__doc__


def test_everything_is_measured_where_everything_is_given(rng_untouched: None) -> None:
    z, x, y = data()
    copies = z.copy(), x.copy(), y.copy()
    report = evaluate(z, x, y)
    assert list(report.metrics) == WITHOUT_LINKS
    assert report.skipped == {}
    assert report["trustworthiness"] == trustworthiness(x, z)
    assert report["linear_probe"] == linear_probe(z, y)["accuracy"]
    assert report.metrics["linear_probe"]["C"] == 1.0
    assert report.rows == {"given": 140, "used": 140, "left_out": 0}
    assert report.versions["torch"] == torch.__version__
    for before, now in zip(copies, (z, x, y), strict=True):
        assert np.array_equal(before, now)


def test_all_is_the_short_list_and_the_further_one_with_intervals_and_checksums() -> None:
    z, x, y = data()
    report = evaluate(z, x, y, metrics="all", view=z + 0.1, graph=knn(torch.tensor(x).float(), k=5))
    assert {*report.metrics, *report.skipped} == {*METRICS, *FURTHER}
    assert set(report.skipped) == {"link_auc", "link_ap", "link_mrr"}
    assert set(report.hashes) == {"z", "x", "y", "view", "graph"}
    for name in ("trustworthiness", "knn_accuracy", "recall_1", "silhouette", "triplets", "homophily_captured"):
        entry = report.metrics[name]
        assert entry["low"] <= entry["value"] <= entry["high"], name
    assert not any("outcomes" in entry for entry in report.metrics.values())
    assert "low" not in report.metrics["effective_rank"]
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
    assert evaluate(z, x, y).row().items() <= report.row().items()


def test_checksums_tell_inputs_apart_and_keep_for_sparse_rows_and_names() -> None:
    z, x, y = data()
    first = evaluate(z, csr_array(x), np.array(list("abc"))[y], metrics=["majority"]).hashes
    again = evaluate(z, csr_array(x), np.array(list("abc"))[y], metrics=["majority"]).hashes
    other = evaluate(z, csr_array(2 * x), np.array(list("abd"))[y], metrics=["majority"]).hashes
    assert first == again
    assert first["z"] == other["z"]
    assert first["x"] != other["x"]
    assert first["y"] != other["y"]


def test_views_and_graphs_have_to_match() -> None:
    z, x, y = data()
    with pytest.raises(InputError, match="view has shape"):
        evaluate(z, view=z[:9])
    graph = knn(torch.tensor(x[:100]).float(), k=5)
    with pytest.raises(InputError, match="the graph has 100 nodes and z 140 rows"):
        evaluate(z, graph=graph)
    z[3] = np.nan
    with pytest.raises(InputError, match="graphs need a vector of every node"):
        evaluate(z, y=y, graph=graph)


def test_only_what_the_inputs_allow_and_why_not_the_rest() -> None:
    z, x, _ = data()
    alone = evaluate(z)
    assert set(alone.metrics) == {"effective_rank", "mean_cosine", "normalised_std", "uniformity"}
    assert alone.skipped["trustworthiness"] == "needs the original space (x)"
    assert alone.skipped["linear_probe"] == "needs labels (y)"
    assert set(evaluate(z, x=x).skipped) == {
        name for name in METRICS if alone.skipped.get(name) == "needs labels (y)"
    }


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(140, int), "1 class"),
        (np.full(140, -1), "0 class"),
        (np.arange(140), "no test rows"),
        (np.linspace(0, 1, 140), "y has fractions"),
    ],
    ids=["one class", "unknown", "all different", "continuous"],
)
def test_labels_that_do_not_serve_are_a_reason_not_an_exception(labels: np.ndarray, reason: str) -> None:
    z, x, _ = data()
    report = evaluate(z, x, labels)
    assert report.skipped["linear_probe"].startswith(reason)
    assert {"knn_accuracy", "nmi", "ari", "majority"} <= set(report.skipped)
    assert "trustworthiness" in report.metrics
    with pytest.raises(InputError, match=f"linear_probe cannot be measured: {reason}"):
        evaluate(z, x, labels, metrics=["linear_probe"])


def test_too_few_rows_for_the_neighbours() -> None:
    z, x, y = data(8)
    report = evaluate(z, x, y)
    assert "k=5 neighbours of 8 rows" in report.skipped["trustworthiness"]
    assert "k=10 neighbours" in report.skipped["knn_accuracy"]
    with pytest.raises(InputError, match="continuity cannot be measured"):
        evaluate(z, x, y, metrics=["continuity"])


def test_one_row_and_no_row_have_reasons_too() -> None:
    z, x, y = data()
    for n in (0, 1, 2):
        report = evaluate(z[:n], x[:n], y[:n])
        assert set(report.metrics) | set(report.skipped) == set(WITHOUT_LINKS)


def test_rows_that_are_not_finite_are_left_out_of_everything() -> None:
    z, x, y = data()
    splits = {"train": y >= 0, "test": np.zeros(140, bool)}
    splits["test"][:60], splits["train"][:60] = True, False
    keep = np.ones(140, bool)
    keep[[3, 70]] = False
    expected = evaluate(z[keep], x[keep], y[keep], {name: mask[keep] for name, mask in splits.items()})
    z[3, 1], x[70, 0] = np.nan, np.inf
    for space in (x, csr_array(x)):
        with pytest.warns(UserWarning, match="2 of 140 rows are not finite and are left out"):
            report = evaluate(z, space, y, splits)
        assert report.row() == pytest.approx(expected.row())
        assert report.rows == {"given": 140, "used": 138, "left_out": 2}
    assert "2 of 140 rows left out" in report.table()


def test_shared_functions_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    attempt = module._attempt
    monkeypatch.setattr(
        module, "_attempt", lambda target, *rest: calls.append(target) or attempt(target, *rest)
    )
    z, x, y = data()
    report = evaluate(z, x, y)
    targets = {METRICS[name] for name in WITHOUT_LINKS}
    assert len(calls) == len(set(calls)) == len(targets)
    assert set(report.timing) == {target.partition(":")[2] for target in targets}


def test_json_round_trip() -> None:
    z, x, y = data()
    report = evaluate(torch.tensor(z).float(), torch.tensor(x), torch.tensor(y), seed=4)
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert Report.from_dict({**json.loads(text), "peak_memory": 1}) == report
    assert report.seed == 4


def test_a_new_metric_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "novelty", f"{__name__}:novelty")
    report = evaluate(*data(), seed=7, metrics=["novelty"], settings={"novelty": {"gain": 2}})
    assert report["novelty"] == 14.0


def novelty(z: object, y: object, seed: int, gain: int = 1) -> dict[str, object]:
    """A metric of this test."""
    return {"novelty": seed * gain, "protocol": "none"}


def test_settings_reach_their_function() -> None:
    z, x, y = data()
    settings = {"knn_accuracy": {"k": 3, "metric": "cosine"}, "neighborhood": {"k": 7}}
    report = evaluate(z, x, y, settings=settings)
    assert report.metrics["knn_accuracy"]["k"] == 3
    assert report["trustworthiness"] == trustworthiness(x, z, 7)
    with pytest.raises(InputError, match="unknown setting of knn_accuracy 'kk': did you mean 'k'"):
        evaluate(z, x, y, settings={"knn_accuracy": {"kk": 3}})


def test_table_row_and_summary() -> None:
    z, _, y = data()
    first = evaluate(z, y=y)
    lines = first.table().splitlines()
    assert len(lines) == len(WITHOUT_LINKS)
    assert f"{first['nmi']:.4f}  k-means, 3 clusters" in first.table()
    assert list(first.row()) == list(first.metrics)


def test_a_summary_keeps_every_run() -> None:
    runs = [Report({"nmi": {"value": value, "protocol": ""}}) for value in (0.5, 0.7, 0.9)]
    runs[0] = Report({**runs[0].metrics, "ari": {"value": 1.0, "protocol": ""}})
    summary = summarise(runs)
    assert list(summary) == ["nmi"]
    assert summary["nmi"]["values"] == [0.5, 0.7, 0.9]
    assert (summary["nmi"]["mean"], summary["nmi"]["std"]) == pytest.approx((0.7, np.std([0.5, 0.7, 0.9])))
    assert summarise([]) == {}


def test_wrong_calls_are_refused_at_once() -> None:
    z, x, y = data()
    with pytest.raises(InputError, match="unknown metric 'trustworthy': did you mean 'trustworthiness'"):
        evaluate(z, x, y, metrics=["trustworthy"])
    with pytest.raises(InputError, match="x has 10 rows and z 140"):
        evaluate(z, x[:10], y)
    with pytest.raises(InputError, match="y has shape"):
        evaluate(z, x, y[:10])
    with pytest.raises(InputError, match="split 'train' does not fit"):
        evaluate(z, x, y, splits={"train": np.ones(3, bool)})
    with pytest.raises(InputError, match="nlad was not measured: needs labels"):
        evaluate(z)["nlad"]
    with pytest.raises(InputError, match="unknown metric"):
        evaluate(z)["nmii"]


def test_a_report_cannot_be_changed_and_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = evaluate(*data())
    with pytest.raises(AttributeError):
        report.seed = 3  # type: ignore[misc]
