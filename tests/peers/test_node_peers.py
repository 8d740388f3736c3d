"""The node embeddings of benchmarks/peers: the form the benchmark relies on, and the parts written from the papers."""

from __future__ import annotations

import importlib
import math
import random
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

PEERS = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"
NODES, WORDS = 60, 80


def peer(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.peers.{name}")


METHODS = sorted(path.stem for path in PEERS.glob("*.py") if "\ndef embed(" in path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def planted() -> tuple[Tensor, Tensor]:
    """Two classes that show in words and edges; the last node has neither."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(NODES) % 2
    own = torch.arange(WORDS) % 2 == y[:, None]
    x = (torch.rand(NODES, WORDS, generator=generator) < torch.where(own, 0.12, 0.02)).float()
    chance = torch.where(y[:, None] == y, 0.15, 0.02)
    linked = (torch.rand(NODES, NODES, generator=generator) < chance).triu(1)
    x[:, 0] = 1.0
    x[-1], linked[:, -1] = 0.0, False
    return x, (linked | linked.T).nonzero().T.contiguous()


def embedded(name: str, planted: tuple[Tensor, Tensor], seed: int = 0, epochs: int = 3) -> Tensor:
    try:
        return peer(name).embed(*planted, seed=seed, data="cora", epochs=epochs)
    except ImportError as missing:
        pytest.skip(str(missing))


def test_the_contenders_are_the_nine_that_are_promised() -> None:
    assert METHODS == ["argva", "bgrl", "ccassg", "dgi", "gae", "grace", "graphmae", "node2vec", "vgae"]


@pytest.mark.parametrize("name", METHODS)
def test_a_contender_says_what_it_is(name: str) -> None:
    method = peer(name)
    assert method.NAME
    assert "arXiv:" in method.PAPER
    assert all(data.islower() and 50 < accuracy < 100 for data, accuracy in method.PUBLISHED.items())


def test_names_differ() -> None:
    assert len({peer(name).NAME for name in METHODS}) == len(METHODS)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.usefixtures("rng_untouched")
def test_a_seed_gives_the_same_finite_rows_and_touches_nothing(name: str, planted: tuple[Tensor, Tensor]) -> None:
    before = random.getstate(), *(part.clone() for part in planted)
    z = embedded(name, planted)
    assert z.shape[0] == NODES and z.dtype == torch.float32 and not z.requires_grad
    assert bool(z.isfinite().all())
    assert torch.equal(z, embedded(name, planted))
    assert not torch.allclose(z, embedded(name, planted, seed=1))
    assert random.getstate() == before[0], "Python's global random state was touched"
    assert all(torch.equal(now, then) for now, then in zip(planted, before[1:], strict=True)), "an input was changed"


@pytest.mark.parametrize("name", METHODS)
def test_training_moves_the_rows(name: str, planted: tuple[Tensor, Tensor]) -> None:
    assert not torch.allclose(embedded(name, planted, epochs=0), embedded(name, planted, epochs=10))


def test_bgrl_moves_more_than_its_batch_statistics(
    planted: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = embedded("bgrl", planted, epochs=10)
    monkeypatch.setattr(peer("bgrl"), "SETTINGS", {"cora": peer("bgrl").Settings(learning_rate=0.0)})
    assert not torch.allclose(trained, embedded("bgrl", planted, epochs=10))


def test_node2vec_says_in_a_line_what_it_lacks(planted: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer("node2vec"), "WITH_PYG_LIB", False)
    with pytest.raises(ImportError, match="draws its walks with pyg-lib, which is not installed"):
        peer("node2vec").embed(*planted, seed=0)


def test_features_as_compressed_rows_are_the_same_features(planted: tuple[Tensor, Tensor]) -> None:
    views, (x, _) = peer("views"), planted
    thin = views.compressed(x)
    assert thin.layout == torch.sparse_csr and torch.equal(thin.to_dense(), x)
    assert views.compressed(x + 1).layout == torch.strided
    masked, shuffled = [], []
    for features in (x, thin):
        with peer("seeding").seeded(3):
            masked.append(views.mask_features(features, 0.4).to_dense())
            shuffled.append(views.shuffled_rows(features).to_dense())
    assert torch.equal(*masked) and torch.equal(*shuffled)
    assert not torch.equal(shuffled[0], x)
    assert sorted(shuffled[0].tolist()) == sorted(x.tolist())
    gone = (masked[0] == 0).all(0) & (x > 0).any(0)
    assert 0 < int(gone.sum()) < WORDS
    assert torch.equal(masked[0][:, ~gone], x[:, ~gone])


def test_rows_have_unit_sums_and_edges_go_by_their_share(planted: tuple[Tensor, Tensor]) -> None:
    views, (x, _) = peer("views"), planted
    sums = views.unit_sums(x).sum(1)
    torch.testing.assert_close(sums[:-1], torch.ones(NODES - 1))
    assert sums[-1] == 0
    edges = torch.arange(20_000).reshape(2, -1)
    with peer("seeding").seeded(0):
        kept = views.drop_edges(edges, 0.3)
    assert abs(kept.shape[1] / 10_000 - 0.7) < 0.02
    assert torch.equal(kept[1] - kept[0], torch.full_like(kept[0], 10_000))


def test_random_pairs_are_no_edges_and_no_loops(planted: tuple[Tensor, Tensor]) -> None:
    _, edge_index = planted
    with peer("seeding").seeded(0):
        pairs = peer("autoencoding").random_pairs(edge_index, NODES)
    edges = set(map(tuple, edge_index.T.tolist()))
    found = list(map(tuple, pairs.T.tolist()))
    assert 0.7 * len(edges) < len(found) < len(edges)
    assert all(i != j and (i, j) not in edges for i, j in found)


def two_views(rows: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    return a, a + torch.randn(rows, dim, generator=generator, dtype=torch.float64)


def cosines(a: Tensor, b: Tensor) -> list[float]:
    return [float(p @ q) / math.sqrt(float(p @ p) * float(q @ q)) for p, q in zip(a, b, strict=True)]


def test_cca_loss_is_its_formula() -> None:
    a, b = two_views(12, 4)
    columns = [
        [[(v - sum(c) / 12) / math.sqrt(sum((w - sum(c) / 12) ** 2 for w in c)) for v in c] for c in z.T.tolist()]
        for z in (a, b)
    ]
    agreement = sum(sum(p * q for p, q in zip(c, d, strict=True)) for c, d in zip(*columns, strict=True))
    unlike = sum(
        (sum(p * q for p, q in zip(z[i], z[j], strict=True)) - (i == j)) ** 2
        for z in columns
        for i in range(4)
        for j in range(4)
    )
    assert float(peer("ccassg").cca_loss(a, b, 0.3)) == pytest.approx(4 - agreement + 0.3 * unlike, rel=1e-12)


def test_grace_loss_is_its_double_loop() -> None:
    a, b = two_views(7, 5)
    tau, total = 0.4, 0.0
    for u, v in ((a, b), (b, a)):
        for i in range(7):
            e = [math.exp(cosine / tau) for cosine in cosines(u[i].expand(7, -1), v)]
            e += [math.exp(cosine / tau) for k, cosine in enumerate(cosines(u[i].expand(7, -1), u)) if k != i]
            total -= math.log(e[i] / sum(e)) / 14
    assert float(peer("grace").grace_loss(a, b, tau)) == pytest.approx(total, rel=1e-12)


def test_bgrl_target_follows_by_the_momentum_rule() -> None:
    bgrl = peer("bgrl")
    slow, fast = nn.Linear(3, 2), nn.Linear(3, 2)
    expected = [0.9 * s.detach() + 0.1 * f.detach() for s, f in zip(slow.parameters(), fast.parameters(), strict=True)]
    trained = [f.detach().clone() for f in fast.parameters()]
    bgrl.follow(slow, fast, 0.9)
    for now, then in zip([*slow.parameters(), *fast.parameters()], [*expected, *trained], strict=True):
        torch.testing.assert_close(now.detach(), then)
    assert bgrl.momentum_at(0, 50) == pytest.approx(0.99)
    assert bgrl.momentum_at(25, 50) == pytest.approx(0.995)
    assert bgrl.momentum_at(50, 50) == pytest.approx(1.0)


def test_bgrl_step_rises_straight_and_falls_along_a_cosine() -> None:
    steps = [peer("bgrl").step_size(epoch, 100) for epoch in range(1, 101)]
    assert steps[4] == pytest.approx(0.5) and steps[9] == 1.0
    assert steps == [*sorted(steps[:10]), *sorted(steps[10:], reverse=True)] and 0 < steps[-1] < 0.01


def test_bgrl_loss_is_the_mean_cosine_and_spares_the_target() -> None:
    a, b = two_views(6, 3)
    expected = 2 - 2 * sum(cosines(a, b)) / 6
    loss = peer("bgrl").bootstrap_loss(a.requires_grad_(), b.requires_grad_())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    assert b.grad is None and a.grad is not None and bool((a.grad != 0).any())


def test_scaled_cosine_error_is_its_formula() -> None:
    a, b = two_views(6, 3)
    expected = sum((1 - cosine) ** 3 for cosine in cosines(a, b)) / 6
    assert float(peer("graphmae").scaled_cosine_error(a, b, 3.0)) == pytest.approx(expected, rel=1e-12)


def test_graphmae_hides_features_and_code_of_the_masked_rows(planted: tuple[Tensor, Tensor]) -> None:
    x, edge_index = planted
    with peer("seeding").seeded(0):
        model = peer("graphmae").MaskedAutoencoder(WORDS, 8, 2).eval()
        for weights in model.parameters():
            nn.init.normal_(weights)
    masked = torch.arange(0, NODES, 3)
    found = model.reconstruct(x, edge_index, masked, 0.0)
    assert found.shape == (len(masked), WORDS)
    # Only the masked rows' own features may differ without a trace.
    torch.testing.assert_close(found, model.reconstruct(x.index_fill(0, masked, 5.0), edge_index, masked, 0.0))
    assert not torch.allclose(found, model.reconstruct(x.index_fill(0, masked + 1, 5.0), edge_index, masked, 0.0))
    # Without edges a masked node has its own code alone, and that is hidden from the decoder.
    alone = model.reconstruct(x, edge_index[:, :0], masked, 0.0)
    torch.testing.assert_close(alone, model.decoder.bias.expand_as(alone))


def test_graphmae_shows_some_masked_nodes_as_others_and_the_rest_as_the_token() -> None:
    hidden = torch.arange(NODES, dtype=torch.long)[torch.arange(NODES) % 3 == 0].flip(0)
    with peer("seeding").seeded(0):
        shown = peer("graphmae").masked(NODES, hidden, 0.25)
    strangers, veiled = hidden[:5], hidden[5:]
    assert shown.veiled.nonzero().flatten().tolist() == sorted(veiled.tolist())
    assert set((shown.rows != torch.arange(NODES)).nonzero().flatten().tolist()) <= set(strangers.tolist())
    assert len(set(shown.rows[strangers].tolist())) == 5 and not torch.equal(shown.rows[strangers], strangers)


@pytest.mark.parametrize("compressed", [False, True])
def test_graphmae_encodes_what_is_shown_as_the_layers_themselves(
    planted: tuple[Tensor, Tensor], compressed: bool
) -> None:
    graphmae, (x, edge_index) = peer("graphmae"), planted
    x = x.double()
    with peer("seeding").seeded(0):
        model = graphmae.MaskedAutoencoder(WORDS, 8, 2).double().eval()
        for weights in model.parameters():
            nn.init.normal_(weights)
        shown = graphmae.masked(NODES, torch.arange(0, NODES, 3), 0.25)
    seen = x[shown.rows]
    seen[shown.veiled] = model.token.detach()
    for features, wanted in ((None, x), (shown, seen)):
        for layer, activation in zip((model.first, model.second), model.activations, strict=True):
            wanted = activation(layer(wanted, edge_index))
        found = model.encode(peer("views").compressed(x) if compressed else x, edge_index, features)
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_dropout_of_compressed_rows_keeps_zeros_and_the_mean(planted: tuple[Tensor, Tensor]) -> None:
    graphmae, thin = peer("graphmae"), peer("views").compressed(planted[0])
    assert torch.equal(graphmae.dropped(thin, 0.2, False).to_dense(), planted[0])
    with peer("seeding").seeded(0):
        kept = graphmae.dropped(thin, 0.2, True).to_dense()[planted[0] > 0]
    assert set(kept.tolist()) == {0.0, 1.25}
    assert abs(float(kept.mean()) - 1) < 0.1


def test_graphmae_divides_rows_by_their_sums_where_that_was_published(planted: tuple[Tensor, Tensor]) -> None:
    x, edge_index = planted
    for data, same in (("citeseer", True), ("cora", False)):
        once, twice = (
            peer("graphmae").embed(scale * x, edge_index, seed=0, data=data, epochs=1) for scale in (1.0, 2.0)
        )
        assert torch.allclose(once, twice, atol=1e-6) == same


def test_graphmae_decodes_as_the_layer_itself(planted: tuple[Tensor, Tensor]) -> None:
    _, edge_index = planted
    layer = peer("graphmae").MaskedAutoencoder(WORDS, 8, 2).double().eval().decoder
    nn.init.normal_(layer.bias)
    code, nodes = two_views(NODES, 8)[0], torch.tensor([7, 0, NODES - 1])
    found = peer("graphmae").decoded(layer, code, edge_index, nodes)
    torch.testing.assert_close(found, layer(code, edge_index)[nodes], rtol=1e-12, atol=1e-12)
