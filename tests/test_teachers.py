"""Whatever a user calls a teacher becomes what it knows of the samples, in their order, or one clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import graphurl
from graphurl import graphs
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.functional import mapped
from graphurl.relations.knowledge import Knowledge
from graphurl.similarity import Similarity
from graphurl.teachers import knowledge_of

COUNT = {"asked": 0}
GRAD = torch.ones(3, 3, requires_grad=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    COUNT["asked"] = 0


def rows(n: int = 6, dim: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def samples(ids: tuple[str, ...] | None = None, **more: Any) -> Samples:
    return Samples("some", x=rows(), ids=ids, **more)


def vectors(known: Knowledge, n: int = 6) -> Tensor:
    return known.of(torch.arange(n))


def double(x: Tensor) -> Tensor:
    """A teacher of one's own."""
    COUNT["asked"] += len(x)
    return torch.cat([2 * x.flatten(1), x.flatten(1)], dim=1)


class Net(nn.Module):
    """A module that says whether it is trained."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3, 4), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Rows times weights; it answers in evaluation mode only."""
        assert not self.training
        COUNT["asked"] += len(x)
        return x @ self.weight + 1


def with_gradient(x: Tensor) -> Tensor:
    """A teacher that insists on a gradient."""
    with torch.enable_grad():
        return x @ GRAD


def test_arrays_tensors_samples_and_files_are_taken_as_they_are(tmp_path: Path) -> None:
    given = rows(6, 5, 1)
    np.save(tmp_path / "t.npy", given.numpy())
    for teacher in (given, given.numpy(), Samples("t", x=given), tmp_path / "t.npy", str(tmp_path / "t.npy")):
        torch.testing.assert_close(vectors(knowledge_of(teacher, samples())), given)
    record = knowledge_of(tmp_path / "t.npy", samples()).record
    assert record["teacher"] == str(tmp_path / "t.npy")
    assert record["teacher_sha256"] == knowledge_of(given, samples()).record["teacher_sha256"]


def test_rows_are_matched_by_ids_where_both_have_them(tmp_path: Path) -> None:
    given, order = rows(8, 5, 1), [4, 2, 7, 0, 1, 6]
    names = tuple("abcdefgh")
    wanted = samples(tuple(names[i] for i in order))
    torch.testing.assert_close(vectors(knowledge_of(Samples("t", x=given, ids=names), wanted)), given[order])
    np.save(tmp_path / "t.npy", given.numpy())
    (tmp_path / "t.ids.txt").write_text("\n".join(names) + "\n")
    torch.testing.assert_close(vectors(knowledge_of(tmp_path / "t.npy", wanted)), given[order])
    with pytest.raises(InputError, match="knows 5 of 6 samples, not 'z'"):
        knowledge_of(Samples("t", x=given, ids=names), samples(tuple("abcdez")))
    with pytest.raises(InputError, match="name two rows alike"):
        knowledge_of(Samples("t", x=given, ids=tuple("aacdefgh")), wanted)


def test_without_ids_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="8 rows and there are 6 samples"):
        knowledge_of(rows(8), samples())
    with pytest.raises(InputError, match="8 rows and there are 6 samples"):
        knowledge_of(Samples("t", x=rows(8), ids=tuple("abcdefgh")), samples())


def test_features_that_cannot_teach_are_refused() -> None:
    bad = rows()
    bad[4, 1] = torch.nan
    with pytest.raises(InputError, match="the teacher array: 1 value.* row 4, column 1"):
        knowledge_of(bad, samples())
    zero = rows()
    zero[2] = 0
    with pytest.raises(InputError, match="vector of row 2 .* is zero"):
        knowledge_of(zero, samples())
    with pytest.raises(InputError, match=r"need a gradient: hand over features.detach\(\)"):
        knowledge_of(rows().requires_grad_(), samples())


def test_a_module_is_asked_once(tmp_path: Path) -> None:
    expected = rows() @ torch.ones(3, 4) + 1
    for _ in range(2):
        net = Net().train()
        torch.testing.assert_close(vectors(knowledge_of(net, samples())), expected)
    assert COUNT["asked"] == 6
    torch.testing.assert_close(vectors(knowledge_of(Net(2.0), samples())), 2 * expected - 1)
    knowledge_of(Net(), Samples("other", x=rows(seed=5)))
    assert COUNT["asked"] == 18, "other weights and other data are asked anew"
    file = tmp_path / "mine.npy"
    knowledge_of(Net(), samples(), cache=file)
    with pytest.raises(InputError, match="was made with another teacher"):
        knowledge_of(Net(2.0), samples(), cache=file)
    with pytest.raises(InputError, match="was made with other data"):
        knowledge_of(Net(), Samples("other", x=rows(seed=5)), cache=file)


def test_a_callable_by_name_reads_rows_or_pictures() -> None:
    known = knowledge_of("tests.test_teachers:double", samples())
    torch.testing.assert_close(vectors(known), torch.cat([2 * rows(), rows()], dim=1))
    pixels = torch.randint(0, 256, (6, 3, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    known = knowledge_of("tests.test_teachers:double", Samples("p", images=Stack(pixels)))
    torch.testing.assert_close(vectors(known)[:, 48:], pixels.flatten(1) / 255)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("tests.test_teachers:with_gradient", "answers need a gradient"),
        ("tests.test_teachers:missing", "cannot be imported"),
        ("no_such_module:f", "cannot be imported"),
        ("tests.test_teachers:COUNT", "is a dict and cannot be called"),
        ("nowhere.npy", "does not exist: give a run folder"),
        (lambda x: x[:1], "has to return a row a sample"),
        (lambda x: x * torch.nan, "the teacher's answers: .* NaN"),
    ],
)
def test_what_is_no_teacher_is_refused(teacher: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        knowledge_of(teacher, samples())


def test_a_graph_teaches_its_similarities(tmp_path: Path) -> None:
    graph = graphs.knn(rows(), 2)
    graphs.save(graph, tmp_path / "g.safetensors")
    for teacher in (graph, tmp_path / "g.safetensors"):
        known = knowledge_of(teacher, samples())
        p = known.p(torch.arange(6), torch.arange(6), Similarity())
        expected = graph.similarity().to_dense() if hasattr(graph, "to_dense") else None
        assert torch.equal(p.diagonal(), torch.ones(6))
        assert int((p > 0).sum()) - 6 == graph.similarity().num_edges
        assert expected is None or bool(expected.shape)
    with pytest.raises(InputError, match="6 rows and there are 4 samples"):
        knowledge_of(graph, Samples("few", x=rows(4)))


def test_a_run_teaches_its_own_rows_or_is_asked(tmp_path: Path) -> None:
    x = rows(40, 5)
    run = graphurl.embed(x, method="map-direct", epochs=1, n_neighbors=5, hidden=8)
    run.save(tmp_path / "run")
    new = rows(7, 5, 3)
    known = knowledge_of(tmp_path / "run", Samples("new", x=new))
    np.testing.assert_allclose(vectors(known, 7), run.transform(new), rtol=1e-5)
    torch.testing.assert_close(vectors(knowledge_of(run, Samples("same", x=x)), 40), torch.from_numpy(run.z))


def test_without_their_mean_vectors_point_to_all_sides() -> None:
    positive = rows(50, 8).abs() + 1
    known = Knowledge(positive)
    centred = known.centred()
    assert float(known.log_p(torch.arange(50), torch.arange(50), Similarity(metric="cosine")).exp().min()) > 0.5
    torch.testing.assert_close(vectors(centred, 50), positive - positive.mean(0))
    torch.testing.assert_close(vectors(known, 50), positive)
    # The mean is that of all, whichever samples a run has.
    torch.testing.assert_close(vectors(centred.among(torch.tensor([4, 2])), 2), (positive - positive.mean(0))[[4, 2]])
    graph = Knowledge(graph=graphs.knn(rows(50), 3).similarity())
    assert graph.centred() is graph


def test_centred_vectors_of_a_file_go_to_a_scratch_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 21)
    values = np.random.default_rng(0).random((10, 7), dtype=np.float32) + 3
    np.save(tmp_path / "teacher.npy", values)
    known = Knowledge(torch.from_numpy(np.load(tmp_path / "teacher.npy", mmap_mode="r+")))
    assert mapped.is_mapped(known.vectors) == mapped.is_mapped(known.centred().vectors)  # type: ignore[arg-type]
    np.testing.assert_allclose(vectors(known.centred(), 10), values - values.mean(0), atol=1e-6)


@pytest.mark.parametrize("centre", [True, False])
def test_a_student_is_taught_what_is_left_of_the_mean(centre: bool) -> None:
    """A teacher moved by a constant teaches the same, once the mean is taken off."""
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    said = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    found = [
        graphurl.Distiller(
            "convnet", n_epochs=1, batch_size=10, learning_rate=1e-3, random_state=0, device="cpu",
            settings={"centre": centre, "side": 8},
        ).fit_transform(pictures, teacher=teacher)
        for teacher in (said, said + 4)
    ]
    assert np.allclose(*found, atol=1e-4) == centre
