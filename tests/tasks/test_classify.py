from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from labelled_music import CLASSES, piece, tiny_model

from partimento.midi import MidiError
from partimento.tasks import classify
from partimento.tasks.classify import class_names, class_probabilities, scores
from partimento.tokens.slices import windows


def test_a_piece_is_the_mean_of_its_windows_weighted_by_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "GROUP", 2)
    model = tiny_model(tmp_path / "model", head="classes", outputs=3, classes=["a", "b", "c"])
    model.network.head.weight.data *= 20
    pieces = [piece(number, count) for number, count in enumerate((20, 700, 310))]
    found = class_probabilities(model, pieces)
    assert found.shape == (3, 3)
    for row, notes in zip(found, pieces, strict=True):
        slow = torch.zeros(3, dtype=torch.float64)
        cuts = [ids for ids, _ in windows(model.tokenizer, notes, model.context)]
        for ids in cuts:
            slow += len(ids) * model.network(torch.from_numpy(ids)[None])[0, -1].double().softmax(-1)
        np.testing.assert_allclose(row, (slow / sum(map(len, cuts))).detach(), atol=1e-5)
    assert class_names(model) == ("a", "b", "c")
    assert class_probabilities(model, []).shape == (0, 3)


def test_without_names_classes_are_numbers(tmp_path: Path) -> None:
    assert class_names(tiny_model(tmp_path / "model", head="classes", outputs=3)) == ("0", "1", "2")


def test_only_classifiers_and_only_piano(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tiny-lm is a language model, not a classifier; make one with"):
        class_probabilities(tiny_model(tmp_path / "tiny-lm"), [piece(0)])
    model = tiny_model(tmp_path / "model", head="classes", outputs=2, classes=list(CLASSES))
    organ = replace(piece(0), program=np.full(60, 19, np.int32))
    with pytest.raises(MidiError, match="none of its 60 notes is piano"):
        class_probabilities(model, [organ])


def test_scores() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    found = scores(probabilities, np.array([0, 0, 1, 1]))
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
