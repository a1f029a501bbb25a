"""Client-level calibration: how rare a client's running statistic is among honest clients of the same volume.

The unit is the client, not the block. Honest clients differ more from each other than from themselves: a product of
block p-values convicts every eccentric honest client in the end, a comparison with other clients' maxima does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats

Counts = NDArray[np.int64]
Keys = NDArray[np.uint64]

MINIMUM_CLIENTS = 100  # below, the tail rests on fewer than ten clients beyond its start
TAIL_SHARE = 0.1  # the tail begins at the 90 % point
LEAST_P = 1e-12
SHAPES = np.linspace(-0.2, 0.5, 15)  # of the generalised Pareto; heavier or shorter tails are artefacts of few clients
SCALES = np.geomspace(1 / 6, 6.0, 41)  # in units of the exponential scale that fits the median excess


@dataclass(frozen=True, slots=True)
class Tail:
    """The honest distribution of one stratum: the sample up to `start`, generalised Pareto tails beyond.

    `values` (m,) are the clients' statistics kept, ascending; `clients` counts those given; `nodes` (3, q) are shape,
    scale and weight of q tails, weighted by how well they fit.
    """

    values: Floats
    clients: int
    start: float
    nodes: Floats

    @classmethod
    def fit(cls, statistics: Floats, trim: float = 0.02) -> Tail | None:
        """Fit the tail of one statistic per client, (n,); None where too few clients are known or nothing varies.

        Source: peaks over threshold (Siffer et al., Anomaly Detection in Streams with Extreme Value Theory, KDD 2017),
        with two changes. The largest `trim` of the clients count as "beyond the largest kept", wherever they lie: the
        learning days are not clean, and a censored likelihood neither follows the attackers among them nor forgets
        that there were clients. And instead of one best fit, all tails speak, weighted by their likelihood (flat over
        shapes -0.2 to 0.5 and over the logarithm of the scale): the predictive probability is the larger the less is
        known. It fails on statistics with few distinct values, and where more than `trim` of the clients attack.
        """
        clients = len(statistics)
        values = np.sort(statistics)[: clients - int(np.ceil(trim * clients))]
        if clients < MINIMUM_CLIENTS:
            return None
        start = float(np.quantile(statistics, 1 - TAIL_SHARE))
        beyond = values[values > start] - start
        if len(np.unique(beyond)) < MINIMUM_CLIENTS * TAIL_SHARE / 2:
            return None
        return cls(values, clients, start, pareto_nodes(beyond, clients - len(values)))

    def p_values(self, statistics: Floats) -> Floats:
        """Share of honest clients whose statistic is at least as large, (n,), between LEAST_P and 1."""
        at_least = 1 + self.clients - np.searchsorted(self.values, np.minimum(statistics, self.start), side="left")
        p = at_least / (1.0 + self.clients)
        far = statistics > self.start
        share = (1 + self.clients - np.searchsorted(self.values, self.start, side="right")) / (1.0 + self.clients)
        p[far] = share * pareto_survival(statistics[far] - self.start, self.nodes)
        return np.clip(p, LEAST_P, 1.0)


@dataclass(frozen=True, slots=True)
class ClientTail:
    """P-values of a client's running maximum against other clients' maxima after as many blocks.

    `strata` are counts of blocks, ascending; `tails` holds one tail per stratum, None where it is not known. A client
    is looked at again and again: `looks` says how many times more often honest clients fall below a p-value at some
    stratum than at one, measured on the clients themselves, and multiplies every p-value.
    """

    strata: tuple[int, ...]
    tails: tuple[Tail | None, ...]
    looks: float = 1.0

    @classmethod
    def fit(cls, clients: Keys, blocks: Counts, peaks: Floats) -> ClientTail:
        """Fit from rows of (client, its count of blocks then, its running maximum then), each (n,), in any order.

        The peaks must come from a model that has not learnt from that client: fitted on the same clients, the tail
        broke its promise 19 to 63 times over. Strata are 1, 2, 4, 8, ... blocks, the blocks at which a client
        teaches; a client that ended earlier keeps its last value in the strata above. The promise therefore is one
        per client, over the mix of volumes that clients have: a client far busier than all others is compared with
        the busiest there are, and is the first to be called strange.
        """
        finite = np.isfinite(peaks)
        clients, blocks, peaks = clients[finite], blocks[finite], peaks[finite]
        most = int(blocks.max(initial=1))
        strata = tuple(2**power for power in range(most.bit_length()))
        reached = [by_client(clients[blocks <= s], peaks[blocks <= s]) for s in strata]
        tails = tuple(Tail.fit(statistics) for _, statistics in reached)
        return cls(strata, tails, repeated_looks(reached, tails))

    def p_values(self, peaks: Floats, blocks: Counts) -> Floats:
        """(n,) p-values of running maxima after so many blocks, 1e-12 to 1; NaN: not known yet."""
        p = np.full(len(peaks), np.nan)
        stratum = np.minimum(np.searchsorted(self.strata, blocks), len(self.strata) - 1)
        for at in np.unique(stratum):
            tail, rows = self.tails[at], (stratum == at) & np.isfinite(peaks)
            if tail is not None:
                p[rows] = np.minimum(1.0, self.looks * tail.p_values(peaks[rows]))
        return p

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All that it knows, as arrays."""
        known = {f"{at}.{name}": part for at, tail in enumerate(self.tails) if tail for name, part in parts(tail)}
        return {"strata": np.array(self.strata, float), "looks": np.array([self.looks]), **known}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> ClientTail:
        """The same tail again."""
        strata = tuple(int(stratum) for stratum in arrays["strata"])
        tails = (restored(arrays, at) if f"{at}.values" in arrays else None for at in range(len(strata)))
        return cls(strata, tuple(tails), float(arrays["looks"][0]))


def parts(tail: Tail) -> Sequence[tuple[str, Floats]]:
    """A tail's arrays by name."""
    return ("values", tail.values), ("nodes", tail.nodes), ("size", np.array([tail.clients, tail.start]))


def restored(arrays: Mapping[str, NDArray[np.float64]], at: int) -> Tail:
    """The tail of one stratum from its arrays."""
    clients, start = arrays[f"{at}.size"]
    return Tail(arrays[f"{at}.values"], int(clients), float(start), arrays[f"{at}.nodes"])


def by_client(clients: Keys, peaks: Floats) -> tuple[Keys, Floats]:
    """The clients, ascending, and the largest value of each."""
    order = np.argsort(clients, kind="stable")
    names, first = np.unique(clients[order], return_index=True)
    return names, np.maximum.reduceat(peaks[order], first) if len(names) else peaks


def repeated_looks(reached: Sequence[tuple[Keys, Floats]], tails: Sequence[Tail | None]) -> float:
    """Share of clients with p <= 0.1 at any stratum, over 0.1: from 1 (strata agree) to the number of strata."""
    seen = [(names, tail.p_values(x)) for (names, x), tail in zip(reached, tails, strict=True) if tail is not None]
    if not seen:
        return 1.0
    _, most = by_client(np.concatenate([names for names, _ in seen]), -np.concatenate([p for _, p in seen]))
    return float(np.clip(np.mean(-most <= TAIL_SHARE) / TAIL_SHARE, 1.0, len(tails)))


def pareto_nodes(excesses: Floats, censored: int) -> Floats:
    """Generalised Pareto tails and their weights, (3, q), by the likelihood of the excesses (all > 0).

    `censored` further clients are known to lie beyond the largest excess. On a grid, so that no optimiser can fail.
    """
    unit = float(np.median(excesses) / np.log(2.0))
    shape, scale = (grid.ravel() for grid in np.meshgrid(SHAPES, SCALES * unit, indexing="ij"))
    log_survival = pareto_log_survival(excesses, shape, scale)
    density = (1 + shape) * log_survival - np.log(scale)
    likelihood = density.sum(axis=0) + censored * log_survival[np.argmax(excesses)]
    weight = np.exp(likelihood - likelihood.max())
    kept = weight > 1e-5
    return np.stack([shape[kept], scale[kept], weight[kept] / weight[kept].sum()])


def pareto_log_survival(excesses: Floats, shape: Floats, scale: Floats) -> Floats:
    """Logarithm of the share of each of q generalised Pareto tails beyond each excess, (n, q)."""
    x = excesses[:, None] / scale
    exponential = np.abs(shape) < 1e-9
    bent = np.where(exponential, 1.0, shape)
    inside = np.maximum(1 + bent * x, 1e-300)  # a tail of negative shape ends, and nearly nothing lies beyond its end
    return np.asarray(np.where(exponential, -x, -np.log(inside) / bent))


def pareto_survival(excesses: Floats, nodes: Floats) -> Floats:
    """Predictive share of the tail beyond each excess, (n,): the average over all tails that fit.

    Each row is summed on its own, not by a matrix product, whose last digits depend on the number of rows.
    """
    return np.asarray((np.exp(pareto_log_survival(excesses, nodes[0], nodes[1])) * nodes[2]).sum(axis=1))


def e_value(p: Floats) -> Floats:
    """E-value of a p-value: the integral of kappa p^(kappa-1) over kappa in (0, 1); NaN stays NaN.

    Source: Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 2021. Its price: e
    reaches 1,000 only at p = 7e-6, 140 times rarer than the promise of 1 in 1,000.

    >>> e_value(np.array([1.0, 0.05, 7e-6])).round(1).tolist()
    [0.5, 1.8, 1013.9]
    """
    log_p = np.log(np.clip(p, LEAST_P, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        e = (-np.expm1(log_p) + np.exp(log_p) * log_p) / (np.exp(log_p) * log_p**2)
    return np.asarray(np.where(log_p > -1e-4, 0.5, e))  # the limit at p = 1, where the formula loses its digits


def raised_floor(
    maxima: Floats, floor: float = 0.5, forgiven: float = 0.005, clearance: float = 0.1, ceiling: float = 0.9
) -> float:
    """What a named test must reach on this model: its structural floor, raised where honest clients come near it.

    `maxima` (n,) holds each client's largest strength. The largest `forgiven` share (at least one client) is left out:
    a single slow attacker on the learning day must not become the threshold. Never below `floor`, never above
    `ceiling`, which bounds what poisoners can do. Bounded gate scores have no Pareto tail, therefore no fit.

    >>> raised_floor(np.array([0.0, 0.1, 0.2, 0.95])), raised_floor(np.append(np.full(400, 0.62), 1.0))
    (0.5, 0.72)
    """
    values = np.sort(maxima[np.isfinite(maxima)])
    kept = values[: max(0, len(values) - max(1, int(np.ceil(forgiven * len(values)))))]
    return floor if len(kept) == 0 else float(min(ceiling, max(floor, kept[-1] + clearance)))
