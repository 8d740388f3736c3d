"""The embedding: the frozen result of a run, with all that is needed to trust, repeat and use it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphurl import __version__
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.model import Model
from graphurl.recipes import Choices, Recipe, recipe_of

if TYPE_CHECKING:
    from graphurl.data.samples import Samples
    from graphurl.evaluation.report import Report
    from graphurl.plots import Theme


@dataclass(frozen=True, eq=False)
class Embedding:
    """What remains of a run.

    Attributes:
        z: Embeddings, N × d float32, rows in input order.
        recipe: All choices, resolved.
        samples: The data that was embedded; absent after `load`.
        model: What places new rows.
        graph: p_X; absent after `load`.
        history: A record an epoch.
        status: finished, stopped or interrupted.
        timing: Seconds by stage, and peak memory in bytes.
        source: How the data was named, as plain values.
        facts: What the settings left to the data or the machine, as it came out.
    """

    z: np.ndarray
    recipe: Choices
    samples: Samples | None
    model: Model
    graph: Graph | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    status: str = "finished"
    timing: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def transform(self, x: Any, graph: Any = None) -> np.ndarray:
        """Embeds new rows (and their edges, where the encoder passes messages).

        Args:
            x: Anything that `embed` takes: an array, a frame, a graph with features, a path.
            graph: Edges among the new rows, when `x` does not bring them.

        Returns:
            Embeddings, float32.
        """
        from graphurl.assembly import message_edges
        from graphurl.data import as_samples

        if self.recipe.pictures:
            return self._transform_pictures(x)
        samples = _aligned(as_samples(x, trainable=False), self.model.about.get("feature_names") or ())
        if graph is not None:
            samples = _with_graph(samples, graph)
        rows, model = samples.x, self.model
        if rows is None:
            raise InputError("the new samples have no features: a model places rows of numbers")
        if model.encoder.needs != "graph" or samples.graph is None:
            return model.transform(rows).numpy()
        prepared = rows if model.preparation is None else model.preparation.apply(rows)
        assert isinstance(self.recipe, Recipe)
        recipe = self.recipe.but(message=model.about.get("message", self.recipe.message))
        return model.transform(rows, *message_edges(samples, prepared, recipe)).numpy()

    def _transform_pictures(self, x: Any) -> np.ndarray:
        """Embeds new pictures: a folder, an array, samples."""
        from graphurl.source import load

        images = load(x, pictures=True, trainable=False).samples.images
        assert images is not None
        return self.model.transform_pictures(images).numpy()

    def report(self, *, metrics: list[str] | None = None, seed: int = 0) -> Report:
        """Every metric that the data allow: neighbourhoods kept, and labels where they exist."""
        from graphurl.evaluation.report import evaluate

        samples = self.samples
        if samples is None:
            return evaluate(self.z, metrics=metrics, seed=seed)
        space = samples.x if self.recipe.task == "dr" else None
        return evaluate(
            self.z, x=space, y=samples.y, splits=samples.splits or None, metrics=metrics, seed=seed,
            links=samples.links, settings=protocol(self.recipe.task),
        )  # fmt: skip

    def plot(self, path: str | Path | None = None, figure: str = "map", theme: str | Theme = "light") -> Any:
        """Draws a figure of the run (`graphurl list figures`); returns it, and writes it where a path is given."""
        from graphurl.plots import draw
        from graphurl.plots.figures import known

        title = str(self.source.get("name", "embedding"))
        return draw(figure, known(self.z, self.samples, self.recipe, self.history, title), path, theme)

    def to_anndata(self, adata: Any = None, key: str = "X_graphurl") -> Any:
        """Writes the embedding into `adata.obsm[key]`; the cells have to be the ones embedded, in their order.

        Without an AnnData it makes one, with names, labels and the similarity graph.
        """
        from graphurl.data.annotated import write
        from graphurl.exports import annotated, label_texts

        ids = None if self.samples is None else self.samples.ids
        if adata is None:
            return annotated(self.z, ids, label_texts(self.samples), self.graph, key)
        write(self.z, ids, adata, key)
        return adata

    def to_parquet(self, path: str | Path) -> Path:
        """Writes the columns id, label (where there are any) and z0, z1, … as Parquet."""
        from graphurl.exports import label_texts, row_ids, write_parquet

        ids = row_ids(len(self.z), None if self.samples is None else self.samples.ids)
        return write_parquet(self.z, path, ids, label_texts(self.samples))

    def to_projector(self, folder: str | Path) -> Path:
        """Writes what TensorBoard's projector reads, with thumbnails where the samples are pictures."""
        from graphurl.exports import label_texts, write_projector

        samples = self.samples
        ids, images = (None, None) if samples is None else (samples.ids, samples.images)
        return write_projector(self.z, folder, ids, label_texts(samples), images)

    def page(self, path: str | Path, *, columns: Mapping[str, Any] | None = None) -> Path:
        """Writes an interactive page, one file without server and network; columns are further things to colour by."""
        from graphurl.interactive import write_page

        title = str(self.source.get("name", "embedding"))
        return write_page(
            self.z, path, recipe=self.recipe, samples=self.samples, graph=self.graph, facts=self.facts, title=title,
            columns=columns,
        )  # fmt: skip

    def save(self, folder: str | Path) -> Path:
        """Writes embedding, ids, settings and model into a folder, each file in one atomic step.

        The model of `landmarks` holds the fitted rows, which place new ones; other encoders hold none.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_array(folder / "embedding.npy", self.z)
        ids = None if self.samples is None else self.samples.ids
        if ids is not None:
            write_ids(folder / "ids.txt", ids)
        write_text(folder / "config.yaml", config_text(self.recipe, self.source))
        self.model.save(folder)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Embedding:
        """Reads what `save` wrote; needs no training data."""
        folder = Path(folder)
        recipe, source = read_config(folder / "config.yaml")
        z = read_array(folder / "embedding.npy")
        return cls(z=z, recipe=recipe, samples=None, model=Model.load(folder), source=source)


def protocol(task: str) -> dict[str, dict[str, Any]]:
    """How embeddings of a task are measured, where it differs from the default of the metrics."""
    # Rows of length 1 would throw away one of the two coordinates of a map; node vectors are trained by their angles.
    if task == "dr":
        euclid = {"metric": "euclidean"}
        return {"linear_probe": {"standardise": True}, "weighted_knn": euclid, "recall": euclid}
    return {"knn_accuracy": {"metric": "cosine"}}


def config_text(recipe: Choices, source: Mapping[str, Any]) -> str:
    """The resolved settings as YAML; fed back they reproduce the run."""
    import yaml

    values = {"source": dict(source), "settings": recipe.to_dict()}
    text = yaml.safe_dump(values, sort_keys=False)
    return f"# graphurl {__version__}: graphurl {recipe.verb} --config THIS_FILE repeats the run\n{text}"


def read_config(path: Path) -> tuple[Choices, dict[str, Any]]:
    """Recipe and source of a configuration file; settings that it leaves out keep the recipe's defaults."""
    settings, source = read_settings(path)
    return recipe_of(settings), source


def read_settings(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and source of a configuration file, as they are written there."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give a configuration or a folder of embed") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read as YAML ({reason}): mend it or take a run's") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings: give lines such as 'loss: bce'")
    source = values.get("source") or {}
    settings = values.get("settings", {key: value for key, value in values.items() if key != "source"})
    if not isinstance(source, dict) or not isinstance(settings, dict):
        raise InputError(f"{path}: source and settings are mappings of names to values")
    return settings, source


def write_ids(path: Path, ids: Sequence[str]) -> None:
    """Writes a name a line; line breaks in a name are escaped."""
    write_text(path, "".join(f"{_one_line(name)}\n" for name in ids))


def write_text(path: Path, text: str) -> None:
    """Writes a text file in one atomic step."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def read_array(path: Path) -> np.ndarray:
    """Reads the embedding of a run folder."""
    try:
        z: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}): embed again, or --resume the run") from error
    if z.ndim != 2 or z.dtype.kind != "f":
        raise InputError(f"{path} holds {z.dtype} of shape {z.shape}, no embedding: embed again")
    return z


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an array in one atomic step."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes plain values in one atomic step."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def versions() -> dict[str, str]:
    """Versions of what made the result."""
    return {
        "graphurl": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _one_line(name: str) -> str:
    return name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _aligned(samples: Samples, names: Sequence[str]) -> Samples:
    """The columns in the order of the fitted ones, where both sides name them."""
    given = samples.feature_names
    if samples.x is None or not names or given is None or tuple(given) == tuple(names):
        return samples
    missing = [name for name in names if name not in given]
    if missing:
        raise InputError(
            f"the new rows have no column {missing[0]!r}: the model was fitted on {len(names)}, give all"
        )
    x = samples.x if samples.x.layout == torch.strided else samples.x.to_dense()
    return replace(samples, x=x[:, [given.index(name) for name in names]], feature_names=tuple(names))


def _with_graph(samples: Samples, graph: Any) -> Samples:
    from graphurl.graphs import citation

    return replace(samples, graph=graph if isinstance(graph, Graph) else citation(graph))
