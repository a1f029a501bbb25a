"""What the pages of the demo call kinds of clients, how pseudonyms are shortened, and colours on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Of severities on a terminal.
COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {"critical": "red", "high": "yellow", "medium": "cyan", "low": "blue"}
)

#: Honest and hostile kinds of the recording whose names do not speak for themselves.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "active-learning": "copies the model by asking what the copy is least sure of",
        "adaptive-foreign": "copies the model with pictures of another domain, chosen by the answers",
        "augmentation": "shifted and turned copies of each record, to see which ones the model knows",
        "augmentation-user": "five random views of each picture, for a steadier answer",
        "book": "the same customers scored again, a few of them changed",
        "both-versions": "an A/B harness that asks both versions",
        "boundary-distance": "walks from each record to the boundary, to see which ones the model knows",
        "boundary-walk": "brings a row of the other answer column by column to its own",
        "branch": "customers of one region, who come back",
        "brep": "inversion by boundary repulsion, labels only",
        "broker": "what if? one field changed, then another",
        "coordinate-climb": "inversion by coordinate steps",
        "coordinate-search": "changes one or two columns until the answer flips",
        "corruption-suite": "robustness report: growing corruption of each picture",
        "counterfactual": "what would change the answer? moves and halves",
        "csmia-black": "confidence-based attribute inference on `black`",
        "csmia-hispanic": "confidence-based attribute inference on `hispanic`",
        "csmia-race": "confidence-based attribute inference on `race`",
        "csmia-sex": "confidence-based attribute inference on `sex`",
        "dependence-plot": "explains: one field moved over its range",
        "doubtful-poller": "a camera on a scene the model cannot decide",
        "expired-key": "refused until somebody renews the key",
        "fairness-audit": "sweeps race on public records, to check the model",
        "few-views": "a few views of each record, to see which ones the model knows",
        "file-order": "a batch job over files sorted by class",
        "filter-page": "a page with sliders: a picture made lighter, harder, softer",
        "foreign-corpus": "copies the model with pictures of another domain",
        "grid": "a grid over the columns, to copy the model",
        "hesitant-user": "retakes a picture until the answer convinces",
        "hop-skip-jump": "boundary attack HopSkipJump",
        "integrator-tenant": "one of the many tenants of one integrator",
        "jacobian": "copies the model along the copy's Jacobian",
        "key-spray": "many keys tried from one place",
        "knockoff": "copies the model with ordinary pictures",
        "latent-climb": "inversion through a generator",
        "lime": "explains: random parts of a picture blanked",
        "load-test": "few pictures, as fast as it goes",
        "lomia-black": "label-only attribute inference on `black`",
        "lomia-hispanic": "label-only attribute inference on `hispanic`",
        "lomia-race": "label-only attribute inference on `race`",
        "lomia-sex": "label-only attribute inference on `sex`",
        "many-models": "one caller asking for every model name",
        "many-users": "an application with many users behind one key",
        "mix-up": "copies the model with mixtures of two pictures",
        "nat-user": "many keys behind one address",
        "nes": "falling confidence by natural evolution",
        "nes-climb": "inversion by finite differences",
        "newcomer": "tries the service out",
        "nightly-batch": "a sorted file of customers",
        "noise-cluster": "noisy copies of each record, to see which ones the model knows",
        "noisy-camera": "pictures through a bad sensor",
        "noisy-copies": "noisy copies of each row, to see which ones the model knows",
        "oars-hsj": "HopSkipJump in steps too large to look alike",
        "oars-nes": "falling confidence, in steps too large to look alike",
        "occlusion": "explains: a grey square moves over each picture",
        "one-class": "pictures of one class only",
        "path-finding": "copies a tree by halving one number after the other",
        "pixel-climb": "inversion by scattered pixels",
        "poller": "a camera on one scene",
        "pricing": "what if? always the same field",
        "probe-replay": "one probe set shown to both versions",
        "random-noise": "copies the model with noise",
        "regression-test": "the owner's release test over both versions",
        "reinforcement": "inversion by an agent that learns from rewards",
        "restoration": "tunes a filter by the model's confidence",
        "retries": "sends again what failed",
        "retry-storm": "no back-off: the same row many times",
        "rgf": "falling confidence by random directions",
        "row-active-learning": "copies the model by asking what the copy is least sure of",
        "row-counterfactual": "what would change the answer? steps through the columns",
        "row-knockoff": "copies the model with ordinary rows",
        "row-lime": "explains: columns redrawn around each row",
        "row-poller": "one row, for ever",
        "row-probe-replay": "one probe set shown to both versions",
        "row-shapley": "explains: Shapley values against background rows",
        "row-shared-probes": "a toolkit's probe set shown to both versions",
        "score-only": "asks once for each record, to see which ones the model knows",
        "segment": "customers of one schooling",
        "shapley": "explains: Shapley values of a picture's parts",
        "shared-probes": "a toolkit's probe set shown to both versions",
        "smoke-test": "the same twenty inputs, every time",
        "square": "falling confidence by random squares",
        "strange-user": "shows what the model was never made for",
        "synthesis": "inversion by redrawing columns of a random row",
        "tried-key": "one of the keys of a spray",
        "trigger-patches": "looks for a backdoor: the same patch on a few pictures, then the next",
        "trigger-values": "looks for a backdoor: the same two values in many rows, then others",
        "typing-user": "a form that asks after every field",
        "uniform-rows": "copies the model with rows from nowhere",
        "user": "ordinary use",
        "video": "a camera that pans",
        "volume-burst": "suddenly many times the usual volume",
    }
)


def short(pseudonym: str) -> str:
    """The beginning of a pseudonym, enough to tell clients of one page apart.

    >>> short("327br6ajtwv7haeaetap3c5tla")
    '327br6aj'
    """
    return pseudonym[:8]
