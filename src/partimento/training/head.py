"""A head that is fitted before anything else is trained: linear probing first, fine-tuning after.

A random head pulls a good network out of shape while it finds its way, and costs steps; one that is fitted on frozen
features begins where a linear probe ends (Kumar et al. 2022, Fine-tuning can distort pretrained features).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.decoder import Decoder
from partimento.objectives.classification import LabelledSlices
from partimento.objectives.contrastive import pooled

PENALTY = 30.0  # of the squared weights of standardised features, against the sum of the pieces' losses in nats
BIAS_PENALTY = 1.0  # which keeps finite the bias of a class that no slice has
ITERATIONS = 100


def fit_head(network: Decoder, batch: LabelledSlices, pieces: int) -> None:
    """Set the head of a classifier to the penalised softmax regression of slices on its own features.

    Args:
        pieces: of which the slices are; many slices of a few pieces say no more than these.
    """
    features = head_features(network, batch)
    labels = batch.labels.repeat_interleave(batch.counts)
    weight = softmax_regression(features, labels, network.head.out_features, min(1.0, pieces / len(labels)))
    network.head.weight.data.copy_(weight)


@torch.no_grad()
def head_features(network: Decoder, batch: LabelledSlices) -> Tensor:
    """(S, D) float32 of slices: what the network, without dropout, gives its head."""
    found: list[Tensor] = []
    training = network.training
    handle = network.head.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0]))
    try:
        pooled(network.eval(), batch.ids, batch.lengths)
    finally:
        handle.remove()
        network.train(training)
    return found[0].float()


def softmax_regression(features: Tensor, labels: Tensor, classes: int, share: float = 1.0) -> Tensor:
    """(K, D) weight whose logits of features (S, D) tell labels (S,); there is no bias in it.

    Features are standardised to be fitted and a bias is fitted too; both go into the weight. The bias rides on the mean
    feature, which all features have much of.

    Args:
        share: how much a row counts against the penalty.
    """
    mean, deviation = features.mean(0), features.std(0, unbiased=False).clamp_min(1e-6)
    x = ((features - mean) / deviation).double()
    weight = x.new_zeros(classes, x.shape[1], requires_grad=True)
    bias = x.new_zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = share * F.cross_entropy(x @ weight.T + bias, labels, reduction="sum")
        value = value + PENALTY / 2 * weight.square().sum() + BIAS_PENALTY / 2 * bias.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    plain = weight.detach() / deviation
    constant = bias.detach() - plain @ mean.double()
    return (plain + constant[:, None] * mean / mean.square().sum()).float()
