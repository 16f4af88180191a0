from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from partimento.networks.decoder import Decoder, DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.classification import classification, collate
from partimento.training.head import fit_head, head_features, softmax_regression


def network(pool: Pool = "mean") -> Decoder:
    torch.manual_seed(0)
    sizes = TransformerConfig(32, 2, 2, 64, dropout=0.5)
    config = DecoderConfig(sizes, vocabulary=30, context=64, head="classes", outputs=3, pool=pool)
    decoder = Decoder(config)
    decoder.initialise()
    return decoder.train()


def slices(seed: int = 1) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Ninety pieces of three classes, each of which prefers other tokens, the second half of two slices each."""
    generator = np.random.default_rng(seed)
    labels = np.arange(90) % 3
    pieces = [
        [10 * label + generator.integers(0, 10, 20) for _ in range(1 if number < 45 else 2)]
        for number, label in enumerate(labels)
    ]
    return pieces, labels


def test_a_fitted_head_tells_what_the_network_hears() -> None:
    decoder, batch = network(), collate(*slices())
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    fit_head(decoder, batch, pieces=90)
    assert {n for n, v in decoder.state_dict().items() if not torch.equal(v, before[n])} == {"head.weight"}
    assert decoder.training
    with torch.no_grad():
        loss, logs = classification(decoder.eval(), collate(*slices(seed=2)))
    assert int(logs["hits"]) >= 85
    assert float(loss) < 0.9 * np.log(3)


def test_features_are_what_the_head_is_given_without_dropout() -> None:
    pools: tuple[Pool, ...] = ("mean", "end")
    for pool in pools:
        decoder, batch = network(pool), collate(*slices())
        features = head_features(decoder, batch)
        assert features.shape == (135, 32)
        hidden = decoder.eval().hidden(batch.ids[7][None])[0]
        torch.testing.assert_close(features[7], hidden.mean(0) if pool == "mean" else hidden[-1], atol=1e-5, rtol=1e-4)


def test_the_bias_rides_on_the_mean_feature() -> None:
    generator = torch.Generator().manual_seed(0)
    common = 5 * torch.randn(20, generator=generator)
    features = common + torch.randn(400, 20, generator=generator) * torch.linspace(0.1, 2.0, 20)
    target = torch.randn(4, 20, generator=generator)
    scores = (features - common) @ target.T + torch.tensor([2.0, 0.0, -1.0, -9.0])
    labels = scores.argmax(1)
    assert (labels == 3).sum() < 20
    weight = softmax_regression(features, labels, 5)
    found = features @ weight.T
    assert (found.argmax(1) == labels).float().mean() > 0.85
    assert not (found.argmax(1) == 4).any()  # a class that no slice has
    assert F.cross_entropy(found, labels) < 0.65


def test_many_slices_of_few_pieces_weigh_as_few() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(12, 8, generator=generator), torch.arange(12) % 3
    once = softmax_regression(features, labels, 3)
    torch.testing.assert_close(softmax_regression(features.repeat(9, 1), labels.repeat(9), 3, 1 / 9), once)
