"""NT-Xent and InfoNCE beside a loop over slices, packed slices beside single ones, two processes beside one."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from partimento.networks.decoder import Decoder, DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig, initialise
from partimento.objectives import contrastive as contrastive_module
from partimento.objectives.contrastive import Loss, SlicePairs, contrastive, pooled
from partimento.objectives.nt_xent import infonce, nt_xent
from partimento.training.loop import Step

SONGS = torch.tensor([0, 1, 1, 2, 0, 3])


def decoder(pool: Pool = "end") -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(16, 2, 2, 32), 40, 24, head="embedding", outputs=6, pool=pool)
    network = Decoder(config)
    initialise(network, layers=2, std=0.3)  # large enough that a wrong position shows
    return network


def pairs_of_slices(count: int = 6, time: int = 24) -> SlicePairs:
    generator = torch.Generator().manual_seed(count)
    ids = torch.randint(40, (count, 2, time), generator=generator)
    return SlicePairs(ids, torch.randint(3, time + 1, (count, 2), generator=generator), SONGS[:count])


def unit_vectors(count: int = 6, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, 2, 5, generator=torch.Generator().manual_seed(seed)), dim=-1)


def slow(pairs: Tensor, songs: Tensor, temperature: float, loss: Loss) -> tuple[Tensor, Tensor, list[int]]:
    """Losses (N, 2), whether the partner is the nearest (N, 2), and how many negatives each slice has; by loops."""
    losses, hits, negatives = [], [], []
    for i, song in enumerate(songs.tolist()):
        for side in (0, 1):
            partner = torch.dot(pairs[i, side], pairs[i, 1 - side]) / temperature
            others = []
            for j, other_song in enumerate(songs.tolist()):
                for other_side in (0, 1) if loss == "nt_xent" else (1 - side,):
                    if other_song != song:
                        others.append(torch.dot(pairs[i, side], pairs[j, other_side]) / temperature)
            losses.append(-partner + torch.stack([partner, *others]).exp().sum().log())
            hits.append(all(bool(partner > other) for other in others))
            negatives.append(len(others))
    return torch.stack(losses).view(-1, 2), torch.tensor(hits).view(-1, 2), negatives


@pytest.mark.parametrize("loss", ["nt_xent", "infonce"])
@pytest.mark.parametrize("songs", [torch.arange(6), SONGS])
def test_losses_are_those_of_the_loops_gradients_too(loss: Loss, songs: Tensor) -> None:
    judge = {"nt_xent": nt_xent, "infonce": infonce}[loss]
    for temperature in (0.1, 0.7):
        pairs, same = unit_vectors().requires_grad_(), unit_vectors().requires_grad_()
        expected, nearest, _ = slow(pairs, songs, temperature, loss)
        found, hits = judge(same, songs, slice(0, 6), temperature)
        torch.testing.assert_close(found, expected)
        assert hits.sum() == nearest.sum()
        expected.sum().backward()
        found.sum().backward()
        torch.testing.assert_close(same.grad, pairs.grad)
        some, some_hits = judge(same, songs, slice(2, 5), temperature)
        torch.testing.assert_close(some, expected[2:5])
        assert some_hits.sum() == nearest[2:5].sum()


def test_how_many_negatives_there_are() -> None:
    """Where all are orthogonal, the loss is the logarithm of how many a slice is set against, partner included."""
    count = 7
    songs = torch.arange(count)
    orthogonal = torch.eye(2 * count).view(count, 2, -1)
    losses, _ = nt_xent(orthogonal, songs, slice(0, count), 0.1)
    torch.testing.assert_close(losses, torch.full((count, 2), math.log(1 + 2 * count - 2)))
    losses, _ = infonce(orthogonal, songs, slice(0, count), 0.1)
    torch.testing.assert_close(losses, torch.full((count, 2), math.log(1 + count - 1)))
    assert slow(orthogonal, songs, 0.1, "nt_xent")[2] == [2 * count - 2] * (2 * count)
    assert slow(orthogonal, SONGS[[0, 1, 2, 3, 4, 5, 5]], 0.1, "nt_xent")[2][:4] == [10, 10, 10, 10]
    losses, hits = nt_xent(orthogonal, torch.zeros(count, dtype=torch.long), slice(0, count), 0.1)
    assert losses.abs().max() == 0  # nothing of another song is there
    assert hits.all()


def test_slices_of_one_song_do_not_push_each_other_away() -> None:
    pairs = unit_vectors().requires_grad_()
    losses, _ = nt_xent(pairs, SONGS, slice(0, 6), 0.5)
    (gradient,) = torch.autograd.grad(losses[1].sum(), pairs)
    assert (gradient[2] == 0).all()  # of the same song as 1
    assert (gradient[[0, 3, 4, 5]].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("pool", ["end", "mean"])
@pytest.mark.parametrize("filled", [0, 70])
def test_packed_slices_equal_each_on_its_own(pool: Pool, filled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On GPUs every pack is filled up to one length: 70 positions, of which 60 at most are slices."""
    pack = contrastive_module._packed
    monkeypatch.setattr(contrastive_module, "CHUNK_TOKENS", 60)
    monkeypatch.setattr(contrastive_module, "_packed", lambda ids, lengths, _: pack(ids, lengths, filled))
    network, batch = decoder(pool), pairs_of_slices()
    ids, lengths = batch.ids.flatten(0, 1), batch.lengths.flatten()
    sizes: list[int] = []
    handle = network.embedding.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].numel()))
    found = pooled(network, ids, lengths)
    handle.remove()
    assert len(sizes) > 2
    assert max(sizes) <= 60 if not filled else set(sizes) == {70}
    for row, length, vector in zip(ids, lengths.tolist(), found, strict=True):
        hidden = network.hidden(row[None, :length])[0]
        expected = network.head(hidden[-1] if pool == "end" else hidden.mean(0))
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-4)
    found.sum().backward()
    packed = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    network.zero_grad()
    for row, length in zip(ids, lengths.tolist(), strict=True):
        hidden = network.hidden(row[None, :length])[0]
        network.head(hidden[-1] if pool == "end" else hidden.mean(0)).sum().backward()
    for a, b in zip(packed, [p.grad for p in network.parameters()], strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("loss", ["nt_xent", "infonce"])
def test_the_objective_is_the_mean_and_logs_the_sums(loss: Loss) -> None:
    network, batch = decoder(), pairs_of_slices()
    vectors = torch.stack(
        [
            network(ids[None, :length])[0, -1]
            for pair, lengths in zip(batch.ids, batch.lengths.tolist(), strict=True)
            for ids, length in zip(pair, lengths, strict=True)
        ]
    )
    expected, nearest, _ = slow(F.normalize(vectors, dim=-1).view(6, 2, -1), SONGS, 0.2, loss)
    for evaluation in (False, True):
        value, logs = contrastive(network.train(not evaluation), batch, temperature=0.2, loss=loss)
        torch.testing.assert_close(value, expected.mean(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(logs["loss"], expected.sum(), atol=1e-4, rtol=1e-4)
        assert (int(logs["hits"]), int(logs["count"])) == (int(nearest.sum()), 12)
        assert not logs["loss"].requires_grad
    assert batch.tokens == int(batch.lengths.sum())
    assert [len(batch[start : start + 4]) for start in (0, 4)] == [4, 2]
    assert batch[4:6].songs.tolist() == [0, 3]


def test_similarities_are_float32_where_the_network_is_not() -> None:
    network, batch = decoder(), pairs_of_slices()
    with torch.autocast("cpu", torch.bfloat16):
        value, _ = contrastive(network, batch, temperature=0.02)
        vectors = F.normalize(pooled(network, batch.ids.flatten(0, 1), batch.lengths.flatten()), dim=-1)
    assert vectors.dtype == torch.float32
    expected, _ = nt_xent(vectors.view(6, 2, -1), SONGS, slice(0, 6), 0.02)
    torch.testing.assert_close(value, expected.mean(), atol=1e-6, rtol=1e-6)


def gradients(loss: Loss, rank: int = 0, size: int = 1) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of a step of one process among several, each with its share of the pairs."""
    batch = pairs_of_slices()
    share = len(batch) // size
    step: nn.Module = Step(decoder(), partial(contrastive, temperature=0.2, loss=loss))
    model = nn.parallel.DistributedDataParallel(step) if size > 1 else step
    value, _ = model(batch[rank * share : (rank + 1) * share], torch.Generator())
    value.backward()
    return value.item(), {name: p.grad for name, p in step.named_parameters() if p.grad is not None}


def one_of_two(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found: dict[str, Any] = {loss: gradients(loss, rank, 2) for loss in ("nt_xent", "infonce")}
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_have_the_loss_and_the_gradients_of_one_with_all_pairs(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for loss in ("nt_xent", "infonce"):
        value, expected = gradients(loss)
        (one, one_gradients), (other, _) = found[0][loss], found[1][loss]
        assert (one + other) / 2 == pytest.approx(value, rel=1e-5)
        assert one != other
        assert one_gradients.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(one_gradients[name], gradient, atol=1e-5, rtol=1e-4)
