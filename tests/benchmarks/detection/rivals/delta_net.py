"""Delta similarity with a trained network, as GWAD has it; see `delta` for paper, section and defects.

The network is trained on a scene of the same service played with another seed: histograms of honest clients of its
learning days against those of the paper's attacks (Boundary, HopSkipJump, NES, SimBA, SignOPT; sign-flip is not among
ours). It sees nothing of the scene that it is judged on, so that recalibration there is not flattered. It is smaller
than the paper's 201-512-512-256-128-64 because there are a thousand histograms, not a million. Needs scikit-learn,
which the extra `traffic` brings.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Lesson, Stream, Trace
from rivals.delta import bins_of, histograms
from rivals.scenes import Scene

KINDS = frozenset({"boundary", "hop-skip-jump", "nes", "simba-pixel", "simba-dct", "sign-opt"})
HIDDEN = (128, 64)
#: Histograms of one client; neighbouring ones hardly differ.
A_CLIENT = 8
EVEN = 0.5


class DeltaNet(Alone):
    """The statistic is the network's probability that it is an attack, flagged at one half."""

    def __init__(self, window: int, attackers: Sequence[Stream], honest: Sequence[Stream]) -> None:
        self.name = f"delta similarity with network, window {window}"
        self.window = window
        self._attacks = self._histograms(attackers)
        self._honest = self._histograms(honest)
        self._net = MLPClassifier(HIDDEN, max_iter=100, random_state=0)

    @classmethod
    def on(cls, scene: Scene, window: int) -> DeltaNet:
        """One that will be trained on the attackers of another scene."""
        pairs = zip(scene.streams, scene.truths, strict=True)
        return cls(window, [stream for stream, truth in pairs if truth.kind in KINDS], scene.lesson.clients)

    def unfit(self, lesson: Lesson) -> str:
        """It needs inputs that can be subtracted, and attackers who send enough."""
        if lesson.sort == "text":
            return "differences of prompts mean nothing"
        enough = len(self._attacks) and len(self._honest)
        return "" if enough else f"nobody to learn from sends {self.window + 2} queries"

    def learn(self, lesson: Lesson) -> None:
        """Train on the other scene; nothing of this one is looked at."""
        del lesson
        inputs = np.concatenate([self._honest, self._attacks])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as many rounds as there are, and no more
            self._net.fit(inputs, np.arange(len(inputs)) >= len(self._honest))

    def published(self) -> Mapping[str, float]:
        """The likelier of the two."""
        return {PUBLISHED: EVEN}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        statistic = np.full(len(stream), SILENT)
        shapes = histograms(stream.vectors, self.window)
        if len(shapes):
            statistic[-len(shapes) :] = self._net.predict_proba(shapes)[:, 1]
        return Trace(statistic, 8 * self.window + 2 * stream.vectors[:1].nbytes)

    def _histograms(self, streams: Sequence[Stream]) -> Floats:
        every = [histograms(stream.vectors, self.window) for stream in streams]
        some = [one[np.unique(np.linspace(0, len(one) - 1, A_CLIENT).astype(int))] for one in every if len(one)]
        return np.concatenate(some) if some else np.zeros((0, bins_of(self.window) + 1))
