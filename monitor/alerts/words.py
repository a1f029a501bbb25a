"""Evidence in words: what each number measures, what each test claims, and how values are written."""

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
        "access/flood": "comes under ever new names, which drive out others",
        "access/keys": "tries many keys from one place",
        "access/models": "asks for models that it may not use",
        "attribute/sweep": "asks the same record with every value of a sensitive column",
        "backdoor/collapse": "finds a patch under which every input gets one answer",
        "backdoor/patch": "puts the same patch onto one input after the other",
        "campaign/shared": "sends what belongs to the queries of the others",
        "campaign/together": "comes back whenever others do who are named alone",
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
        "inversion/ascent": "climbs the confidence of one answer in large steps, from an unnatural start",
        "integrity/manifold": "sends inputs that do not lie where the model's ordinary inputs lie",
        "inversion/climb": "climbs the confidence of one answer from an unnatural start",
        "inversion/narrow": "sends inputs that vary less than nature does",
        "inversion/generator": "sends inputs smoother than nature, as generators make them",
        "jailbreak/mutation": "words one refused wish in ever new ways",
        "leakage/biases": "asks one prompt under ever new biases, to recover the output layer",
        "leakage/distillation": "harvests reasoning on topic after topic, as training a copy does",
        "leakage/distributions": "collects the likeliest next words after many beginnings",
        "leakage/instructions": "fishes for the hidden instructions",
        "leakage/prefixes": "offers beginnings of passages, to see which ones the model knows by heart",
        "leakage/recitation": "asks for passages of the training data",
        "leakage/repetition": "makes the model repeat one word until it says what it has memorised",
        "log/gap": "was lost from the log before anybody read it",
        "membership/boundary": "measures how far record after record lies from the boundary",
        "membership/clusters": "asks about the same altered copies of record after record",
        "membership/copies": "asks about training records together with altered copies of them",
        "membership/hits": "asks about record after record that the model was trained on",
        "membership/jitter": "asks about slightly noisy copies of record after record",
        "novelty/profiles": "resembles no known kind of traffic",
        "probes/replay": "replays one ordered set of probes against another version",
    }
)

#: What each feature measures, for features that are a share of the client's queries (written in per cent).
SHARES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "affix": "prompts that begin or end alike",
        "answer_recurs": "answers that say one thing over and over",
        "bias_probes": "new biases on an old prompt",
        "cells_changed": "cells changed in a step",
        "changed": "part of the input changed in a step",
        "collinear": "steps in one line",
        "columns_moved": "columns moved alone",
        "confidence": "mean confidence",
        "constant_lag_repeat": "repeats at a constant distance",
        "deterministic": "prompts at temperature 0",
        "domain_covered": "values of the column that were tried",
        "endless": "prompts that want something said without end",
        "extends": "prompts that go on where one ended",
        "failed": "failed on our side",
        "flip": "near-copies with another answer",
        "flip_low_margin": "near-copies that tip the answer",
        "fresh": "wording that no other prompt has",
        "goes_on": "answers that begin in mid-sentence",
        "hidden": "prompts that want the hidden instructions",
        "interleaved": "jumps from one base to another",
        "jitter": "near-copies with noise in several columns",
        "largest_cluster": "inputs around one base",
        "logprobs": "prompts that want log-probabilities",
        "low_margin": "answers barely decided",
        "near": "near-copies of earlier inputs",
        "noisy": "inputs like noise",
        "one_column_away": "rows that differ in one column",
        "one_token": "prompts that want a single word",
        "open": "prompts that break off in mid-sentence",
        "reasoning": "prompts that want every thought laid open",
        "recite": "prompts that want a known text word for word",
        "recurring": "prompts that say one thing over and over",
        "refusals": "answers that refuse",
        "refused": "requests refused",
        "refused_copies": "near-copies that were refused again",
        "repeat": "exact repeats",
        "repeat_other_version": "repeats at another version",
        "reworded": "wording that a few of its prompts share",
        "same_answer": "answers that begin alike",
        "same_mask_next_base": "same change made to the next base",
        "shared_names": "queries of accounts that are named alone",
        "shared_order": "inputs in an order that others share",
        "shared_rare": "queries that belong to another client's in a rare way",
        "shared_share": "queries that belong to another client's",
        "shared_times": "queries of accounts that come at the same times",
        "smooth": "inputs smoother than nature",
        "star": "steps straight from the base",
        "sweep": "rows of a sweep over one column",
        "sweep_top": "moves that are in one column",
        "template": "wording that the prompts share",
        "top_label": "answers that are the same",
        "training_hits": "inputs that the model was trained on",
        "training_row_hits": "swept records that the model was trained on",
        "turned": "near-copies of a refused prompt that were answered",
        "unbound": "prompts that want the rules cast off",
        "wide": "prompts that want many alternatives",
    }
)

#: The same for features that are plain numbers.
NUMBERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "answer_words": "words of an answer",
        "atypical": "rarity of the values",
        "base_label": "answers that are still the first one",
        "bias_maps": "different biases",
        "big_clusters": "clusters of five and more",
        "cluster_size": "queries around one base",
        "clients_evicted": "clients that had to leave in an hour",
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
        "largest_group": "rows of the largest sweep",
        "members": "accounts that take part",
        "near_raw": "step to the nearest input, raw",
        "near_step": "step to the nearest input (1: ordinary)",
        "near_step_spread": "unevenness of the steps",
        "output": "length of answers (log)",
        "output_above": "length of answers beside others (log)",
        "output_growth": "growth of the answers (log)",
        "prompt_words": "words of a prompt",
        "rate": "queries a minute (log)",
        "rate_growth": "growth over its own rate (log)",
        "records_missed": "records that nobody read",
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
        "suspects_evicted": "suspects among them",
        "straight": "straightness of the path (-1 to 1)",
        "stream": "which of its queries this is about (0: all, 1: linked, 2: unlike the model's)",
        "stream_share": "share of its queries that this is about",
        "sweep_bases": "records that were swept",
        "sweep_column": "place of the column",
        "training_row_surprise": "rarity of so many swept training records",
        "training_surprise": "rarity of so many training records",
        "tokens": "limit of tokens (log2)",
        "variety": "different words among all",
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
    """Text that comes from records or from people, without what could steer a terminal or turn a line around.

    >>> plain("digits\\x1b[2J")
    'digits?[2J'
    """
    return "".join(char if char.isprintable() else "?" for char in text)
