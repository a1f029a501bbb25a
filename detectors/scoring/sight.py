"""Which tests can speak at all: what each needs to know, held against what a source tells and what was learnt."""

from __future__ import annotations

from typing import Final

from detectors.contract import Detector
from detectors.features import confidence, manifold, refusals, similarity, sweeps, training
from detectors.scoring.evidence import SPEAKS
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

#: Features that rest on what was learnt of a model's dense inputs.
OF_MANIFOLD: Final = frozenset(manifold.NAMES) | {"root_error"}
#: Those that rest on distances between inputs.
OF_DISTANCES: Final = frozenset(similarity.NAMES)
#: Those that rest on the dependence of columns.
OF_COLUMNS: Final = frozenset({"dependence", "atypical"})
#: Those that rest on the sizes of other clients' queries.
OF_PEERS: Final = frozenset({"size_above", "output_above"})
#: Those that are not there without a label, and without probabilities.
OF_LABELS: Final = frozenset({"flip", "flip_low_margin", "base_label", "label_gain", "label_entropy", "top_label"})
OF_SCORES: Final = frozenset(confidence.NAMES) - {"flip", "label_entropy", "top_label"}
#: Those that follow the answers along a chain of inputs.
_OF_CHAINS: Final = (OF_SCORES | {"flip"}) - {"low_margin", "confidence", "confidence_trend"}
_OF_MOTION: Final = frozenset({"far", "far_spread", "straight", "collinear", "step_autocorrelation", "step_period"})
_OF_KINDS: Final = {
    OPAQUE: OF_MANIFOLD | OF_DISTANCES | frozenset(sweeps.NAMES) | _OF_CHAINS,
    DENSE: frozenset(sweeps.NAMES),
    ROWS: OF_MANIFOLD | _OF_MOTION,
    TEXT: OF_MANIFOLD | _OF_MOTION | frozenset(sweeps.NAMES),
}

#: Those that rest on fingerprints of the training data.
OF_TRAINING: Final = frozenset(training.NAMES)

#: What is lost where a record does not tell a part: the answer's label, its probabilities, the status, the model's
#: version, the address.
OF_PARTS: Final = {
    "label": OF_LABELS | OF_SCORES,
    "confidence": OF_SCORES,
    "status": frozenset({"refused", "failed", *refusals.NAMES}),
    "version": frozenset({"repeat_other_version"}),
    "address": frozenset({refusals.KEYS}),
}
#: What is lost where inputs are ciphertext: fresh random bytes for each query, near nothing, and never the same again.
VEILED: Final = (
    OF_MANIFOLD
    | OF_DISTANCES
    | OF_COLUMNS
    | OF_TRAINING
    | frozenset(sweeps.NAMES)
    | _OF_CHAINS
    | {"repeat", "constant_lag_repeat", "repeat_other_version"}
)


def absent(kind: int) -> frozenset[str]:
    """Features that this kind of input never has."""
    return _OF_KINDS[kind]


def counts_callers(detector: Detector | type[Detector]) -> bool:
    """Whether a detector looks at refused callers alone, whatever the kind of input."""
    return bool(detector.reads) and detector.reads <= frozenset(refusals.NAMES)


def mute(detector: Detector | type[Detector], kind: int, unknown: frozenset[str]) -> tuple[str, ...]:
    """The tests of a detector that cannot speak on this kind of input while these features are not known.

    Of a detector that is no set of named tests it is known what it reads and no more: it is mute where all of that is
    unknown.
    """
    if kind not in detector.kinds and not counts_callers(detector):
        return detector.tests
    lost = unknown if counts_callers(detector) else unknown | absent(kind)
    if isinstance(detector, NamedTests) or (isinstance(detector, type) and issubclass(detector, NamedTests)):
        return tuple(name for name, strength in detector.expressions.items() if strength.reach(lost) < SPEAKS)
    return detector.tests if detector.reads <= lost else ()
