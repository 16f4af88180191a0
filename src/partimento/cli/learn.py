"""pretrain, evaluate: models in the making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from partimento.cli.messages import UsageError, say
from partimento.cli.options import DEFAULT_MODEL, Device, Model, Output, Settings

if TYPE_CHECKING:
    from torch import nn

    from partimento.corpus.store import Corpus
    from partimento.networks.decoder import DecoderConfig
    from partimento.piano_model import PianoModel
    from partimento.systems.aria import ClassesConfig
    from partimento.training.distributed import World


def pretrain(
    system: Annotated[
        Literal["aria", "musicbert", "adversarial_midibert", "m2bert", "mule", "vit1d", "cola", "clmr"],
        tyro.conf.Positional,
    ],
    corpus: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CORPUS")],
    /,
    output: Output,
    preset: str = "small",
    set: Settings = (),
    tags: str | None = None,
    notes: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
    name: str | None = None,
    data: str | None = None,
    licence: str = "unknown",
    threads: int | None = None,
    device: Device = "auto",
) -> int:
    """Train a system from random weights on a corpus.

    Of notes: aria learns what the next token of a piano piece is; musicbert restores hidden notes of any music,
    adversarial_midibert those that a masker hides, which learns which are hard, and m2bert puts notes right that were
    moved a little. Of sound: mule, vit1d, cola and clmr learn which two crops are of one recording.

    Stopped at any moment and started again, it goes on. The run folder gets config.json, log.jsonl, checkpoints/best
    and checkpoints/last (any verb's --model takes them) and, from aria, samples to listen to. Pieces labelled
    split=train are trained on and split=valid validated on; without such a label 2 % of the songs are held out. Several
    GPUs or processes: torchrun --nproc-per-node N -m partimento pretrain.

    Args:
        system: which one.
        corpus: folder that `ingest` made; for the preset scored, one that runs/render.sh made.
        output: run folder.
        preset: small trains on two CPU cores within hours; paper is the published size, which m2bert does not have;
            musicbert has paper-tiny, paper-mini, paper-small, paper-medium, paper-base and paper-large too; vit1d has
            scored, which learns from rendered sound what is played in it as well.
        set: change single settings, for example schedule.steps=500 optimizer.lr=1e-4 batch.rows=16.
        tags: of sound, learn these instead: the label of the corpus that holds them, blanks between them.
        notes: for the preset scored, rendered single notes to learn from as well.
        name: of the model, for its card.
        data: what it was trained on, for its card; the corpus folder's name by default.
        licence: of the weights, for its card.
        threads: CPU threads.
        device: where it computes.
    """
    import torch

    from partimento.corpus.recordings import Recordings
    from partimento.corpus.store import Corpus
    from partimento.overrides import override
    from partimento.systems import adversarial_midibert, aria, m2bert, musicbert
    from partimento.systems.vit1d import ScoredSystem
    from partimento.training.distributed import join_world
    from partimento.training.masked import pretrain_masked
    from partimento.training.pretrain import pretrain as run
    from partimento.training.scored import pretrain_scored
    from partimento.training.sound import SYSTEMS as SOUND
    from partimento.training.sound import pretrain_sound

    if tags and system not in SOUND:
        raise UsageError(f"--tags is for systems of sound ({', '.join(SOUND)}), not for {system}")
    if notes and preset != "scored":
        raise UsageError("--notes is for the preset scored of vit1d")
    if threads:
        torch.set_num_threads(threads)
    of_notes = {"aria": aria, "musicbert": musicbert, "adversarial_midibert": adversarial_midibert, "m2bert": m2bert}
    presets: dict[str, Callable[[], Any]] = (of_notes | SOUND)[system].PRESETS
    if preset not in presets:
        raise UsageError(f"{system} has no preset {preset!r}; it has {', '.join(presets)}")
    config = override(presets[preset](), list(set))
    about = {"name": name or output.name, "preset": preset, "data": data or corpus.name, "licence": licence}
    with join_world(device) as world:
        if isinstance(config, ScoredSystem):
            state = pretrain_scored(config, corpus, notes, output, world, about)
        elif system in SOUND:
            state = pretrain_sound(system, config, Recordings.open(corpus), output, world, about, tags)
        elif system == "aria":
            pieces = Corpus.open(corpus)
            state = run(config, pieces, output, world, about, sample=_sampler(pieces, config.network))
        else:
            state = pretrain_masked(system, config, Corpus.open(corpus), output, world, about)
    if world.leads:
        print(output / "checkpoints" / "best")
    return 0 if state.step >= config.recipe.schedule.steps else 130


def finetune(
    system: Annotated[Literal["aria"], tyro.conf.Positional],
    corpus: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CORPUS")],
    /,
    output: Output,
    objective: Literal["contrastive", "classes", "generative"] = "contrastive",
    label: str | None = None,
    condition: Annotated[str | None, tyro.conf.arg(metavar="EMBEDDING")] = None,
    lora: Annotated[int | None, tyro.conf.arg(metavar="RANK")] = None,
    model: Model = DEFAULT_MODEL,
    preset: Literal["small", "paper"] = "small",
    set: Settings = (),
    name: str | None = None,
    data: str | None = None,
    licence: str = "unknown",
    threads: int | None = None,
    device: Device = "auto",
) -> int:
    """Teach a trained model something else.

    contrastive makes an embedding of a language model: two slices of one piece shall have like vectors. classes makes a
    classifier of a language model or an embedding, which the verb label uses; the checkpoint is chosen on split=valid,
    and pieces of split=test, if there are any, are judged once, at the end. generative goes on with the language model,
    on pieces with a sign before their end, so that `continue --end` knows how to end; with --condition it learns to
    play like a piece that it is given (`continue --like`). Stopped and started again, it goes on; the run folder and
    several processes are as with `pretrain`, and the sides too, but that a classifier holds a tenth of
    the songs out where the corpus has no label "split".

    Args:
        system: which one.
        corpus: folder that `ingest` made; with a label "song", pieces of one song are not told apart.
        output: run folder.
        objective: what it learns.
        label: the label of the corpus whose values are the classes.
        condition: the embedding that tells a generative model what to play like, such as piano-small-embedding.
        lora: train adapters of this rank and the head instead of all weights of a classifier; they want a higher rate.
        model: the one to begin from.
        preset: small goes through in half an hour on two CPU cores, a classifier in minutes; paper is the published
            recipe.
        set: change single settings, for example schedule.steps=500 temperature=0.2 batch.rows=64.
        name: of the model, for its card.
        data: what it was trained on, for its card; the corpus folder's name by default.
        licence: of the weights, for its card.
        threads: CPU threads.
        device: where it computes.
    """
    import torch

    from partimento.corpus.store import Corpus
    from partimento.overrides import override
    from partimento.piano_model import load_piano
    from partimento.systems.aria import CLASSES, CONTRASTIVE, GENERATIVE
    from partimento.training.conditioned import finetune_generative
    from partimento.training.contrastive import finetune_contrastive
    from partimento.training.distributed import join_world

    if objective == "classes" and not label:
        raise UsageError("--objective classes needs --label, the label of the corpus whose values are the classes")
    if objective != "classes" and (label or lora is not None):
        raise UsageError("--label and --lora are for --objective classes")
    if objective != "generative" and condition:
        raise UsageError("--condition is for --objective generative")
    if threads:
        torch.set_num_threads(threads)
    about = {"name": name or output.name, "preset": preset, "data": data or corpus.name, "licence": licence}
    best = output / "checkpoints" / "best"
    with join_world(device) as world:
        base, pieces = load_piano(model, "cpu"), Corpus.open(corpus)
        if label:
            settings = [*set, *([] if lora is None else [f"lora={lora}"])]
            done = _classifier(override(CLASSES[preset](), settings), base, pieces, label, output, world, about)
        elif objective == "generative":
            recipe = override(GENERATIVE[preset](), list(set))
            embedding = load_piano(condition, "cpu") if condition else None
            state = finetune_generative(base, recipe, pieces, output, world, about, embedding)
            done = state.step >= recipe.schedule.steps
        else:
            config = override(CONTRASTIVE[preset](), list(set))
            state = finetune_contrastive(base, config, pieces, output, world, about)
            done = state.step >= config.recipe.schedule.steps
    if world.leads:
        print(best)
    return 0 if done else 130


def _classifier(
    config: ClassesConfig,
    base: PianoModel,
    corpus: Corpus,
    label: str,
    output: Path,
    world: World,
    about: dict[str, Any],
) -> bool:
    """Train a classifier and, where there are pieces to test on, say how good it is; whether it came to its end."""
    from partimento.piano_model import load_piano
    from partimento.tasks.classify import class_probabilities, scores
    from partimento.training.classification import finetune_classes
    from partimento.training.labelled import labelled_pieces

    pieces, test = labelled_pieces(corpus, label)
    sizes = f"{len(pieces.train):,} pieces to train on, {len(pieces.valid):,} to choose on, {len(test):,} to test on"
    if world.leads:
        say(f"{label}: {len(pieces.classes)} classes ({', '.join(pieces.classes)}); {sizes}")
    state = finetune_classes(base, config, pieces, output, world, about)
    if state.step < config.recipe.schedule.steps:
        return False
    if world.leads:
        best = load_piano(output / "checkpoints" / "best", world.device)
        say(f"{best.config['trained_parameters']:,} parameters were trained")
        if test:
            found = scores(class_probabilities(best, map(pieces.notes_of, test)), pieces.labels[test])
            say(f"test: accuracy {found['accuracy']:.1%}, macro F1 {found['macro_f1']:.3f}")
    return True


def _sampler(corpus: Corpus, network: DecoderConfig) -> Callable[[nn.Module, Path], None]:
    """What writes a continuation of the first piece that is held out, to hear how the run gets on."""
    from partimento.generate.continuation import continue_notes
    from partimento.generate.options import ContinueOptions
    from partimento.midi import write_midi
    from partimento.networks.decoder import Decoder
    from partimento.tokens.performance import PerformanceTokenizer
    from partimento.tokens.vocabulary import vocabulary_of_size
    from partimento.training.sides import sides

    prompt = corpus[sides(corpus)[1][0]].notes
    tokenizer = PerformanceTokenizer(vocabulary_of_size(network.vocabulary))

    def sample(trained: nn.Module, path: Path) -> None:
        assert isinstance(trained, Decoder)
        take = continue_notes(trained, tokenizer, prompt, ContinueOptions(seconds=20.0, seed=0))[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(take.notes, path.with_suffix(".mid"))

    return sample
