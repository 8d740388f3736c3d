"""The saved model: the same bytes in a fresh process, and one line for a file that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graphurl import model as model_module
from graphurl import registry
from graphurl.data.preparation import KINDS, Preparation
from graphurl.encoders import Inputs, Plain
from graphurl.encoders.mlp import MLP
from graphurl.encoders.table import Table
from graphurl.errors import InputError
from graphurl.model import Model

EDGES = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])


def rows(n: int = 9) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(0)).relu()


def made(name: str = "mlp", kind: str = "standard", **choices: Any) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = registry.resolve("encoders", name)
        arguments = {"index": (9, 2), "pictures": (3,)}.get(encoder.needs, (5, 2))
        built = encoder(*arguments, **choices)
    return Model(name, built, Preparation.fit(kind, rows()), {"feature_names": list("abcde")})


@pytest.mark.parametrize("name", registry.names("encoders"))
def test_load_gives_every_tensor_back(name: str, tmp_path: Path) -> None:
    model = made(name)
    model.save(tmp_path)
    again = Model.load(tmp_path)
    mine, other = model.encoder.state_dict(), again.encoder.state_dict()
    assert list(mine) == list(other)
    assert all(torch.equal(mine[key], other[key]) for key in mine)
    assert model.preparation is not None
    assert again.preparation is not None
    assert again.preparation.kind == "standard"
    for key, value in model.preparation.tensors.items():
        assert torch.equal(again.preparation.tensors[key], value)
    assert (again.name, again.about, again.inductive) == (name, {"feature_names": list("abcde")}, name != "table")
    assert not again.encoder.training
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_preparation_survives(kind: str, tmp_path: Path) -> None:
    model = made(kind=kind)
    model.save(tmp_path)
    assert torch.equal(Model.load(tmp_path).transform(rows(4)), model.transform(rows(4)))


def test_transform_in_a_fresh_process_gives_the_same_bytes(tmp_path: Path) -> None:
    made_of_rows = made("landmarks")
    made_of_rows.encoder.remember(rows(), "cosine")  # type: ignore[operator]
    for name, model in (("mlp", made()), ("linear", made("linear")), ("landmarks", made_of_rows)):
        folder = tmp_path / name
        folder.mkdir()
        model.save(folder)
    np.save(tmp_path / "x.npy", rows(4).numpy())
    np.save(tmp_path / "edges.npy", EDGES.numpy())
    code = (
        "import sys, torch, numpy as np\n"
        "from pathlib import Path\n"
        "from graphurl.model import Model\n"
        "torch.set_num_threads(1)\n"
        "at = Path(sys.argv[1])\n"
        "x, edges = (torch.from_numpy(np.load(at / f)) for f in ('x.npy', 'edges.npy'))\n"
        "for name in ('mlp', 'landmarks'):\n"
        "    np.save(at / f'{name}.npy', Model.load(at / name).transform(x).numpy())\n"
        "np.save(at / 'linear.npy', Model.load(at / 'linear').transform(x, edges).numpy())\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True)
    assert np.load(tmp_path / "mlp.npy").tobytes() == made().transform(rows(4)).numpy().tobytes()
    assert np.load(tmp_path / "landmarks.npy").tobytes() == made_of_rows.transform(rows(4)).numpy().tobytes()
    expected = made("linear").transform(rows(4), EDGES).numpy()
    assert np.load(tmp_path / "linear.npy").tobytes() == expected.tobytes()


def test_transform_prepares_and_encodes() -> None:
    model = made()
    assert model.preparation is not None
    expected = model.encoder(Inputs(model.preparation.apply(rows()))).z
    assert torch.equal(model.transform(rows()), expected.detach())
    bare = Model("mlp", model.encoder, None)
    assert torch.equal(bare.transform(rows()), model.encoder(Inputs(rows())).z.detach())


def test_chunks_of_rows_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(kind="l2")
    whole = model.transform(rows())
    monkeypatch.setattr(model_module, "CHUNK", 2)
    torch.testing.assert_close(model.transform(rows()), whole, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(model.transform(rows().to_sparse_csr()), whole, rtol=1e-6, atol=1e-7)
    table = Table(9, 2)
    placed = Model("table", table, None).place(Inputs(torch.arange(9)))
    assert torch.equal(placed, table.rows.detach())


def test_transform_is_pure_and_in_evaluation_mode(rng_untouched: None) -> None:
    with torch.random.fork_rng():
        model = made(dropout=0.5)
    x = rows()
    model.encoder.train()
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    first = model.transform(x)
    assert torch.equal(first, model.transform(x))
    assert not first.requires_grad
    assert model.encoder.training, "the mode is put back"
    assert torch.equal(x, rows())
    assert all(torch.equal(before[key], value) for key, value in model.encoder.state_dict().items())
    model.encoder.eval()
    assert torch.equal(model.transform(x), first)


def test_a_module_without_weights_places_rows() -> None:
    model = Model("custom", Plain(nn.Flatten()), None)
    assert torch.equal(model.transform(rows()), rows())


def test_half_precision_comes_back_as_float32() -> None:
    encoder = Plain(nn.Linear(5, 2).to(torch.bfloat16))
    assert Model("custom", encoder, None).place(Inputs(rows().bfloat16())).dtype == torch.float32


def test_what_cannot_be_placed_is_refused() -> None:
    with pytest.raises(InputError, match="'table' holds one row for each fitted sample.*encoder='mlp'"):
        made("table").transform(rows())
    with pytest.raises(InputError, match="'gcn' reads a graph and got rows only"):
        made("gcn").transform(rows())
    with pytest.raises(InputError, match="4 features and the model was fitted on 5"):
        made().transform(rows()[:, :4])


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    values = json.loads(path.read_text())
    values.update(changes)
    path.write_text(json.dumps({k: v for k, v in values.items() if v != "drop"}))


BROKEN: dict[str, Any] = {
    "no json": lambda f: (f / "model.json").unlink(),
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "empty json": lambda f: (f / "model.json").write_text(""),
    "half json": lambda f: (f / "model.json").write_text((f / "model.json").read_text()[:40]),
    "a list": lambda f: (f / "model.json").write_text("[1]"),
    "binary json": lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"),
    "foreign json": lambda f: (f / "model.json").write_text('{"name": "other"}'),
    "half weights": lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:90]),
    "empty weights": lambda f: (f / "model.safetensors").write_bytes(b""),
    "foreign weights": lambda f: save_file({"a": torch.zeros(2)}, f / "model.safetensors"),
    "newer": lambda f: edit(f, format_version=99),
    "no version": lambda f: edit(f, format_version="drop"),
    "odd version": lambda f: edit(f, format_version="one"),
    "no encoder": lambda f: edit(f, encoder="drop"),
    "unknown encoder": lambda f: edit(f, encoder="mpl"),
    "no config": lambda f: edit(f, config="drop"),
    "config of another": lambda f: edit(f, config={"width": 3}),
    "other shapes": lambda f: edit(f, config={"in_dim": 4, "out_dim": 2}),
    "odd preparation": lambda f: edit(f, preparation={"kind": "scale"}),
    "unknown preparation": lambda f: edit(f, preparation={"kind": "whiten", "num_features": 5}),
    "preparation without tensors": lambda f: save_file(
        {k: v for k, v in load_file(f / "model.safetensors").items() if k.startswith("encoder")},
        f / "model.safetensors",
    ),
    "custom": lambda f: edit(f, encoder="custom"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_model_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    made().save(tmp_path)
    BROKEN[name](tmp_path)
    with pytest.raises(InputError) as caught:
        Model.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert ":" in str(caught.value)


@pytest.mark.parametrize("breaks", ["write", "replace"])
def test_a_writer_that_dies_leaves_the_previous_model(
    breaks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made().save(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def half(path: Path, content: bytes) -> None:
        path.write_text("half")
        fail()

    if breaks == "write":
        monkeypatch.setattr(Path, "write_bytes", half)
    else:
        monkeypatch.setattr(model_module.os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        made("gcn").save(tmp_path)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_module_of_the_users_own_can_be_saved_and_loaded_by_hand(tmp_path: Path) -> None:
    module = nn.Linear(5, 2)
    Model("custom", Plain(module), None).save(tmp_path)
    with pytest.raises(InputError, match="module of your own"):
        Model.load(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    assert torch.equal(weights["encoder.module.weight"], module.weight)


def test_loading_leaves_global_randomness_alone(tmp_path: Path, rng_untouched: None) -> None:
    made().save(tmp_path)
    Model.load(tmp_path)


def test_shared_weights_are_saved(tmp_path: Path) -> None:
    encoder = MLP(2, 2, hidden=2, depth=2)
    encoder.layers[1].weight = encoder.layers[0].weight  # type: ignore[union-attr, assignment]
    Model("mlp", encoder, None).save(tmp_path)
    x = torch.eye(2)
    assert torch.equal(Model.load(tmp_path).transform(x), Model("mlp", encoder, None).transform(x))
