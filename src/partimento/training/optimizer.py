"""Optimizers and learning rates from a recipe."""

from __future__ import annotations

import torch
from torch import nn

from partimento.recipe import OptimizerConfig, ScheduleConfig


def make_optimizers(network: nn.Module, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """AdamW alone, or Muon for the matrices inside blocks and AdamW for the rest.

    Norms, biases and embeddings are never decayed, the parts that embeddings share neither. Each group keeps its peak
    rate under "peak_lr".

    Raises:
        ValueError: if Muon is asked for and torch has none.
    """
    if config.kind == "muon" and not hasattr(torch.optim, "Muon"):
        raise ValueError(f"torch {torch.__version__} has no Muon; install 2.9 or later, or set optimizer.kind=adamw")
    embeddings = {id(p) for m in network.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    bare, matrices, outputs = [], [], []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim < 2 or id(parameter) in embeddings:
            bare.append(parameter)
        elif ".blocks." in name:
            matrices.append(parameter)
        else:
            outputs.append(parameter)
    fused = next(network.parameters()).device.type == "cuda"
    decayed = outputs if config.kind == "muon" else outputs + matrices
    groups = [{"params": bare, "weight_decay": 0.0}, {"params": decayed, "weight_decay": config.weight_decay}]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [g for g in groups if g["params"]], lr=config.lr, betas=config.betas, eps=config.epsilon, fused=fused
        )
    ]
    if matrices and config.kind == "muon":  # none where the blocks are frozen, or the network has no such blocks
        optimizers.append(
            torch.optim.Muon(
                matrices,
                lr=config.matrix_lr,
                weight_decay=config.weight_decay,
                momentum=0.95,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def rate(step: int, schedule: ScheduleConfig) -> float:
    """Share of the peak learning rate that step `step` (from 0) uses."""
    warm = min(1.0, (step + 1) / max(1, schedule.warmup))
    decay_start = max(schedule.warmup, round(schedule.decay_from * schedule.steps))
    if step < decay_start:
        return warm
    through = (step - decay_start) / max(1, schedule.steps - decay_start)
    return warm * (1 - through * (1 - schedule.final))


def set_rates(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Every group at this share of its peak rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * share
