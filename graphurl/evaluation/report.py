"""One call for every metric that the inputs allow; numbers come with protocol, seed, timing and versions."""

from __future__ import annotations

import importlib
import inspect
import math
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from graphurl.errors import InputError, unknown
from graphurl.evaluation.arrays import as_column, as_rows, as_space, digest, finite_rows, split_masks
from graphurl.evaluation.intervals import interval
from graphurl.evaluation.metrics import ALL, FURTHER, METRICS, default_metrics, requested, targets

_Metric = Callable[..., dict[str, Any]]
_WORDS = {
    "x": "the original space (x)", "y": "labels (y)", "view": "a second view (view)", "graph": "a graph (graph)",
    "links": "held-out edges (links)",
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What was measured, how, and what was not.

    Attributes:
        metrics: By name: value, protocol, what belongs to it (C, validation accuracy, counts), and where the value is
            a mean over rows "low" and "high": 95 % of means over rows drawn again (bootstrap) lie between them. What
            was fitted stays as it is; another seed of the run may differ by more.
        skipped: By name: why there is no number.
        seed: Drew every subset, split and start.
        rows: Counts: given, used, and left_out because they were not finite.
        timing: Wall seconds by function (several metrics may come from one).
        versions: Of Python and of the packages that computed the numbers.
        hashes: sha256 of what was given, by name (z, x, y, view, graph).
    """

    metrics: Mapping[str, Mapping[str, Any]]
    skipped: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Returns the value of one metric."""
        if name in self.metrics:
            return float(self.metrics[name]["value"])
        if name in self.skipped:
            raise InputError(f"{name} was not measured: {self.skipped[name]}")
        raise unknown("metric", name, self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dicts, strings and finite numbers, ready for `json.dump(..., allow_nan=False)`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """Builds the report that `to_dict` described.

        Args:
            values: A dict, for example from JSON; unknown keys (of a run folder) are ignored.
        """
        names = inspect.signature(cls).parameters
        return cls(**{name: value for name, value in values.items() if name in names})

    def row(self) -> dict[str, float]:
        """Returns the values alone, by name: one row of a table of runs."""
        return {name: float(entry["value"]) for name, entry in self.metrics.items()}

    def table(self) -> str:
        """Returns the report as text for a terminal."""
        width = max((len(name) for name in (*self.metrics, *self.skipped)), default=0)
        lines = [f"{name:<{width}}  {m['value']:>8.4f}  {m['protocol']}" for name, m in self.metrics.items()]
        lines += [f"{name:<{width}}  {'-':>8}  {reason}" for name, reason in self.skipped.items()]
        if self.rows.get("left_out"):
            lines.append(f"{self.rows['left_out']} of {self.rows['given']} rows left out: not finite")
        return "\n".join(lines)


def evaluate(
    z: Any,
    x: Any = None,
    y: Any = None,
    splits: Mapping[str, Any] | None = None,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
    *,
    view: Any = None,
    graph: Any = None,
    links: Any = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Report:
    """Measures an embedding by every metric that the inputs allow, or by those that are named.

    Rows with NaN or infinity in z or x are left out of everything, with a warning and a count. A metric
    that the inputs do not allow (no labels, one class, fewer rows than neighbours) is skipped, with the
    reason in the report; one that was asked for by name raises instead.

    Args:
        z: Embeddings, (N, d).
        x: The space they came from, (N, F), dense or sparse; for the neighbourhood metrics.
        y: Labels, (N,), -1 where unknown; for probes and clusters.
        splits: Masks (N,) or row numbers, "train", "val", "test"; without them probes draw their own.
        metrics: Names; None for all of `default_metrics` that are possible, "all" for those of `FURTHER` as well.
        seed: Draws every subset, split and start.
        view: Embeddings of a second view of the same samples, (N, d).
        graph: The graph of the samples (`graphs.Graph`), for edges, homophily and paths.
        links: Edges that were held out (`graphs.links.Links`), for link prediction.
        settings: Arguments by function: ``{"knn_accuracy": {"k": 20, "metric": "cosine"}}``.

    Returns:
        The report.

    Raises:
        InputError: Inputs that do not match, an unknown name, or a requested metric that is impossible.
    """
    given = _matching(z, x, y, splits, view)
    named = metrics is not None and metrics != ALL
    if metrics is None:
        names = default_metrics(given["z"].shape[1], links is not None)
    else:
        names = requested(metrics) if named else [*METRICS, *FURTHER]
    known = targets()
    hashes: dict[str, str] = {name: digest(given[name]) for name in ("z", "x", "y", "view") if name in given}
    kept, rows = _finite(given)
    kept["seed"] = seed
    if graph is not None or links is not None:
        if rows["left_out"]:
            raise InputError("z has rows that are not finite: graphs need a vector of every node")
        kept |= {name: value for name, value in (("graph", graph), ("links", links)) if value is not None}
    if graph is not None:
        if graph.num_nodes != rows["given"]:
            raise InputError(f"the graph has {graph.num_nodes} nodes and z {rows['given']} rows: give a row a node")
        hashes["graph"] = graph.hash
    results: dict[str, dict[str, Any] | InputError] = {}
    timing: dict[str, float] = {}
    found: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    for name in names:
        target = known[name]
        if target not in results:
            started = time.perf_counter()
            results[target] = _attempt(target, kept, settings or {})
            timing[target.partition(":")[2]] = round(time.perf_counter() - started, 4)
        result = results[target]
        if isinstance(result, InputError):
            if named:
                raise InputError(f"{name} cannot be measured: {result}") from result
            skipped[name] = str(result)
        else:
            found[name] = _entry(name, result, seed)
    return Report(found, skipped, seed, rows, timing, _versions(), hashes)


def summarise(reports: Sequence[Report]) -> dict[str, dict[str, Any]]:
    """Mean and standard deviation over runs (seeds), next to every single value.

    Args:
        reports: One per run.

    Returns:
        By metric that all runs have: mean, std (over the population of runs), values.
    """
    rows = [report.row() for report in reports]
    shared = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    values = {name: [row[name] for row in rows] for name in shared}
    return {
        name: {"mean": statistics.fmean(v), "std": statistics.pstdev(v), "values": v}
        for name, v in values.items()
    }


def _matching(z: Any, x: Any, y: Any, splits: Mapping[str, Any] | None, view: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"z": as_rows(z)}
    rows = len(given["z"])
    if x is not None:
        given["x"] = as_space(x)
        if given["x"].shape[0] != rows:
            raise InputError(f"x has {given['x'].shape[0]} rows and z {rows}: both need one row per sample")
    if view is not None:
        given["view"] = as_rows(view, "view")
        if given["view"].shape != given["z"].shape:
            raise InputError(f"view has shape {given['view'].shape} and z {given['z'].shape}: give the same rows twice")
    if y is not None:
        given["y"] = as_column(y, rows)
    if splits:
        given["splits"] = split_masks(splits, rows)
    return given


def _finite(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The inputs without their rows that are not finite, and the counts."""
    keep = finite_rows(given["z"])
    for name in ("x", "view"):
        if name in given:
            keep = keep & finite_rows(given[name])
    total, used = len(keep), int(keep.sum())
    rows = {"given": total, "used": used, "left_out": total - used}
    if used == total:
        return dict(given), rows
    message = f"{total - used} of {total} rows are not finite and are left out"
    warnings.warn(message, UserWarning, stacklevel=3)
    kept = {name: value[keep] for name, value in given.items() if name != "splits"}
    if "splits" in given:
        kept["splits"] = {name: mask[keep] for name, mask in given["splits"].items()}
    return kept, rows


def _attempt(
    target: str, given: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | InputError:
    """Calls a metric with what it asks for; a refusal is a result."""
    module, _, attribute = target.partition(":")
    metric: _Metric = getattr(importlib.import_module(module), attribute)
    parameters = inspect.signature(metric).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in given]
    if needed:
        return InputError(f"needs {' and '.join(_WORDS.get(name, name) for name in needed)}")
    own = settings.get(attribute, {})
    for name in own:
        if name not in parameters:
            raise unknown(f"setting of {attribute}", name, parameters)
    chosen = {name: value for name, value in given.items() if name in parameters}
    try:
        return metric(**{**chosen, **own})
    except InputError as error:
        return error


def _entry(name: str, result: Mapping[str, Any], seed: int) -> dict[str, Any]:
    key = name if name in result else "accuracy"
    value = float(result[key])
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}")
    outcomes = result.get("outcomes", {})
    around: dict[str, Any] = {"value": value, "protocol": str(result["protocol"])}
    if key in outcomes and len(outcomes[key]) > 1:
        around["low"], around["high"] = interval(outcomes[key], seed)
    elif key in result.get("intervals", {}):
        around["low"], around["high"] = result["intervals"][key]
    own = {*targets(), "accuracy", "protocol", "outcomes", "intervals"}
    return {**around, **{key: _plain(v) for key, v in result.items() if key not in own}}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _versions() -> dict[str, str]:
    import scipy
    import sklearn
    import torch

    from graphurl import __version__

    packages = {"numpy": np, "scipy": scipy, "scikit-learn": sklearn, "torch": torch}
    versions = {name: str(package.__version__) for name, package in packages.items()}
    return {"graphurl": __version__, "python": platform.python_version(), **versions}
