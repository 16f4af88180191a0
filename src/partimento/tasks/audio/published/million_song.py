"""Where the previews of the Million Song Dataset are; its audio is not given out any more, so holders keep their own.

    msd/audio/A/B/C/TRABCXY128F1234567.mp3   by the third to fifth letter of the id, as the set's own files
or, beside the two files that map ids (jongpillee/music_dataset_split, MSD_split),
    msd/MSD_id_to_7D_id.pkl, msd/7D_id_to_path.pkl
    msd/audio/8/9/8947470.clip.mp3           as 7digital's previews were handed out

Checked: the form of the mappings in the split's description, that of the first layout in programs that read it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from partimento.tasks.audio.published.plain_pickle import read_plain_pickle

FOLDER = "msd"
GET = (
    f"the previews of the Million Song Dataset go into {FOLDER}/audio/, as A/B/C/TRABC....mp3 or, with "
    f"MSD_id_to_7D_id.pkl and 7D_id_to_path.pkl of jongpillee/music_dataset_split in {FOLDER}/, as "
    "8/9/8947470.clip.mp3; 7digital, who gave them out, does so no more"
)


def previews(root: Path) -> Callable[[str], Path]:
    """What tells the sound file of an id, whether it is there or not.

    Raises:
        ValueError: if a mapping is damaged.
    """
    place = root / FOLDER / "audio"
    mappings = [root / FOLDER / name for name in ("MSD_id_to_7D_id.pkl", "7D_id_to_path.pkl")]
    number_of, path_of = (
        ({str(key): str(value) for key, value in read_plain_pickle(path).items()} if path.is_file() else {})
        for path in mappings
    )

    def preview(name: str) -> Path:
        mapped = path_of.get(number_of.get(name, ""))
        return place / mapped if mapped else place / name[2] / name[3] / name[4] / f"{name}.mp3"

    return preview
