"""River's half-space trees as a tutorial would use them: one stream of events, scaled to 0..1, scored before learnt.

Tan, Ting, Liu: "Fast Anomaly Detection for Streaming Data", IJCAI 2011; river.anomaly.HalfSpaceTrees with its defaults
(10 trees of height 8, windows of 250) behind MinMaxScaler. An event's features are what a log offers at once:
confidence, margin, entropy, label, time since the client's last query, and the first eight codes of its input. A client
is flagged by one event; the published setting is the 99.5 % quantile of events of the learning days, as in the
documentation's QuantileFilter.

Known defects: scores are 0 for the whole first window; one outlier takes the scale's resolution away; an event says
nothing about the sequence, so attacks of ordinary inputs are invisible and rare honest inputs are not.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from river import anomaly, preprocessing

from rivals.contract import PUBLISHED, Floats, Lesson, Rival, Stream, Trace

QUANTILE = 0.995
CODES = 8
SEED = 42


def events(stream: Stream) -> Floats:
    """Features of each query (n, 13); 0 where the log has no probabilities."""
    chances = np.sort(np.nan_to_num(stream.probabilities), axis=1)[:, ::-1]
    chances = np.pad(chances, ((0, 0), (0, max(0, 2 - chances.shape[1]))))
    entropy = -(chances * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
    gaps = np.log1p(np.diff(stream.times, prepend=stream.times[:1]))
    columns = [chances[:, 0], chances[:, 0] - chances[:, 1], entropy, stream.labels, gaps]
    return np.column_stack([*columns, stream.codes[:, :CODES]]).astype(float)


class Forest(Rival):
    """One forest for all clients. The statistic is the score of the query alone."""

    name = "river HalfSpaceTrees"
    encodes: ClassVar[bool] = True

    def __init__(self) -> None:
        self._threshold = np.inf

    def learn(self, lesson: Lesson) -> None:
        """The quantile of scores of the learning days; the forest itself learns while it reads."""
        scores = np.concatenate([trace.statistic for trace in self.follow(lesson.clients)])
        self._threshold = float(np.quantile(scores, QUANTILE))

    def published(self) -> Mapping[str, float]:
        """One event in 200."""
        return {PUBLISHED: self._threshold}

    def follow(self, streams: Sequence[Stream]) -> list[Trace]:
        """Read all clients together, in order of time."""
        table = np.concatenate([events(stream) for stream in streams])
        order = np.argsort(np.concatenate([stream.times for stream in streams]), kind="stable")
        names = [f"f{place:02}" for place in range(table.shape[1])]
        scaler, trees = preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=SEED)
        scores = np.empty(len(table))
        for place in order.tolist():
            event = dict(zip(names, table[place].tolist(), strict=True))
            scaler.learn_one(event)
            scaled = scaler.transform_one(event)
            scores[place] = trees.score_one(scaled)
            trees.learn_one(scaled)
        state = len(pickle.dumps(trees)) // max(1, len(streams))
        return [Trace(one, state) for one in np.split(scores, np.cumsum([len(one) for one in streams])[:-1])]
