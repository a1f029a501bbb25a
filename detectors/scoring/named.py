"""Named tests as a detector: write the expressions, get the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from detectors.contract import Blocks, Floats, Reason
from detectors.scoring.gates import Strength


class NamedTests:
    """Base of the detectors that are named tests. A subclass writes `name`, `family`, `kinds` and `expressions`.

    `tests` and `reads` follow from the expressions, in the order in which they are written. Source: minimum of soft
    gates, chosen over trained scores because a trained score fails on honest clients of a kind it has not seen, while
    a conjunction needs every piece of evidence. It fails where an attacker avoids one of them, and is silent where a
    feature is not known.

    >>> from detectors.scoring.gates import all_of, gate
    >>> class Climb(NamedTests):
    ...     name, family, kinds = "climb", "inversion", frozenset({1})
    ...     expressions: ClassVar = {
    ...         "rise": all_of(gate("rise", honest=0.1, attack=0.5), gate("fill", honest=10, attack=20)),
    ...     }
    >>> blocks = Blocks(1, {"rise": np.array([0.3, 0.3]), "fill": np.array([20.0, 12.0])}, np.array([20, 12]))
    >>> Climb().score(blocks).round(2).tolist()
    [[0.5], [0.2]]
    >>> Climb().reasons(blocks, row=1, test=0)[0]
    Reason(feature='fill', value=12.0, share=0.2)
    """

    name: ClassVar[str]
    family: ClassVar[str]
    kinds: ClassVar[frozenset[int]]
    expressions: ClassVar[Mapping[str, Strength]] = {}
    tests: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        cls.tests = tuple(cls.expressions)
        cls.reads = frozenset().union(*(expression.reads for expression in cls.expressions.values()))

    def score(self, blocks: Blocks) -> Floats:
        """Strength of each test for each block, shape (n, len(tests)), between 0 and 1."""
        with np.errstate(all="ignore"):  # once for all gates: each would take longer to ask for it than to evaluate
            columns = [expression.evaluate(blocks) for expression in self.expressions.values()]
        return np.clip(np.stack(columns, axis=1), 0.0, 1.0)

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """The gates that decided one score, the weakest first."""
        return self.expressions[self.tests[test]].reasons(blocks, row)
