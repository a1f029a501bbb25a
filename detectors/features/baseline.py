"""What features are measured against: the scales and the manifold of one model, frozen between two refits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Of a model of which nothing has been learnt (decision 0012): one honest query in twenty is a training record (.055 on
#: a real table), one swept base in ten is one but for a column (.05 to .13); one client differs from the other.
RATES = ((1.0, 19.0), (1.0, 9.0))
PAIRED = 12  # columns whose pairs are looked at for dependence
CROWD = 64  # inputs of other clients among which an input's nearest is looked for: about a window
BY_CHANCE = float(np.log(CROWD / 0.05))  # nats of an agreement that one row in twenty has with one of so many


class Baseline(NamedTuple):
    """Arrays and numbers that kernels take as one argument. NaN or empty: not known yet.

    `near` is the model's usual distance to the nearest earlier query, `apart` the distance of two random inputs,
    `link` the distance under which a query is linked, `links` the same by label index where labels differ. Manifold of
    dense inputs: `mean` (width,), `components` (rank, width), `level` and `slope` of the log-error on the log-norm,
    `offsets` per label index, `unit` the spread. Rows: `pairs` (p, 8, 8) log-ratios of coarse codes, `singles`
    (columns, 8) log-rarities, and centre and spread of the two sums over ordinary rows; `domain` (columns,) values per
    column. `size` and `output` are the logarithms of input and output sizes that 99 % of the blocks of trusted clients
    stay below. `rates` (2, 2): alpha and beta of the population's rates of training records among whole queries, and
    among swept bases. `own` are median and spread of what the operator's own autoencoder says of trusted clients'
    inputs. Rows: `shared` (2, columns, 8) are the nats that a cell is worth which two rows share, its bin alone or an
    equal value, and `chance` those by which near rows have to agree for a link.
    """

    near: float
    apart: float
    link: float
    links: Floats
    mean: Floats
    components: Floats
    level: float
    slope: float
    offsets: Floats
    unit: float
    pairs: Floats
    singles: Floats
    dependence: Floats
    rarity: Floats
    domain: Floats
    size: float
    output: float
    rates: Floats
    own: Floats
    shared: Floats
    chance: float


def unknown(columns: int = 0) -> Baseline:
    """A model of which nothing has been learnt; rows link by changed cells, which needs no learning."""
    none, nan = np.zeros(0), float("nan")
    return Baseline(
        near=nan,
        apart=nan,
        link=nan,
        links=none,
        mean=none,
        components=np.zeros((0, 0)),
        level=nan,
        slope=nan,
        offsets=none,
        unit=nan,
        pairs=np.zeros((0, 8, 8)),
        singles=np.zeros((0, 8)),
        dependence=np.array([nan, nan]),
        rarity=np.array([nan, nan]),
        domain=np.full(columns, 2.0),
        size=nan,
        output=nan,
        rates=np.array(RATES),
        own=np.array([nan, nan]),
        shared=np.zeros((2, 0, 8)),
        chance=BY_CHANCE,
    )
