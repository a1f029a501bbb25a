"""`check`: looks at everything the daemon needs before it is started, and goes on after the first fault."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from detectors.sketch.fingerprints import Fingerprints
from monitor.config.settings import Settings
from monitor.config.sources import KafkaSettings
from monitor.config.trouble import Trouble
from monitor.runtime.fingerprints import described, load
from monitor.runtime.keys import keys_of
from monitor.runtime.paths import outbox_path, snapshots_path
from monitor.runtime.reach import reached
from monitor.runtime.responses import looked_at

Verdict = Literal["good", "doubtful", "bad"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at. `where` and `mend` are empty where it is good."""

    name: str
    verdict: Verdict
    text: str
    where: str = ""
    mend: str = ""


def check(settings: Settings, *, connect: bool) -> Iterator[Checked]:
    """Everything in turn; what is reached over the network only with `connect`."""
    known = list(_fingerprints(settings))
    digests = {model: one.digest for model, one, _ in known if one is not None}
    yield _tried("settings", lambda: f"configuration {_configuration(settings, digests)}")
    yield _tried("key", lambda: f"epoch {keys_of(settings.keys).epoch}")
    if settings.runtime.learnt is not None:
        yield _tried("learnt", lambda: _learnt(settings))
    yield from (checked for _, _, checked in known)
    yield from _folders(settings)
    if settings.runtime.bucket is not None:
        yield _tried("snapshots", lambda: _bucket(settings, connect))
    yield from _detectors(settings)
    if settings.shadow.wanted:
        yield _tried("shadow", lambda: _shadow(settings))
    yield _tried("source", lambda: _source(settings, connect))
    for name, sink in settings.sinks.items():
        yield _tried(f"sink {name}", lambda sink=sink: reached(sink, connect))  # type: ignore[misc]  # bound at once
    if settings.response.wanted:
        yield _tried("responses", lambda: looked_at(settings.response, keys_of(settings.keys), connect=connect))
    if not settings.sinks:
        yield Checked(
            "sinks", "doubtful", "none: alerts stay in the outbox", "sinks", "write [sinks.NAME] with a `type`"
        )


def _tried(name: str, look: Callable[[], str]) -> Checked:
    try:
        return Checked(name, "good", look())
    except Trouble as trouble:
        return _bad(name, trouble)


def _bad(name: str, trouble: Trouble) -> Checked:
    return Checked(name, "bad", trouble.what, trouble.where, trouble.mend)


def _fingerprints(settings: Settings) -> Iterator[tuple[str, Fingerprints | None, Checked]]:
    """Each model's training fingerprints (None: refused), and what is to be said of them."""
    for model, known in settings.engine.known.items():
        if known.fingerprints is None:
            continue
        name = f"fingerprints of {model}"
        try:
            one = load(known.fingerprints, model, keys_of(settings.keys))
            yield model, one, Checked(name, "good", described(one))
        except Trouble as trouble:
            yield model, None, Checked(name, "bad", trouble.what, trouble.where, trouble.mend)


def _folders(settings: Settings) -> Iterator[Checked]:
    folders = {"outbox": outbox_path(settings).parent, "snapshots": snapshots_path(settings)}
    if settings.runtime.bucket is not None:
        del folders["snapshots"]
    for name, folder in folders.items():
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield Checked(name, "good", str(folder))
        else:
            mend = "let the user of this process write there, or set runtime.state to another folder"
            yield Checked(name, "bad", f"{there} cannot be written", str(folder), mend)


def _bucket(settings: Settings, connect: bool) -> str:
    """With `connect`, whether its names can be listed; nothing is put there."""
    from monitor.runtime.stores import open_store

    store = open_store(settings, look=True)
    assert settings.runtime.bucket is not None
    if not connect:
        return f"bucket {settings.runtime.bucket.name}, not connected"
    try:
        return f"bucket {settings.runtime.bucket.name}, snapshots of {len(list(store.latest()))} partitions"
    except OSError as problem:
        raise Trouble(
            what=f"the bucket cannot be read: {problem.strerror}",
            where=f"runtime.bucket, {settings.runtime.bucket.name}",
            mend="check the endpoint, that the bucket is there, and what the keys may do",
        ) from None


def _detectors(settings: Settings) -> Iterator[Checked]:
    """The detectors that are installed; each parameter that they would refuse at the start."""
    from monitor.runtime.engines import detector_classes, own_detectors

    try:
        own_detectors(settings)
        yield Checked("detectors", "good", ", ".join(detector_classes()))
    except Trouble as trouble:
        yield _bad("detectors", trouble)
    except ExceptionGroup as several:
        found, _ = several.split(Trouble)
        yield from (_bad("detectors", one) for one in (found.exceptions if found else ()) if isinstance(one, Trouble))


def _shadow(settings: Settings) -> str:
    from monitor.runtime.shadow import shadowed

    changed = "other settings" if shadowed(settings).engine != settings.engine else "the same settings"
    return f"{', '.join(settings.shadow.detectors) or 'no detector of its own'}, {changed}"


def _configuration(settings: Settings, digests: Mapping[str, str]) -> str:
    from monitor.runtime.learnt import config_hash

    return config_hash(settings, digests)


def _learnt(settings: Settings) -> str:
    from monitor.runtime.engines import bank_of
    from monitor.runtime.learnt import load

    keys, file = keys_of(settings.keys), settings.runtime.learnt
    assert file is not None
    models = sorted({model for model, _ in load(file, keys, bank_of(settings, keys, {})).views})
    return f"begins with {len(models)} models"


def _source(settings: Settings, connect: bool) -> str:
    from monitor.sources.client import check_libraries
    from monitor.sources.files import FileSource

    if settings.source.kafka is not None:
        check_libraries()
        return _kafka(settings.source.kafka) if connect else "Kafka, all codec libraries are here, not connected"
    if settings.source.files is not None:
        FileSource(settings.source.files).close()
        return f"files {', '.join(map(str, settings.source.files.paths))}"
    raise Trouble(
        what="no source is set", where="source", mend="write [source.kafka] with brokers and topics, or [source.files]"
    )


def _kafka(settings: KafkaSettings) -> str:
    from monitor.sources.client import connect

    consumer = connect(settings, member=False)
    try:
        counts = [
            f"{topic} ({len(consumer.partitions_for_topic(topic) or ())} partitions)" for topic in settings.topics
        ]
    finally:
        consumer.close(autocommit=False)
    return f"Kafka, {', '.join(counts)}, all codec libraries are here"
