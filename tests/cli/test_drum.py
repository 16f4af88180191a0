"""`drum` on songs that are written here, with a tiny drummer; in this process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from in_process import Said
from tiny_drums import tiny_checkpoint, tiny_song

from partimento.cli.drum import drum, kit_of
from partimento.cli.messages import UsageError
from partimento.midi import read_midi, write_midi
from partimento.tokens.drum_kit import KIT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_checkpoint(tmp_path_factory.mktemp("drummer") / "tiny"))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    write_midi(tiny_song(9, drums=False), tmp_path / "song.mid")
    return tmp_path / "song.mid"


def test_a_song_gets_drums_beside_it(song: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert drum(song, model=model, device="cpu", seed=7) == 0
    said = Said(*capsys.readouterr())
    out = song.with_name("song-drums.mid")
    assert said.stdout == f"{out}\n"
    assert "seed 7, 9 bars" in said.stderr
    notes = read_midi(out)
    assert notes.is_drum.any()
    assert (~notes.is_drum).sum() == len(read_midi(song))
    with pytest.raises(FileExistsError, match="--overwrite"):
        drum(song, model=model, device="cpu")


def test_variations_are_numbered_and_go_on_a_page(song: Path, model: str, tmp_path: Path) -> None:
    out, page = tmp_path / "made" / "take.mid", tmp_path / "page.html"
    drum(song, output=out, model=model, device="cpu", seed=1, variations=2, only_drums=True, page=page)
    takes = [read_midi(out.with_name(f"take-{k}.mid")) for k in (1, 2)]
    assert all(take.is_drum.all() for take in takes)
    assert not np.array_equal(takes[0].onset, takes[1].onset)
    assert page.stat().st_size > 1000


def test_drums_that_are_there(tmp_path: Path, model: str) -> None:
    path = tmp_path / "full.mid"
    write_midi(tiny_song(9), path)
    with pytest.raises(ValueError, match=r"has drums already \(.* notes\): --replace"):
        drum(path, model=model, device="cpu")
    drum(path, tmp_path / "kept.mid", keep_bars="1-8", model=model, device="cpu", seed=1)
    first, kept = (n.select(n.is_drum & (n.onset < 8 * 480 - 8)) for n in map(read_midi, (path, tmp_path / "kept.mid")))
    assert np.array_equal(first.onset, kept.onset)
    drum(path, tmp_path / "new.mid", replace=True, model=model, device="cpu", seed=1)
    with pytest.raises(ValueError, match=r"full.mid: bar 12 is beyond the end; the song has 9 bars"):
        drum(path, tmp_path / "no.mid", keep_bars="12", model=model, device="cpu")


def test_a_kit_map(song: Path, model: str, tmp_path: Path) -> None:
    table = tmp_path / "map.json"
    table.write_text(json.dumps({"kick": 24, "hats": 25}))
    pitches = kit_of(table)
    assert pitches[:6] == (24, 38, 25, 25, 25, 51)
    assert kit_of(None) == KIT
    drum(song, tmp_path / "out.mid", kit=("kick", "hats"), map=table, model=model, device="cpu", seed=1, temperature=2)
    notes = read_midi(tmp_path / "out.mid")
    assert set(notes.pitch[notes.is_drum].tolist()) <= {24, 25}
    for text, said in (("[1]", "must be an object"), ("{", "not JSON"), ('{"kick": 128}', "from 0 to 127")):
        table.write_text(text)
        with pytest.raises(ValueError, match=said):
            kit_of(table)
    table.write_text('{"kazoo": 1}')
    with pytest.raises(ValueError, match=r"map.json: no drum is called 'kazoo'"):
        kit_of(table)


def test_a_waltz_is_refused_by_name(tmp_path: Path, model: str) -> None:
    from dataclasses import replace

    waltz = replace(tiny_song(4, drums=False), metre_numerator=np.array([3], np.int32))
    write_midi(waltz, tmp_path / "waltz.mid")
    with pytest.raises(ValueError, match=r"waltz.mid: the metre is 3/4"):
        drum(tmp_path / "waltz.mid", model=model, device="cpu")


def test_wrong_wishes_are_told_before_anything_is_opened(song: Path) -> None:
    with pytest.raises(ValueError, match="write auto, none") as error:
        drum(song, fills="often", model="no-such-model")
    assert not isinstance(error.value, UsageError)
