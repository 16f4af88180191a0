"""pretrain, evaluate: models in the making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from partimento.cli.options import Device, Output

if TYPE_CHECKING:
    from torch import nn

    from partimento.corpus.store import Corpus
    from partimento.networks.decoder import DecoderConfig


def pretrain(
    system: Annotated[Literal["aria"], tyro.conf.Positional],
    corpus: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CORPUS")],
    /,
    output: Output,
    preset: Literal["small", "paper"] = "small",
    set: Annotated[
        tuple[str, ...], tyro.conf.arg(aliases=["-s"], metavar="KEY=VALUE...", help_behavior_hint="(default: none)")
    ] = (),
    name: str | None = None,
    data: str | None = None,
    licence: str = "unknown",
    threads: int | None = None,
    device: Device = "auto",
) -> int:
    """Train a system from random weights on a corpus.

    Stopped at any moment and started again, it goes on. The run folder gets config.json, log.jsonl, checkpoints/best
    and checkpoints/last (any verb's --model takes them) and samples to listen to. Pieces labelled split=train are
    trained on and split=valid validated on; without such a label 2 % of the songs are held out. Several GPUs or
    processes: torchrun --nproc-per-node N -m partimento pretrain.

    Args:
        system: which one.
        corpus: folder that `ingest` made.
        output: run folder.
        preset: small trains on two CPU cores within hours; paper is the published size.
        set: change single settings, for example schedule.steps=500 optimizer.lr=1e-4 batch.rows=16.
        name: of the model, for its card.
        data: what it was trained on, for its card; the corpus folder's name by default.
        licence: of the weights, for its card.
        threads: CPU threads.
        device: where it computes.
    """
    import torch

    from partimento.corpus.store import Corpus
    from partimento.overrides import override
    from partimento.systems.aria import PRESETS
    from partimento.training.distributed import join_world
    from partimento.training.pretrain import pretrain as run

    if threads:
        torch.set_num_threads(threads)
    config = override(PRESETS[preset](), list(set))
    about = {"name": name or output.name, "preset": preset, "data": data or corpus.name, "licence": licence}
    pieces = Corpus.open(corpus)
    with join_world(device) as world:
        state = run(config, pieces, output, world, about, sample=_sampler(pieces, config.network))
    if world.leads:
        print(output / "checkpoints" / "best")
    return 0 if state.step >= config.recipe.schedule.steps else 130


def evaluate(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")],
    corpus: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CORPUS")],
    /,
    suite: Literal["notes"] = "notes",
    split: str = "test",
    results: Path = Path("results"),
    bf16: bool = False,
    threads: int | None = None,
    device: Device = "auto",
) -> int:
    """Measure a language model on pieces it has not heard.

    It gives nats a note, beside uniform, unigram and 3-gram models of the same tokens. The corpus needs a label "split"
    and a label "set"; the n-grams learn from its training side. Every figure is added to RESULTS as one JSON line, and
    the table is printed from there.

    Args:
        model: bundled name, folder or repository.
        corpus: folder that `ingest` made.
        suite: notes is the one there is so far.
        split: the side that is measured.
        results: folder of the results.
        bf16: compute in bfloat16: twice as fast on most CPUs, and less exact.
        threads: CPU threads.
        device: where it computes.
    """
    import torch

    from partimento.corpus.store import Corpus
    from partimento.model import load
    from partimento.tasks.language_modelling import evaluate as run
    from partimento.tasks.results import table

    if threads:
        torch.set_num_threads(threads)
    dtype = torch.bfloat16 if bf16 else torch.float32
    found = run(Corpus.open(corpus), load(model, device), folder=results, split=split, dtype=dtype)
    print(table(found, "nats_per_note"))
    return 0


def _sampler(corpus: Corpus, network: DecoderConfig) -> Callable[[nn.Module, Path], None]:
    """What writes a continuation of the first piece that is held out, to hear how the run gets on."""
    from partimento.generate.continuation import continue_notes
    from partimento.generate.options import ContinueOptions
    from partimento.midi import write_midi
    from partimento.networks.decoder import Decoder
    from partimento.tokens.performance import PerformanceTokenizer
    from partimento.tokens.vocabulary import vocabulary_of_size
    from partimento.training.pretrain import sides

    prompt = corpus[sides(corpus)[1][0]].notes
    tokenizer = PerformanceTokenizer(vocabulary_of_size(network.vocabulary))

    def sample(trained: nn.Module, path: Path) -> None:
        assert isinstance(trained, Decoder)
        take = continue_notes(trained, tokenizer, prompt, ContinueOptions(seconds=20.0, seed=0))[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(take.notes, path.with_suffix(".mid"))

    return sample
