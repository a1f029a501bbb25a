"""Did the attack work, and how far had it come by which query? From what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from traffic.models import Floats, Inputs, blocks
from traffic.service import Service
from traffic.thief import Ridge
from traffic.world import World

#: What each family is after, and what the numbers in `reached` are.
GOALS = {
    "evasion": "distance of the nearest input with another label, over that of two natural inputs",
    "inversion": "confidence in the target class",
    "extraction": "agreement of the stolen model on natural inputs",
    "membership-inference": "training records found out",
    "attribute-inference": "sensitive values found out",
    "property-inference": "probes answered by more than one version",
    "backdoor-probing": "share of the bases that one candidate sends to one label",
}
TEXT_GOAL = "answers that gave away what was asked for"
MARKS = (50, 100, 200, 400)  # queries after which a thief is trained
POINTS = 12  # most points of one attacker
Reached = list[list[float]]


def _nearer(ask: Service) -> Iterable[tuple[int, float]]:
    """Query and relative distance, wherever an input with another label is nearer to its base than any before."""
    inputs, answers = ask.trace.inputs, ask.trace.answers
    marks = [*ask.notes.get("bases", []), (None, -1, len(inputs))]
    nearest, unit = np.inf, usual_distance(ask.world)
    for (base, label, start), (_, _, end) in pairwise(marks):
        for place in range(start, end):
            one, answer = inputs[place], answers[place]
            if not ask.trace.genuine[place] or answer is None or answer.argmax() == label:
                continue
            distance = float(np.linalg.norm((one.astype(float) - base) / scale(ask.world))) / unit
            if distance < nearest:
                nearest = distance
                yield place + 1, distance


def flips(ask: Service) -> float:
    """Distance of the nearest input with another label to its base, over the usual distance of two natural inputs.

    Infinity where no base was flipped."""
    return min((distance for _, distance in _nearer(ask)), default=np.inf)


def scale(world: World) -> Floats:
    """What one unit of each input component is worth."""
    if world.side:
        return np.full(world.width, 255.0)
    return np.asarray(world.natural()[0].std(axis=0) + 1e-9, float)


def usual_distance(world: World) -> float:
    """Median distance of two natural inputs."""
    if "usual" not in world.cache:
        inputs = world.natural()[0].astype(float)
        gaps = (inputs[1:] - inputs[:-1]) / scale(world)
        world.cache["usual"] = float(np.median(np.linalg.norm(gaps, axis=1)))
    return float(world.cache["usual"])


def _confidence(ask: Service) -> tuple[list[int], Floats]:
    """Places of the attacker's own queries since it chose its target, and the model's confidence in it there."""
    target, since = ask.notes["targets"][0]
    pairs = zip(ask.trace.genuine, ask.trace.answers, strict=True)
    places = [place for place, (own, answer) in enumerate(pairs) if own and answer is not None]
    places = [place for place in places if place >= since] or places[-1:]
    inputs = np.array([ask.trace.inputs[place] for place in places])
    return places, ask.world.versions["1"](inputs)[:, target]


def climbed(ask: Service) -> float:
    """Rise of the target class's probability from where the search began to its best."""
    own = _confidence(ask)[1]
    return float(own.max() - own[0])


def _truth(world: World) -> NDArray[np.int64]:
    """The model's labels of natural inputs."""
    if "truth" not in world.cache:
        world.cache["truth"] = world.versions["1"](world.natural()[0]).argmax(axis=1)
    return np.asarray(world.cache["truth"])


def _plain(inputs: Inputs) -> Floats:
    return inputs / 255.0


def _copied(world: World, inputs: Inputs, answers: Floats) -> float:
    """How often a thief trained on these answers agrees with the model on natural inputs."""
    truth, unit = _truth(world), scale(world)
    labels = answers.argmax(axis=1)
    if len(np.unique(labels)) < 2:
        return float((truth == labels[0]).mean())
    if world.side:
        first = blocks if world.channels == 3 else _plain  # a thief knows what networks for pictures begin with
        return float((Ridge.fit(first(inputs), answers)(first(world.natural()[0])).argmax(axis=1) == truth).mean())
    thief = RandomForestClassifier(30, random_state=1).fit(inputs / unit, labels)
    return float((thief.predict(world.natural()[0] / unit) == truth).mean())


def agreement(ask: Service) -> float:
    """How often a thief trained on all answers agrees with the model on natural inputs, above the commonest label."""
    truth = _truth(ask.world)
    return _copied(ask.world, *ask.trace.own()) - float(np.bincount(truth).max() / len(truth))


def membership_auc(asks: Sequence[Service]) -> float:
    """Area under the curve of all claims of one attack kind; 0.5 is chance."""
    claims = [claim[:2] for ask in asks for claim in ask.notes.get("claims", [])]
    scores, inside = np.array(claims, float).T
    return float(roc_auc_score(inside, scores)) if 0 < inside.mean() < 1 else 0.5


def _found_out(ask: Service) -> list[tuple[int, float]]:
    """Query and count of training records that the attacker names: those that score above its median candidate."""
    claims = ask.notes.get("claims", [])
    middle = np.median([score for score, _, _ in claims]) if claims else 0.0
    sure = any(score > middle for score, _, _ in claims)  # a forest is often sure of more than half of them
    hits = [place for score, inside, place in claims if inside and (score > middle or (score == middle and not sure))]
    return [(place, float(count)) for count, place in enumerate(hits, 1)]


def _stolen(ask: Service) -> list[tuple[int, float]]:
    """Query and agreement of a thief that is trained when so many queries have been sent."""
    points = []
    for mark in (*(mark for mark in MARKS if mark < len(ask.trace)), len(ask.trace)):
        own = [place for place in range(mark) if ask.trace.genuine[place] and ask.trace.answers[place] is not None]
        if own:
            inputs = np.array([ask.trace.inputs[place] for place in own])
            answers = np.array([ask.trace.answers[place] for place in own])
            points.append((mark, _copied(ask.world, inputs, answers)))
    return points


def _replayed(ask: Service) -> list[tuple[int, float]]:
    """Query and count of probes that more than one version has answered."""
    versions: dict[bytes, set[str]] = {}
    points, count = [], 0
    for place, (one, version, own) in enumerate(
        zip(ask.trace.inputs, ask.trace.versions, ask.trace.genuine, strict=True), 1
    ):
        seen = versions.setdefault(one.tobytes(), set()) if own else {version}
        if version not in seen:
            seen.add(version)
            if len(seen) == 2:
                count += 1
                points.append((place, float(count)))
    return points


def _steps(family: str, ask: Service) -> Iterable[tuple[int, float]]:
    """Query and value at each step of an attack of this family, in order."""
    if family == "evasion":
        return _nearer(ask)
    if family == "inversion":
        places, own = _confidence(ask)
        return [(place + 1, float(value)) for place, value in zip(places, own, strict=True)]
    if family == "extraction":
        return _stolen(ask)
    if family == "membership-inference":
        return _found_out(ask)
    if family == "attribute-inference":
        hits = [place for right, _, place in ask.notes.get("guesses", []) if right]
        return [(place, float(count)) for count, place in enumerate(hits, 1)]
    if family == "backdoor-probing":
        return [(place, value) for value, place in ask.notes.get("collapses", [])]
    return _replayed(ask) if family == "property-inference" else []


def _leaked(ask: Any) -> list[tuple[int, float]]:
    """Query and count of an assistant's answers that gave something away; it notes that once for each own query."""
    own = [place for place, genuine in enumerate(ask.trace.genuine, 1) if genuine]
    worked = [place for place, leak in zip(own, ask.notes.get("leaks", []), strict=False) if leak]
    return [(place, float(count)) for count, place in enumerate(worked, 1)]


def reached(family: str, ask: Any) -> Reached:
    """What the attacker had reached by which of its queries: [queries, value] pairs, each better than the one before.

    At most POINTS pairs, the last one among them."""
    points: Reached = []
    for queries, value in _steps(family, ask) if isinstance(ask, Service) else _leaked(ask):
        value = round(value, 4)
        if points and (value >= points[-1][1] if family == "evasion" else value <= points[-1][1]):
            continue
        if points and points[-1][0] == queries:
            points.pop()
        points.append([queries, value])
    if len(points) <= POINTS:
        return points
    wanted = np.unique(np.rint(np.geomspace(1, len(points), POINTS)).astype(int)) - 1
    return [points[place] for place in wanted]


def verdict(family: str, asks: Sequence[Service]) -> dict[str, float] | None:
    """The figures of one attack kind, None where the queries themselves are the success (volume, access)."""
    leaks = [worked for ask in asks for worked in ask.notes.get("leaks", [])]
    if leaks:
        return {"worked": round(float(np.mean(leaks)), 3)}
    if not all(isinstance(ask, Service) for ask in asks):
        return None
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
        guesses = np.array([guess[:2] for ask in asks for guess in ask.notes.get("guesses", [])], float).reshape(-1, 2)
        right, chance = guesses.mean(axis=0) if len(guesses) else (0.0, 0.0)
        return {"guesses": len(guesses), "right": round(float(right), 3), "chance": round(float(chance), 3)}
    best = [max((value for _, value in _steps(family, ask)), default=0.0) for ask in asks]
    return {"median_best": round(float(np.median(best)), 3)}
