"""Single notes in slots: sides that share no pitch of a program, and slots cut out of what is rendered."""

from __future__ import annotations

import numpy as np

from partimento.tasks.audio.single_notes import GAP_S, SLOT_S, single_notes, spread, without_gaps


def test_every_program_and_key_once_and_sides_apart():
    clips = list(single_notes(16, 8, 0))
    assert {side for _, side, _ in clips} == {"train", "valid", "test"}
    assert len({name for name, _, _ in clips}) == len(clips)
    of_side: dict[str, set[tuple[int, int]]] = {"train": set(), "valid": set(), "test": set()}
    programs: set[int] = set()
    for _, side, labels in clips:
        assert len(np.unique(labels.note_program)) <= 15
        pitched = labels.note_program >= 0
        pairs = zip(labels.note_program[pitched].tolist(), labels.note_pitch[pitched].tolist(), strict=True)
        of_side[side].update(pairs)
        programs.update(labels.note_program.tolist())
        slot = np.arange(len(labels.note_pitch)) * SLOT_S
        assert ((labels.note_onset_s >= slot) & (labels.note_offset_s < slot + SLOT_S)).all()
    assert programs == set(range(-1, 128))
    assert not of_side["train"] & of_side["test"]
    assert not of_side["train"] & of_side["valid"]
    assert {program for program, _ in of_side["test"]} == set(range(128))


def test_slots_are_cut_out_of_what_is_rendered():
    rate_hz, lead_s, count = 100, 1.0, 3
    _, _, labels = next(single_notes(16, 8, 0))
    rendered = np.zeros(round((lead_s + count * (SLOT_S + GAP_S)) * rate_hz), dtype=np.float32)
    frame = np.rint((spread(labels).note_onset_s[:count] + lead_s) * rate_hz).astype(int)
    rendered[frame] = 1
    found = without_gaps(rendered, rate_hz, count, lead_s)
    assert len(found) == count * SLOT_S * rate_hz
    np.testing.assert_allclose(np.flatnonzero(found), np.rint(labels.note_onset_s[:count] * rate_hz), atol=1)
