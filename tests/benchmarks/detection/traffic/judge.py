"""Did the attack work? One figure per client and family, from what was asked and answered; goes into the manifest."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from traffic.models import Floats
from traffic.service import Service
from traffic.world import World


def flips(ask: Service) -> float:
    """Distance of the nearest input with another label to its base, over the usual distance of two natural inputs.

    Infinity where no base was flipped."""
    inputs, answers = ask.trace.inputs, ask.trace.answers
    marks = [*ask.notes.get("bases", []), (None, -1, len(inputs))]
    nearest = np.inf
    for (base, label, start), (_, _, end) in pairwise(marks):
        for one, answer, own in zip(inputs[start:end], answers[start:end], ask.trace.genuine[start:end], strict=True):
            if own and answer is not None and answer.argmax() != label:
                nearest = min(nearest, float(np.linalg.norm((one.astype(float) - base) / scale(ask.world))))
    return nearest / usual_distance(ask.world)


def scale(world: World) -> Floats:
    """What one unit of each input component is worth."""
    if world.side:
        return np.full(world.side**2, 255.0)
    return np.asarray(world.natural()[0].std(axis=0) + 1e-9, float)


def usual_distance(world: World) -> float:
    """Median distance of two natural inputs."""
    if "usual" not in world.cache:
        inputs = world.natural()[0].astype(float)
        gaps = (inputs[1:] - inputs[:-1]) / scale(world)
        world.cache["usual"] = float(np.median(np.linalg.norm(gaps, axis=1)))
    return float(world.cache["usual"])


def climbed(ask: Service) -> float:
    """Rise of the target class's probability from where the search began to its best, in percent points / 100."""
    inputs, _ = ask.trace.own()
    target, _ = ask.notes["targets"][0]
    own = ask.world.versions["1"](inputs)[:, target]
    return float(own.max() - own[0])


def agreement(ask: Service) -> float:
    """How often a thief trained on the answers agrees with the model on natural inputs, above the commonest label."""
    inputs, answers = ask.trace.own()
    labels, unit = answers.argmax(axis=1), scale(ask.world)
    natural = ask.world.natural()[0]
    truth = ask.world.versions["1"](natural).argmax(axis=1)
    commonest = np.bincount(truth).max() / len(truth)
    if len(np.unique(labels)) < 2:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thief = LogisticRegression(max_iter=60) if ask.world.side else RandomForestClassifier(30, random_state=1)
        thief.fit(inputs / unit, labels)
    return float((thief.predict(natural / unit) == truth).mean() - commonest)


def membership_auc(asks: Sequence[Service]) -> float:
    """Area under the curve of all claims of one attack kind; 0.5 is chance."""
    claims = [claim for ask in asks for claim in ask.notes.get("claims", [])]
    scores, inside = np.array(claims, float).T
    return float(roc_auc_score(inside, scores)) if 0 < inside.mean() < 1 else 0.5


def verdict(family: str, asks: Sequence[Service]) -> dict[str, float] | None:
    """The figures of one attack kind, None where the queries themselves are the success (replay, volume, access)."""
    leaks = [worked for ask in asks for worked in ask.notes.get("leaks", [])]
    if leaks:
        return {"worked": round(float(np.mean(leaks)), 3)}
    if family == "membership-inference":
        claims = sum(len(ask.notes.get("claims", [])) for ask in asks)
        return {"claims": claims, "auc": round(membership_auc(asks), 3)}
    if family == "evasion":
        found = [flips(ask) for ask in asks]
        share, distance = float(np.isfinite(found).mean()), float(np.median(found))
        return {"flipped": round(share, 3), "relative_distance": round(distance, 3)}
    if family == "inversion":
        return {"median_rise": round(float(np.median([climbed(ask) for ask in asks])), 3)}
    if family == "extraction":
        return {"median_agreement_above_commonest": round(float(np.median([agreement(ask) for ask in asks])), 3)}
    if family == "attribute-inference":
        guesses = np.array([guess for ask in asks for guess in ask.notes.get("guesses", [])], float).reshape(-1, 2)
        right, chance = guesses.mean(axis=0) if len(guesses) else (0.0, 0.0)
        return {"guesses": len(guesses), "right": round(float(right), 3), "chance": round(float(chance), 3)}
    return None
