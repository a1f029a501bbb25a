"""Honest callers of a picture service, those who look like attackers among them. Each sends until its budget ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from traffic.models import Floats
from traffic.pictures import retake, square, turn
from traffic.service import Service

Rng = np.random.Generator
Behaviour = Callable[[Service, Rng], None]


def user(ask: Service, rng: Rng) -> None:
    """Independent natural pictures."""
    while True:
        ask(ask.world.draw(rng, 1))


def one_class(ask: Service, rng: Rng) -> None:
    """Pictures of a single class."""
    label = int(rng.integers(len(ask.world.labels)))
    while True:
        ask(ask.world.draw(rng, 1, only=label))


def noisy_camera(ask: Service, rng: Rng) -> None:
    """Natural pictures through a bad sensor."""
    sigma, gain = rng.uniform(0.04, 0.14), rng.uniform(0.7, 1.1)
    while True:
        picture = ask.world.draw(rng, 1)
        ask(np.clip(gain * picture + rng.normal(0, sigma, picture.shape), 0, 1))


def retries(ask: Service, rng: Rng) -> None:
    """A user whose requests fail with 5xx at times and are sent again."""
    while True:
        picture = ask.world.draw(rng, 1)
        while rng.random() < 0.08:
            ask.fails(picture, int(rng.choice([500, 502, 503, 504])))
        ask(picture)
        if rng.random() < 0.05:
            ask(picture)


def poller(ask: Service, rng: Rng) -> None:
    """The same scene again and again, with sensor noise; the scene changes seldom."""
    sigma = rng.uniform(0.0, 0.03)
    while True:
        scene = ask.world.draw(rng, 1)
        for _ in range(int(rng.integers(40, 300))):
            ask(np.clip(scene + rng.normal(0, sigma, scene.shape), 0, 1))


def smoke_test(ask: Service, rng: Rng) -> None:
    """The same twenty pictures in the same order."""
    pictures = ask.world.draw(rng, int(rng.integers(10, 30)))
    while True:
        ask(pictures)


def video(ask: Service, rng: Rng) -> None:
    """A camera that pans over one thing, then over the next, or sees one thing turn into another."""
    side = ask.world.side
    while True:
        first, second = ask.world.draw(rng, 2)
        frames, morph = int(rng.integers(15, 40)), rng.random() < 0.5
        drift, spin = rng.normal(0, side / 10, 2), rng.normal(0, 15)
        for t in np.linspace(0, 1, frames):
            picture = (1 - t) * first + t * second if morph else turn(first, side, spin * t, drift * t)
            ask(np.clip(picture + rng.normal(0, 0.008, picture.shape), 0, 1))


def augmentation_user(ask: Service, rng: Rng) -> None:
    """Test-time augmentation: five random views of each picture."""
    side = ask.world.side
    while True:
        picture = ask.world.draw(rng, 1)[0]
        views = [turn(picture, side, rng.normal(0, 5), rng.normal(0, 0.04 * side, 2)) for _ in range(4)]
        ask(np.stack([picture, *views]))


def both_versions(ask: Service, rng: Rng) -> None:
    """An A/B harness: each picture to both versions of the model."""
    while True:
        picture = ask.world.draw(rng, 1)
        for version in ask.world.versions:
            ask(picture, version)


def strange_user(ask: Service, rng: Rng) -> None:
    """Somebody who shows the model what it was never made for."""
    while True:
        ask(ask.world.strange[rng.integers(len(ask.world.strange))] / 255.0)


def file_order(ask: Service, rng: Rng) -> None:
    """A batch job over files sorted by class."""
    counts = rng.integers(3, 30, len(ask.world.labels))
    while True:
        for label, count in enumerate(counts):
            ask(ask.world.draw(rng, int(count), only=label))


def occlusion(ask: Service, rng: Rng) -> None:
    """Explains answers: a grey square moves over each picture."""
    side = ask.world.side
    size, grey = max(2, side // 5), rng.choice([0.0, 0.5])
    places = np.arange(0, side - size + 1, size)
    while True:
        picture = ask.world.draw(rng, 1)[0]
        ask(picture)
        for top in places:
            for left in places:
                hidden = square(picture, side).copy()
                hidden[top : top + size, left : left + size] = grey
                ask(hidden.ravel())


def undecided(ask: Service, rng: Rng) -> Floats:
    """A natural picture on which the model hesitates."""
    pictures = ask.world.draw(rng, 40)
    sure = ask.world.versions["1"](ask.world.clean(pictures)).max(axis=1)
    return np.asarray(pictures[sure.argmin()], float)


def hesitant_user(ask: Service, rng: Rng) -> None:
    """Takes a picture again until the answer convinces; often the picture is a doubtful one."""
    while True:
        picture = undecided(ask, rng) if rng.random() < 0.5 else ask.world.draw(rng, 1)[0]
        for _ in range(int(rng.integers(1, 12))):
            if ask(retake(picture, ask.world.side, rng))[0].max() > 0.9:
                break


def doubtful_poller(ask: Service, rng: Rng) -> None:
    """A poller whose scene the model can not decide."""
    picture, sigma = undecided(ask, rng), rng.uniform(0.01, 0.04)
    while True:
        ask(np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 1))


def many_users(ask: Service, rng: Rng) -> None:
    """An application with many end users behind one key: users, noisy cameras, retakes interleaved."""
    while True:
        picture, habit = ask.world.draw(rng, 1)[0], rng.integers(4)
        if habit == 1:
            picture = picture + rng.normal(0, 0.08, picture.shape)
        ask(np.clip(picture, 0, 1))
        if habit == 2:
            ask(np.stack([retake(picture, ask.world.side, rng) for _ in range(rng.integers(1, 4))]))


KNOWN: dict[str, tuple[Behaviour, str]] = {
    "user": (user, "person"),
    "one-class": (one_class, "person"),
    "noisy-camera": (noisy_camera, "machine"),
    "retries": (retries, "machine"),
    "poller": (poller, "steady"),
    "smoke-test": (smoke_test, "steady"),
    "video": (video, "machine"),
    "augmentation-user": (augmentation_user, "machine"),
    "both-versions": (both_versions, "machine"),
    "strange-user": (strange_user, "person"),
    "file-order": (file_order, "night"),
    "occlusion": (occlusion, "machine"),
    "hesitant-user": (hesitant_user, "person"),
    "doubtful-poller": (doubtful_poller, "steady"),
    "nat-user": (user, "person"),
    "newcomer": (user, "person"),
    "integrator-tenant": (user, "machine"),
    "many-users": (many_users, "machine"),
}
