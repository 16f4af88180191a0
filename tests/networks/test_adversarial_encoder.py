"""What is remembered of notes is the same in all processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

PROGRAM = """
import sys
import torch
from torch import distributed
from partimento.networks.adversarial import AdversarialEncoder
from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.tokens.fields import Fields

rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
config = EncoderConfig(TransformerConfig(8, 2, 1, 8), Fields(("bar", "pitch"), (4, 10)), 4, 8)
network = AdversarialEncoder(Encoder(config), notes=8)
notes = torch.tensor([[0, 1, 8], [4, 5, 6]]) if rank == 0 else torch.tensor([[2, 3, 8], [7, 8, 8]])
change = torch.tensor([[-1, 0, 0], [0, -1, 0]] if rank == 0 else [[0, -1, 0], [0, 0, 0]], dtype=torch.int8)
network.remember(notes, change, torch.tensor([[5 - rank, 1], [5, 5]]))
buffers = {name: value for name, value in network.named_buffers() if not name.startswith("encoder")}
torch.save(buffers, f"{folder}/{rank}.pt")
distributed.destroy_process_group()
"""


def test_two_processes_keep_one_book(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM]
    pair = [subprocess.Popen([*command, str(rank), str(tmp_path)], stderr=subprocess.PIPE) for rank in range(2)]
    for process in pair:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error.decode()
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert one["allowed"].tolist() == [False, True, True, False, True, False, True, True, False]
    assert one["visits"][:-1].tolist() == [1] * 8
    # all notes were seen once: accuracies of 9 and 2 in 10
    torch.testing.assert_close(one["weights"], torch.tensor([2 / 11, 9 / 11]))
    assert not one["judged"].any()
