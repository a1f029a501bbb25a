"""Findings in words: what each number measures, what each test and each family says, and how values are written."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from monitor.alerts.finding import Contribution, Evidence

TOLD: Final = 3  # numbers that a sentence repeats
_DEPARTS: Final = 0.1  # a number nearer to the usual one explains nothing
_COMMON: Final = 0.5  # weight of numbers that most attacks share, beside those that tell which one it is
_ABSTRACT: Final = 0.6  # of numbers that say less to people than a share does
_DAMPING: Final = 0.3  # so that 0.02 beside 0 is not called infinitely far

#: What each test claims, by detector and test.
TESTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "access/keys": "tries many keys from one place",
        "access/models": "asks for models that it may not use",
        "attribute/sweep": "asks the same record with every value of a sensitive column",
        "campaign/shared": "sends what belongs to the queries of the others",
        "campaign/turns": "takes turns with others at one piece of work",
        "cost/burst": "sends far faster than it ever did",
        "cost/length": "sends far longer inputs, or gets far longer answers, than it ever did",
        "evasion/boundary": "creeps along a boundary between two answers",
        "evasion/cloud": "scatters noise around one hidden picture",
        "evasion/coordinates": "moves one number after the other, to where no input is",
        "evasion/fall": "presses the confidence of one answer down",
        "evasion/patches": "pastes patches onto one input until the answer changes",
        "evasion/sparse": "changes a few places at a time around one input",
        "evasion/steps": "moves a record column by column towards another answer",
        "evasion/walk": "walks in small steps around one hidden input",
        "evasion/wander": "wanders off from one record in small steps",
        "extraction/grid": "lays a grid over the columns",
        "extraction/independent": "draws each column without regard to the others",
        "extraction/jacobian": "steps evenly away from many old inputs, as training a copy does",
        "extraction/leaves": "searches for the splits of a tree",
        "extraction/lines": "walks along straight lines, one number at a time",
        "extraction/mixup": "mixes inputs of different classes",
        "extraction/noise": "sends noise instead of natural inputs",
        "extraction/uniform": "sends records as nobody has them",
        "inversion/climb": "climbs the confidence of one answer from an unnatural start",
        "inversion/generator": "sends inputs smoother than nature, as generators make them",
        "membership/boundary": "measures how far record after record lies from the boundary",
        "membership/clusters": "asks about the same altered copies of record after record",
        "membership/jitter": "asks about slightly noisy copies of record after record",
        "novelty/profiles": "resembles no known kind of traffic",
        "probes/replay": "replays one ordered set of probes against another version",
    }
)

#: What each feature measures, for features that are a share of the client's queries (written in per cent).
SHARES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "changed": "part of the input changed in a step",
        "cells_changed": "cells changed in a step",
        "collinear": "steps in one line",
        "columns_moved": "columns moved alone",
        "confidence": "mean confidence",
        "constant_lag_repeat": "repeats at a constant distance",
        "domain_covered": "values of the column that were tried",
        "failed": "failed on our side",
        "flip": "near-copies with another answer",
        "flip_low_margin": "near-copies that tip the answer",
        "interleaved": "jumps from one base to another",
        "jitter": "near-copies with noise in several columns",
        "largest_cluster": "inputs around one base",
        "low_margin": "answers barely decided",
        "near": "near-copies of earlier inputs",
        "noisy": "inputs like noise",
        "one_column_away": "rows that differ in one column",
        "refused": "requests refused",
        "repeat": "exact repeats",
        "repeat_other_version": "repeats at another version",
        "same_mask_next_base": "same change made to the next base",
        "shared_order": "inputs in an order that others share",
        "shared_rare": "queries that belong to another client's in a rare way",
        "shared_share": "queries that belong to another client's",
        "smooth": "inputs smoother than nature",
        "star": "steps straight from the base",
        "sweep": "rows of a sweep over one column",
        "sweep_top": "moves that are in one column",
        "top_label": "answers that are the same",
    }
)

#: The same for features that are plain numbers.
NUMBERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "atypical": "rarity of the values",
        "big_clusters": "clusters of five and more",
        "cluster_size": "queries around one base",
        "clusters": "clusters per input",
        "column_entropy": "evenness over the columns",
        "confidence_trend": "trend of the confidence",
        "dependence": "dependence between columns",
        "distinct": "distinct inputs",
        "equal_volumes": "equality of the accounts' volumes (1: all equal)",
        "error_autocorrelation": "period in the distance to natural inputs",
        "error_gain": "growth of the distance to natural inputs",
        "error_iqr": "spread of the distance to natural inputs",
        "error_p10": "distance to natural inputs, nearest tenth",
        "error_p50": "distance to natural inputs",
        "error_p90": "distance to natural inputs, farthest tenth",
        "error_trend": "trend of the distance to natural inputs",
        "fall": "fall of the first answer's confidence",
        "far": "spread of the inputs (1: unrelated)",
        "far_raw": "spread of the inputs, raw",
        "far_spread": "unevenness of that spread",
        "fill": "queries looked at",
        "gap_spread": "unevenness of the pauses",
        "label_entropy": "evenness over the answers",
        "label_gain": "gain of the last answer",
        "base_label": "answers that are still the first one",
        "largest_group": "rows of the largest sweep",
        "members": "accounts that take part",
        "near_raw": "step to the nearest input, raw",
        "near_step": "step to the nearest input (1: ordinary)",
        "near_step_spread": "unevenness of the steps",
        "output": "length of answers (log)",
        "output_growth": "growth of the answers (log)",
        "output_above": "length of answers beside others (log)",
        "rate": "queries a minute (log)",
        "rate_growth": "growth over its own rate (log)",
        "record_highs": "new highs of the confidence",
        "record_lows": "new lows of the confidence",
        "refused_keys": "keys refused",
        "refused_models": "models refused",
        "rise": "rise of one answer's confidence",
        "root_error": "distance of the start to natural inputs",
        "root_margin": "certainty about the start",
        "rotation": "strictness of the turns (1: strict, 0.1: chance)",
        "run_length": "run on one base (log)",
        "run_variation": "unevenness of such runs",
        "sensitive": "marked as sensitive",
        "shared_links": "queries that belong to another client's, of the last 128",
        "size": "length of inputs (log)",
        "size_above": "length of inputs beside others (log)",
        "size_growth": "growth of the inputs (log)",
        "step_autocorrelation": "period in the steps",
        "step_period": "length of that period",
        "straight": "straightness of the path (-1 to 1)",
        "sweep_bases": "records that were swept",
        "sweep_column": "place of the column",
    }
)

#: Honest and hostile kinds of the recording whose names do not speak for themselves.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "augmentation": "shifted and turned copies of each record, to see which ones the model knows",
        "augmentation-user": "five random views of each picture, for a steadier answer",
        "book": "the same customers scored again, a few of them changed",
        "both-versions": "an A/B harness that asks both versions",
        "branch": "customers of one region, who come back",
        "brep": "inversion by boundary repulsion, labels only",
        "broker": "what if? one field changed, then another",
        "coordinate-climb": "inversion by coordinate steps",
        "corruption-suite": "robustness report: growing corruption of each picture",
        "counterfactual": "what would change the answer? moves and halves",
        "csmia-hispanic": "confidence-based attribute inference on `hispanic`",
        "csmia-race": "confidence-based attribute inference on `race`",
        "dependence-plot": "explains: one field moved over its range",
        "doubtful-poller": "a camera on a scene the model cannot decide",
        "expired-key": "refused until somebody renews the key",
        "fairness-audit": "sweeps race on public records, to check the model",
        "file-order": "a batch job over files sorted by class",
        "grid": "a grid over the columns, to copy the model",
        "hesitant-user": "retakes a picture until the answer convinces",
        "hop-skip-jump": "boundary attack HopSkipJump",
        "jacobian": "copies the model along the copy's Jacobian",
        "key-spray": "many keys tried from one place",
        "latent-climb": "inversion through a generator",
        "lime": "explains: random parts of a picture blanked",
        "load-test": "few pictures, as fast as it goes",
        "lomia-race": "label-only attribute inference on `race`",
        "many-models": "one caller asking for every model name",
        "many-users": "an application with many users behind one key",
        "nat-user": "many keys behind one address",
        "nes": "falling confidence by natural evolution",
        "nightly-batch": "a sorted file of customers",
        "noise-cluster": "noisy copies of each record, to see which ones the model knows",
        "noisy-camera": "pictures through a bad sensor",
        "noisy-copies": "noisy copies of each row, to see which ones the model knows",
        "occlusion": "explains: a grey square moves over each picture",
        "one-class": "pictures of one class only",
        "poller": "a camera on one scene",
        "pricing": "what if? always the same field",
        "probe-replay": "one probe set shown to both versions",
        "random-noise": "copies the model with noise",
        "regression-test": "the owner's release test over both versions",
        "restoration": "tunes a filter by the model's confidence",
        "retries": "sends again what failed",
        "retry-storm": "no back-off: the same row many times",
        "row-counterfactual": "what would change the answer? steps through the columns",
        "row-lime": "explains: columns redrawn around each row",
        "row-poller": "one row, for ever",
        "row-probe-replay": "one probe set shown to both versions",
        "row-shapley": "explains: Shapley values against background rows",
        "segment": "customers of one schooling",
        "shapley": "explains: Shapley values of a picture's parts",
        "smoke-test": "the same twenty inputs, every time",
        "square": "falling confidence by random squares",
        "strange-user": "shows what the model was never made for",
        "tried-key": "one of the keys of a spray",
        "typing-user": "a form that asks after every field",
        "uniform-rows": "copies the model with rows from nowhere",
        "user": "ordinary use",
        "video": "a camera that pans",
        "volume-burst": "suddenly many times the usual volume",
    }
)


def claim(piece: Evidence) -> str:
    """What the test claims; its name where nobody has put it into words.

    >>> claim(Evidence("evasion", "boundary", "evasion", 0.9, 1e5, ()))
    'creeps along a boundary between two answers'
    """
    name = f"{piece.detector}/{piece.test}"
    return TESTS.get(name, name.replace("/", ": ").replace("-", " ").replace("_", " "))


def measured(feature: str) -> str:
    """What a feature measures; its name where nobody has put it into words."""
    return SHARES.get(feature) or NUMBERS.get(feature) or feature.replace("_", " ")


def written(feature: str, value: float) -> str:
    """The value as people write it: shares in per cent, other numbers to three digits.

    >>> written("near", 0.953), written("near_step", 0.0279), written("cluster_size", 1234.0)
    ('95%', '0.0279', '1,230')
    """
    if feature in SHARES:
        return f"{value * 100:.0f}%"
    return f"{float(f'{value:.3g}'):,.6g}"


def number(contribution: Contribution) -> str:
    """One number behind a finding, with the usual one.

    >>> number(Contribution("near", 0.97, 0.05, 1.0))
    'near-copies of earlier inputs 97% (usually 5%)'
    """
    feature, usual = contribution.feature, contribution.usual
    beside = "" if usual is None else f" (usually {written(feature, usual)})"
    return f"{measured(feature)} {written(feature, contribution.value)}{beside}"


def striking(piece: Evidence, most: int = TOLD) -> list[Contribution]:
    """The numbers to tell: those furthest from the usual ones, weighed by how far they carry the test."""
    ordered = sorted(piece.contributions, key=lambda one: -_weight(one))
    telling = [one for one in ordered if departure(one) > _DEPARTS]
    return (telling or ordered)[:most]


def _weight(one: Contribution) -> float:
    plainness = _COMMON if one.feature in ("near", "repeat") else 1.0 if one.feature in SHARES else _ABSTRACT
    return departure(one) * max(one.share, 0.0) * plainness


def departure(contribution: Contribution) -> float:
    """How far a number lies from the usual one, 0 to 1, as a damped ratio; 0.5 where nothing is usual yet."""
    if contribution.usual is None:
        return 0.5
    return abs(contribution.value - contribution.usual) / (abs(contribution.value) + abs(contribution.usual) + _DAMPING)


def because(piece: Evidence) -> str:
    """The claim and the numbers to tell, as one line."""
    return f"{claim(piece)}: {', '.join(number(one) for one in striking(piece))}"


def plain(text: str) -> str:
    """Text that comes from records, without what could steer a terminal or turn a line around.

    >>> plain("digits\\x1b[2J")
    'digits?[2J'
    """
    return "".join(char if char.isprintable() else "?" for char in text)


def short(pseudonym: str) -> str:
    """The beginning of a pseudonym, enough to tell clients of one page apart.

    >>> short("327br6ajtwv7haeaetap3c5tla")
    '327br6aj'
    """
    return pseudonym[:8]
