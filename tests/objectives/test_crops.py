"""Pairs of crops: chunks beside the whole, the bilinear loss beside a loop, mixup beside its formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.sound import Front, ProjectorConfig, SoundLearner, in_chunks, projector_of
from partimento.objectives.crops import CropPairs, PairsConfig, paired_crops
from partimento.objectives.mixup import beta, mixup
from partimento.objectives.nt_xent import bilinear
from partimento.objectives.tags import TaggedCrops, tagged_crops


class Trunk(nn.Module):
    """Samples (B, S) to vectors, with dropout, which a second forward pass must draw alike."""

    def __init__(self, samples: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(nn.Linear(samples, 24), nn.GELU(), nn.Dropout(0.3), nn.Linear(24, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def learner(bilinear: bool = False, tags: int = 0) -> SoundLearner:
    torch.manual_seed(0)
    projector = None if tags else ProjectorConfig((12,), 6, "tanh" if bilinear else "linear", bilinear)
    return SoundLearner(Front(None), Trunk(20, 10), projector, tags)


def batch(count: int = 8) -> CropPairs:
    generator = torch.Generator().manual_seed(1)
    return CropPairs(torch.randn(count, 2, 20, generator=generator), torch.tensor([0, 1, 1, 2, 3, 4, 5, 0])[:count])


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("bilinear", [False, True])
def test_chunks_give_the_loss_and_gradient_of_the_whole_batch(bilinear: bool) -> None:
    found = []
    for chunk in (16, 5):
        network = learner(bilinear).train()
        network.trunk.layers[2].p = 0.0
        loss, _ = paired_crops(network, batch(), generator(), pairs=PairsConfig(mixup=True, chunk=chunk))
        loss.backward()
        found.append((loss.detach(), [p.grad for p in network.parameters()]))
    torch.testing.assert_close(found[0][0], found[1][0])
    for whole, parts in zip(found[0][1], found[1][1], strict=True):
        assert whole is not None
        assert parts is not None
        torch.testing.assert_close(whole, parts)


def test_what_is_computed_again_draws_the_same_random_numbers() -> None:
    torch.manual_seed(5)
    trunk, x = Trunk(20, 10).train(), torch.randn(9, 20)
    y = in_chunks(trunk, x, 4)
    y.sum().backward()
    (weights,) = [p.grad for name, p in trunk.named_parameters() if name == "layers.3.weight"]
    assert weights is not None
    # the last layer's gradient is the sum of the activations that the first pass has seen
    with torch.no_grad():
        bias = trunk.layers[3].bias
        solved = torch.linalg.lstsq(trunk.layers[3].weight, (y - bias).T).solution
    torch.testing.assert_close(trunk.layers[3].weight @ weights[0], (trunk.layers[3].weight @ solved).sum(1))


def test_bilinear_equals_a_loop() -> None:
    torch.manual_seed(0)
    pairs, weight = torch.randn(5, 2, 4), torch.randn(4, 4)
    songs = torch.tensor([0, 1, 1, 2, 3])
    losses, hits = bilinear(pairs, songs, slice(1, 4), weight)
    for row, i in enumerate(range(1, 4)):
        scores = {j: pairs[i, 0] @ weight @ pairs[j, 1] for j in range(5) if j == i or songs[j] != songs[i]}
        expected = torch.logsumexp(torch.stack(list(scores.values())), 0) - scores[i]
        torch.testing.assert_close(losses[row, 0], expected)
        assert bool(hits[row]) == (max(scores, key=lambda j: float(scores[j])) == i)


def test_the_first_crop_looks_for_the_second_alone() -> None:
    network = learner(bilinear=True).eval()
    _, logs = paired_crops(network, batch(), generator(), pairs=PairsConfig())
    assert int(logs["count"]) == 8  # pairs, where both directions would be 16


def test_mixup_is_a_weighted_sum_with_another_one() -> None:
    x = torch.eye(6)
    mixed, targets = mixup(x, generator(), 2 * x)
    assert targets is not None
    torch.testing.assert_close(targets, 2 * mixed)
    assert ((mixed > 0).sum(1) == 2).all()
    torch.testing.assert_close(mixed.sum(1), torch.ones(6))
    assert len({tuple((row > 0).nonzero().flatten().tolist()) for row in mixed}) == 6  # nobody serves twice


def test_gains_are_of_the_beta_distribution() -> None:
    gains = beta(20_000, generator(), torch.device("cpu"))
    assert float(gains.mean()) == pytest.approx(5 / 7, abs=0.005)
    assert float(gains.var()) == pytest.approx(10 / (49 * 8), abs=0.001)


def test_crops_of_a_recording_are_not_mixed_with_each_other() -> None:
    network = learner().train()
    seen: list[Tensor] = []
    network.trunk.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    sound = torch.zeros(4, 2, 20)
    for row in range(4):
        sound[row, 0, row], sound[row, 1, 10 + row] = 1, 1
    paired_crops(network, CropPairs(sound, torch.arange(4)), generator(), pairs=PairsConfig(mixup=True))
    first, second = seen[0].unflatten(0, (-1, 2)).unbind(1)
    assert not first[:, 10:].any()
    assert not second[:, :10].any()


def test_validation_is_not_mixed_and_draws_nothing() -> None:
    network = learner().eval()
    pairs = PairsConfig(mixup=True, noise=0.5)
    with torch.no_grad():
        losses = [float(paired_crops(network, batch(), torch.Generator(), pairs=pairs)[0]) for _ in range(2)]
    assert losses[0] == losses[1]


def test_pairs_are_learned() -> None:
    torch.manual_seed(0)
    network = learner().train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    things = torch.randn(8, 20)
    losses = []
    for _ in range(60):
        sound = things[:, None] + 0.3 * torch.randn(8, 2, 20)
        loss, logs = paired_crops(network, CropPairs(sound, torch.arange(8)), generator(), pairs=PairsConfig())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert int(logs["hits"]) >= 14


def test_tags_are_the_sum_of_binary_cross_entropies() -> None:
    network = learner(tags=3).eval()
    tags = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    sound = torch.randn(2, 20)
    loss, logs = tagged_crops(network, TaggedCrops(sound, tags), generator(), mix=True, chunk=8)
    assert network.tags is not None
    logits = network.tags(network.trunk(sound))
    expected = -(tags * F.logsigmoid(logits) + (1 - tags) * F.logsigmoid(-logits)).sum(1)
    torch.testing.assert_close(loss, expected.mean())
    assert int(logs["count"]) == 2


def test_projectors_have_the_layers_of_their_papers() -> None:
    mule = projector_of(1728, ProjectorConfig((4096, 4096, 4096), 4096))
    cola = projector_of(1280, ProjectorConfig((), 512, "tanh", bilinear=True))
    assert [type(layer).__name__ for layer in mule] == ["Linear", "ReLU"] * 3 + ["Linear"]
    assert [type(layer).__name__ for layer in cola] == ["Linear", "LayerNorm", "Tanh"]
    assert mule[-1].bias is None


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"noise": -1.0}, {"chunk": 0}])
def test_wrong_numbers_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PairsConfig(**wrong)  # type: ignore[arg-type]
