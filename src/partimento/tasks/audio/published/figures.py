"""Published figures, as fractions: of MULE and its relatives (McCallum et al. 2022, tables 2 to 4) and of MARBLE's.

The figures of MARBLE's tasks are those of MuQ's table (Zhu et al. 2025) and, for beats and chords, of MusicFM's (Won et
al. 2024), whose probes are its own. To be printed beside one's own as a reference: their probes read vectors that are
not standardised, and windows of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

Figures = Mapping[str, Mapping[str, Mapping[str, float]]]

MULE = "MULE"
SUPERVISED = "Musicset, supervised"
MERT, MUSICFM, MUQ, MUQ_ITER = "MERT-330M", "MusicFM", "MuQ", "MuQ-iter"


def _tags(both: tuple[float, float], supervised: tuple[float, float]) -> dict[str, dict[str, float]]:
    """Of average precision and area under the ROC curve."""
    return {
        name: {"average_precision": pair[0], "roc_auc": pair[1]}
        for name, pair in ((MULE, both), (SUPERVISED, supervised))
    }


def _one(metric: str, **systems: float) -> dict[str, dict[str, float]]:
    names = {"mule": MULE, "supervised": SUPERVISED, "mert": MERT, "musicfm": MUSICFM, "muq": MUQ, "muq_iter": MUQ_ITER}
    return {names[name]: {metric: value} for name, value in systems.items()}


FIGURES: Figures = {
    "mtt": _tags((0.404, 0.914), (0.413, 0.917)),
    "gtzan": _one("accuracy", mule=0.735, supervised=0.835, mert=0.786, musicfm=0.838, muq=0.855),
    "nsynth-pitch": _one("accuracy", mule=0.892, supervised=0.793, mert=0.944, musicfm=0.911, muq=0.923),
    "nsynth-instrument": _one("accuracy", mule=0.740, supervised=0.731, mert=0.726, musicfm=0.762, muq=0.797),
    "giantsteps-key": _one("weighted_key", mule=0.667, supervised=0.286, mert=0.656, musicfm=0.639, muq=0.635),
    "emomusic": {
        MULE: {"r2": 0.6385, "r2_valence": 0.577, "r2_arousal": 0.700},
        SUPERVISED: {"r2": 0.646, "r2_valence": 0.566, "r2_arousal": 0.726},
        MERT: {"r2": 0.6795, "r2_valence": 0.612, "r2_arousal": 0.747},
        MUSICFM: {"r2": 0.683, "r2_valence": 0.603, "r2_arousal": 0.763},
        MUQ: {"r2": 0.6945, "r2_valence": 0.628, "r2_arousal": 0.761},
    },
    "amm": _tags((0.174, 0.784), (0.180, 0.791)),
    "jam-50": _tags((0.317, 0.839), (0.321, 0.843)),
    "jam-mt": _tags((0.158, 0.781), (0.161, 0.786)),
    "jam-all": _tags((0.159, 0.833), (0.162, 0.839)),
    "msds": _tags((0.351, 0.900), (0.363, 0.903)),
    "msd50": _tags((0.438, 0.908), (0.459, 0.913)),
    "msd100": _tags((0.321, 0.897), (0.346, 0.906)),
    "msd500": _tags((0.152, 0.891), (0.169, 0.898)),
    "mumu": _tags((0.235, 0.893), (0.257, 0.908)),
    "vocalset-singer": _one("accuracy", mert=0.871, musicfm=0.920, muq=0.962),
    "vocalset-technique": _one("accuracy", mert=0.769, musicfm=0.784, muq=0.824),
    "harmonix": _one("accuracy", mert=0.757, musicfm=0.765, muq_iter=0.772),
    "gtzan-beats": {
        MERT: {"beats": 0.858, "downbeats": 0.722},
        MUSICFM: {"beats": 0.868, "downbeats": 0.804},
    },
    "chords1217": _one("accuracy", mert=0.574, musicfm=0.714),
}


def paper(name: str, metric: str) -> dict[str, str]:
    """Percent of a metric by name of the system, as tables show them; empty for a set without figures."""
    return {
        system: f"{100 * values[metric]:.1f}" for system, values in FIGURES.get(name, {}).items() if metric in values
    }
