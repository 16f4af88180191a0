"""Drums of the bars of one window, drawn from left to right, patch after patch, all variations side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from partimento.drum_model import DrumModel, Wanted
from partimento.generate.drum_cells import PLAIN_VELOCITY, CellWeights, Rules, draw_patch, touch_of
from partimento.networks.drum_cells import played_class
from partimento.networks.drum_windows import CLASSES, FILL, STEPS, UNSAID
from partimento.networks.drummer import PATCH, PATCHES, Heard
from partimento.networks.transformer import KeyValueCache
from partimento.systems.drummer import DENSITY_EDGES
from partimento.tokens.drumgrid import DrumGrid

COPYING = (1.0, 0.7, 0.4, 0.2, 0.0)  # of a fill, one attempt after another
LEAST_NEW = 0.35  # distance of a fill from the bar before it, as in `analysis.novelty`
LEAST_OF_USUAL = 0.7  # hits of a fill, by those of the bar before it
FILL_TEMPERATURE = 1.0  # at least
MOST_LEAN = 4.0  # log odds
DENSITY_HITS = (0, 3, 7, 10, 13, 16, 20, 28)  # what a class of density aims at


class Drawer:
    """One window of all variations: the encoder's view of it, and the decoder at the bar that is next."""

    def __init__(
        self,
        model: DrumModel,
        weights: CellWeights,
        rules: Rules,
        wanted: Wanted,
        humanize: float,
        parts: list[DrumGrid],
        randoms: list[np.random.Generator],
        first: int,
    ) -> None:
        self.network, self.weights, self.wanted = model.network, weights, wanted
        self.rules: Sequence[Rules] = [rules] * len(parts)
        self.lean = np.zeros(len(parts))  # of each variation, to the density that is wished
        self.humanize, self.parts, self.randoms, self.first = humanize, parts, randoms, first
        # the encoder sees what is known alone, which all variations share
        with torch.inference_mode():
            window = model.window(parts[0], first, wanted)
            self.heard: Heard = self.network.hear(window)
        self.bars = window.inside.shape[1]
        self.device, config = model.device, self.network.config
        self.cache = KeyValueCache(
            config.transformer(config.decoder_layers),
            len(parts),
            self.bars * PATCHES,
            self.heard.patches.dtype,
            self.device,
        )
        self.played = int(played_class(torch.tensor(wanted.played), torch.tensor(wanted.feel)))

    @torch.inference_mode()
    def skip(self, start: int, stop: int) -> None:
        """Read song bars that are as they shall be."""
        if stop <= start:
            return
        copied = self._copied(start, stop).flatten(1, 2).unflatten(1, (-1, PATCH))
        self.network.states(self._patches(start, stop), self._before(start, stop), copied, self.cache)

    @torch.inference_mode()
    def logits(self, bar: int) -> torch.Tensor:
        """(V, 32, 16) float32 logits of the cells of the song bar that is next, each given those before it."""
        begin = self.cache.length
        copied = self._copied(bar, bar + 1)[:, 0].unflatten(1, (PATCHES, PATCH))  # (V, P, S, H, 2, C)
        states = self.network.states(self._patches(bar, bar + 1), self._before(bar, bar + 1), copied, self.cache)
        self.cache.rewind(begin)
        hits = np.stack([part.velocity[bar] > 0 for part in self.parts]).reshape(-1, PATCH, CLASSES)
        played, near = torch.from_numpy(hits).to(self.device), copied[..., 0, :].flatten(0, 1)
        before = self.network.cells.before(states.flatten(0, 1), near, played)
        return self.network.cells.logits(before, near, played).view(len(self.parts), STEPS, CLASSES)

    def divide(self, rules: Sequence[Rules], randoms: list[np.random.Generator]) -> None:
        """Go on in as many ways as there are rules from what the one part has so far."""
        (part,) = self.parts
        self.parts = [replace(part, velocity=part.velocity.copy(), shift=part.shift.copy()) for _ in rules]
        self.rules, self.randoms, self.lean = rules, randoms, np.zeros(len(rules))
        self.cache.memory = self.cache.memory.repeat_interleave(len(rules), 2)

    def draw(self, bar: int) -> None:
        """Draw what is hidden of a song bar, in place; where a density or a fill is wished, again until it is one, or
        nearly.

        The network hears the wish but follows what was played before. Each time the odds of a hit lean further to the
        density, and half of that is kept for the next bar; or less is seen of the bars that a fill would repeat.
        """
        begin = self.cache.length
        todo = np.ones(len(self.parts), dtype=bool)
        for copying in COPYING:
            self.cache.rewind(begin)
            self._draw(bar, todo, copying if self.wanted.fill[bar] == FILL else 1.0)
            todo &= self._missed(bar, todo)
            if not todo.any():
                break
        self.lean /= 2

    def _missed(self, bar: int, todo: np.ndarray) -> np.ndarray:
        """(V,) bool, whose bar is not what is wished; of those that are to do the lean is changed."""
        hits = np.stack([part.velocity[bar] > 0 for part in self.parts])
        count, wish = np.count_nonzero(hits, axis=(1, 2)), int(self.wanted.density[bar])
        before = np.stack([part.velocity[max(0, bar - 1)] > 0 for part in self.parts])
        usual = np.count_nonzero(before, axis=(1, 2))
        if wish != UNSAID:
            missed = 1 + np.searchsorted(DENSITY_EDGES, count, side="right") != wish
            goal = np.full(len(hits), DENSITY_HITS[wish - 1])
        elif self.wanted.fill[bar] == FILL and bar:
            sparse = count < LEAST_OF_USUAL * usual
            missed = sparse | (np.count_nonzero(hits ^ before, axis=(1, 2)) < LEAST_NEW * (count + usual))
            goal = np.where(sparse, usual, count)
        else:
            return np.zeros(len(hits), dtype=bool)
        leaning = np.clip(self.lean + np.log((goal + 1) / (count + 1)), -MOST_LEAN, MOST_LEAN)
        self.lean = np.where(todo & missed, leaning, self.lean)
        return np.asarray(missed & ((usual > 0) | (wish != UNSAID)))

    @torch.inference_mode()
    def _draw(self, bar: int, todo: np.ndarray, copying: float) -> None:
        """Draw the bar of some variations; those that are not to do keep theirs.

        Args:
            copying: how much of the repeated bars is seen.
        """
        cells, fill = self.network.cells, self.wanted.fill[bar] == FILL
        copied = copying * self._copied(bar, bar + 1)[:, 0].unflatten(1, (PATCHES, PATCH))  # (V, P, S, H, 2, C)
        patches = self._patches(bar, bar + 1)
        straight = torch.einsum("vpshc,ch->vpsc", copied[..., 0, :], cells.straight.float()).cpu().numpy()
        for patch in range(PATCHES):
            steps = slice(patch * PATCH, (patch + 1) * PATCH)
            last = self._last_patch(bar, patch)
            near = copied[:, patch]
            states = self.network.states(patches[:, patch : patch + 1], last[:, None], near[:, None], self.cache)
            before = cells.before(states[:, 0], near[..., 0, :]).float().cpu()
            for row, (part, random, rules) in enumerate(zip(self.parts, self.randoms, self.rules, strict=True)):
                if not todo[row]:
                    continue
                known, leaning = self.wanted.known[bar], replace(rules, lean=float(self.lean[row]))
                if fill and rules.temperature > 0:
                    leaning = replace(leaning, temperature=max(rules.temperature, FILL_TEMPERATURE))
                vectors = before[row].numpy()  # shares its memory: what hits add is there for `touch_of`
                given = part.velocity[bar, steps] > 0
                hits = draw_patch(self.weights, vectors, straight[row, patch], given, known, leaning, random)
                velocity, shift = self._touch(before[row], hits, near[row], random)
                part.velocity[bar, steps] = np.where(known, part.velocity[bar, steps], velocity)
                part.shift[bar, steps] = np.where(known, part.shift[bar, steps], shift)

    def _touch(
        self, before: torch.Tensor, hits: np.ndarray, copied: torch.Tensor, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.network.config.touch:
            return np.where(hits, PLAIN_VELOCITY, 0).astype(np.uint8), np.zeros(hits.shape, np.float32)
        cells = self.network.cells
        before, copied = before.to(self.device), copied.to(self.device)
        return touch_of(cells, before, hits, copied, self.played, self.humanize, random)

    def _patches(self, start: int, stop: int) -> torch.Tensor:
        """(V, T, D) the encoder's states of song bars."""
        patches = self.heard.patches[:, start - self.first : stop - self.first].flatten(1, 2)
        return patches.expand(len(self.parts), -1, -1)

    def _copied(self, start: int, stop: int) -> torch.Tensor:
        """(V, M, 32, H, 2, C) of song bars."""
        weights = self.heard.weights[:, :, start - self.first : stop - self.first]
        velocity = np.stack([part.velocity[self.first : self.first + self.bars] for part in self.parts])
        drums = torch.from_numpy(velocity).to(self.device)
        return self.network.copied_cells(weights.expand(len(self.parts), -1, -1, -1), drums)

    def _before(self, start: int, stop: int) -> torch.Tensor:
        """(V, T, S, C) velocities of the patch before each patch of song bars; nothing before the window."""
        velocity = np.stack([part.velocity[self.first : stop] for part in self.parts])
        steps = velocity.reshape(len(self.parts), -1, PATCH, CLASSES)
        shifted = np.concatenate([np.zeros_like(steps[:, :1]), steps[:, :-1]], 1)
        return torch.from_numpy(shifted[:, (start - self.first) * PATCHES :]).to(self.device)

    def _last_patch(self, bar: int, patch: int) -> torch.Tensor:
        """(V, S, C) velocities of the patch before one."""
        step = (bar - self.first) * STEPS + patch * PATCH
        if step == 0:
            return torch.zeros(len(self.parts), PATCH, CLASSES, dtype=torch.uint8, device=self.device)
        steps = [part.velocity[self.first :].reshape(-1, CLASSES)[step - PATCH : step] for part in self.parts]
        return torch.from_numpy(np.stack(steps)).to(self.device)
