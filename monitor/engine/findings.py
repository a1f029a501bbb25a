"""The life of findings: they open where a budget is beaten, grow in revisions, and close when nothing more comes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming
from detectors.scoring.evidence import risk, severity
from detectors.scoring.kinds import Place, code
from detectors.scoring.nesting import inside, nested
from detectors.taxonomy import family as taxonomy
from monitor.alerts.finding import Evidence, Exposure, Finding, Lineage, Point, finding_id, marked, rebuilt
from monitor.alerts.guidance import FLOOD as FLOODED
from monitor.alerts.response import FLOOD, RESPONSES
from monitor.alerts.response import STORM as IN_A_STORM
from monitor.alerts.story import Told, begun, closing, counted, followed, grown, since
from monitor.alerts.words import because
from monitor.config.engine import EngineSettings
from monitor.engine.bank import VOLUMES
from monitor.engine.clock import MINUTE
from monitor.engine.halfway import Halfway
from monitor.engine.kinds import Kinds, rung
from monitor.engine.storm import CLIENTS as FOLDED_CLIENTS
from monitor.engine.storm import FAMILIES, FOLDED, STORM, Storm
from monitor.engine.verdicts import DAY, NOVELTY, PRECEDENCE, Court, Verdict, number
from monitor.record.pseudonyms import read, text

PIECES: Final = 8  # pieces of evidence that a finding keeps
MEMBERS: Final = 256  # members that a finding names
KIND, CLIENTS = "kind", "clients"  # labels of a finding about a kind of traffic: its code, and how many send it
UNKNOWN: Final = bytes(16)

Key = tuple[str, bytes]


@dataclass(slots=True)
class Episode:
    """A finding that is open: what is known of it, the clock when evidence last came, and what was last told."""

    finding: Finding
    heard: int
    told: Told


class Findings:
    """The open findings of a partition, at most as many as the settings allow; `dropped` counts what did not open on
    its own, and became part of the finding about the storm."""

    def __init__(self, settings: EngineSettings, court: Court, origin: Lineage) -> None:
        self._settings, self._court, self._origin = settings, court, origin
        self._open: dict[Key, dict[str, Episode]] = {}
        self._kinds, self._storm, self.halfway = Kinds(), Storm(settings.storm), Halfway()
        self._homes: dict[tuple[str, str], Key] = {}  # the open finding of each member of a group
        self.dropped = 0

    def __len__(self) -> int:
        return sum(len(families) for families in self._open.values())

    def hear(self, verdict: Verdict, clock: int) -> Iterator[Finding]:
        """Take a verdict into the finding it belongs to, or open one; yields a revision where one is due."""
        key = (verdict.model, verdict.client)
        whole = self._open.get(self._homes.get((verdict.model, text(verdict.client)), key), {})
        if verdict.family in whole and whole[verdict.family].finding.client is None and not verdict.members:
            whole[verdict.family].heard = clock  # said of the group already
            return
        families = self._open.get(key, {})
        rank = PRECEDENCE.index(verdict.family)
        leading = [name for name in families if PRECEDENCE.index(name) <= rank]
        if leading:
            yield from self._update(families[min(leading, key=PRECEDENCE.index)], verdict, clock)
        elif verdict.family == NOVELTY and verdict.place is not None:
            yield from self.hear(self._of_kind(verdict, verdict.place), clock)
        else:
            yield from self._open_or_fold(key, verdict, clock)

    def _open_or_fold(self, key: Key, verdict: Verdict, clock: int) -> Iterator[Finding]:
        """Open a finding, or, where that would be one too many, make it part of the one about the storm."""
        finding, storm = self._opened(verdict, clock), verdict.client == STORM
        full = len(self) >= self._settings.open_findings
        if not storm and (full or not self._storm.admits(finding.severity, clock)):
            self.dropped += 1
            yield from self.hear(self._storm.take(verdict), clock)
            return
        self._open.setdefault(key, {})[verdict.family] = Episode(finding, clock, Told.by(finding))
        self._house(key, finding)
        yield finding

    def _of_kind(self, verdict: Verdict, place: Place) -> Verdict:
        """The same said of the kind of traffic, of which the client is one member among others."""
        kind = self._kinds.take(verdict.model, verdict.client, place)
        labels = {KIND: code(kind.leader), CLIENTS: str(kind.clients)}
        return replace(verdict, client=kind.key, group=b"", members=(verdict.client,), place=None, labels=labels)

    def _house(self, key: Key, finding: Finding) -> None:
        """Remember whose members a finding of a group names: what is said of one of them is part of it."""
        if finding.tier == "named" and key[1] != STORM:  # who is in a storm may still do something of its own
            self._homes.update(dict.fromkeys(((finding.model, member) for member in finding.members), key))

    def tick(self, clock: int) -> Iterator[Finding]:
        """Close what was quiet for long enough, in the order in which it opened."""
        quiet, gone = self._settings.quiet_minutes * MINUTE, set[Key]()
        for key, families in list(self._open.items()):
            for name, episode in list(families.items()):
                # a kind of traffic, or a group, is quiet when nobody was heard of for a day (decisions 0013, 0016)
                grouped = episode.finding.members and name not in VOLUMES and key[1] != STORM
                long = int(max(quiet, DAY) if name == NOVELTY or grouped else quiet)
                if clock - episode.heard >= long:
                    del families[name]
                    yield closed(episode, clock, long)
            if not families:
                self._gone(key)
                gone.add(key)
        if gone:  # once for all of them: findings of groups can be many, and their members more
            self._homes = {who: home for who, home in self._homes.items() if home not in gone}

    def _gone(self, key: Key) -> None:
        """Nothing is open there any more."""
        del self._open[key]
        if key[1] == STORM:
            self._storm.end()

    def _opened(self, verdict: Verdict, clock: int) -> Finding:
        family, client = verdict.family, text(verdict.client)
        identity = finding_id(self._settings.tenant, verdict.model, client, family, clock)
        worth = risk(family, verdict.evalue, verdict.exposure.answered)
        made = Finding(
            finding=identity,
            revision=1,
            status="open",
            tier="novelty" if family == NOVELTY else "named",
            family=family,
            model=verdict.model,
            client=None if verdict.members else client,
            members=tuple(text(member) for member in verdict.members),
            group=None if verdict.group in (b"", UNKNOWN) else text(verdict.group),
            severity=severity(worth),
            risk=round(worth, 1),
            evalue=verdict.evalue,
            budget=number(self._court.budget(family)),
            started=verdict.started,
            raised_at=clock,
            updated_at=clock,
            queries=verdict.queries,
            title=title(verdict),
            reason=reason(verdict),
            change="New.",
            timeline=begun(verdict.started, self.halfway.when(verdict.model, verdict.client), clock, severity(worth)),
            labels=dict(verdict.labels),
            evidence=verdict.evidence[:PIECES],
            profile=verdict.profile,
            exposure=verdict.exposure,
            response=response(verdict),
            lineage=replace(self._origin, first_offset=verdict.first_offset, last_offset=verdict.last_offset),
        )
        return marked(made, "drill") if verdict.group in self._court.bank.drills else made

    def _update(self, episode: Episode, verdict: Verdict, clock: int) -> Iterator[Finding]:
        """Grow the finding; a revision is due when its severity rises, or now and then, while there is room for one."""
        last, episode.heard = episode.finding, clock
        evidence = merged(last.evidence, verdict.evidence)
        own = [piece.evalue for piece in evidence if piece.family == last.family]
        evalue = max(last.evalue, *own)
        worth = max(last.risk, round(risk(last.family, evalue, verdict.exposure.answered), 1))
        larger = replace(
            last,
            severity=severity(worth),
            risk=worth,
            evalue=evalue,
            evidence=evidence,
            members=tuple(sorted({*last.members, *(text(member) for member in verdict.members)}))[:MEMBERS],
            profile=verdict.profile,
            exposure=verdict.exposure,
            lineage=replace(last.lineage, last_offset=verdict.last_offset),
        )
        if last.family == NOVELTY or FOLDED in verdict.labels:
            larger = of_kind(larger, last, verdict)
        due = spread(last, larger, clock - last.updated_at >= self._settings.update_minutes * MINUTE)
        if (episode.told.rises(larger.severity) or due) and last.revision + 1 < self._settings.revisions:
            larger = revised(episode.told, larger, clock)
            episode.told = Told.by(larger)
            yield larger
        episode.finding = larger
        if len(larger.members) > len(last.members):
            self._house((verdict.model, verdict.client), larger)

    def under(self, epochs: tuple[str, ...]) -> None:
        """Say of findings from here on that keys of these epochs made their pseudonyms."""
        self._origin = replace(self._origin, key_epochs=epochs)

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names. A finding keeps its id, and its next revision has the new name."""
        self._kinds.rename(renaming)
        self.halfway.rename(renaming)
        texts = {text(old): text(new) for old, new in renaming.names.items()}
        for families in self._open.values():
            for episode in families.values():
                episode.finding = renamed(episode.finding, texts, self._origin.key_epochs)
        self._open = {(model, renaming.name(who)): families for (model, who), families in self._open.items()}
        self._homes = {(model, texts.get(who, who)): home for (model, who), home in self._homes.items()}

    def forget(self, client: bytes) -> None:
        """Erase a client: its findings, and its name in those of groups; a group of one is none."""
        self._kinds.forget(client)
        self.halfway.forget(client)
        name = text(client)
        self._homes = {who: home for who, home in self._homes.items() if who[1] != name}
        for key, families in list(self._open.items()):
            for family, episode in list(families.items()):
                left = without(episode.finding, name)
                if left is None:
                    del families[family]
                else:
                    episode.finding = left
            if not families:
                self._gone(key)

    def known(self) -> Iterator[bytes]:
        """The pseudonyms of all clients and groups in open findings."""
        yield from self._kinds.known()
        yield from self.halfway.known()
        for families in self._open.values():
            for episode in families.values():
                yield from map(read, named_in(episode.finding))

    def dump(self) -> dict[str, NDArray[Any]]:
        """The open findings, as bytes in an array."""
        episodes = [
            [client.hex(), episode.heard, asdict(episode.told), asdict(episode.finding)]
            for (_, client), families in self._open.items()
            for episode in families.values()
        ]
        return {
            "open": np.frombuffer(json.dumps(episodes).encode(), np.uint8),
            "dropped": np.array([self.dropped]),
            **nested("kinds", self._kinds.dump()),
            **nested("storm", self._storm.dump()),
            **nested("halfway", self.halfway.dump()),
        }

    def load(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        for client, heard, told, tree in json.loads(arrays["open"].tobytes()):
            finding = rebuilt(tree)
            families = self._open.setdefault((finding.model, bytes.fromhex(client)), {})
            families[finding.family] = Episode(finding, heard, Told.read(told))
            self._house((finding.model, bytes.fromhex(client)), finding)
        self._kinds.load(inside("kinds", arrays))
        self._storm.load(inside("storm", arrays))
        self.halfway.load(inside("halfway", arrays))
        self.dropped = int(arrays["dropped"][0])


def named_in(finding: Finding) -> list[str]:
    """The pseudonyms that stand in a finding."""
    return [name for name in (finding.client, finding.group, *finding.members) if name is not None]


def renamed(finding: Finding, texts: Mapping[str, str], epochs: tuple[str, ...]) -> Finding:
    """The finding with other pseudonyms, and with the epochs of the keys of both, where one of its own changes."""
    if not any(name in texts for name in named_in(finding)):
        return finding
    own = finding.lineage.key_epochs
    return replace(
        finding,
        client=None if finding.client is None else texts.get(finding.client, finding.client),
        group=None if finding.group is None else texts.get(finding.group, finding.group),
        members=tuple(sorted(texts.get(member, member) for member in finding.members)),
        lineage=replace(finding.lineage, key_epochs=(*own, *(epoch for epoch in epochs if epoch not in own))),
    )


def without(finding: Finding, name: str) -> Finding | None:
    """The finding without one pseudonym; None where it is about nobody then."""
    if name not in named_in(finding):
        return finding
    members = tuple(member for member in finding.members if member != name)
    if finding.client == name or (finding.members and not members):
        return None
    return replace(finding, members=members, group=None if finding.group == name else finding.group)


def of_kind(grown: Finding, last: Finding, verdict: Verdict) -> Finding:
    """What a finding about a kind of traffic, or a storm, says beside: of all its members, not of the one that was
    heard last."""
    most = (max(getattr(last.exposure, part.name), getattr(verdict.exposure, part.name)) for part in fields(Exposure))
    return replace(
        grown,
        reason=reason(verdict),
        labels=dict(verdict.labels),
        started=min(last.started, verdict.started),
        timeline=since(grown.timeline, verdict.started),
        exposure=Exposure(*most),
        lineage=replace(
            grown.lineage,
            first_offset=min(last.lineage.first_offset, verdict.first_offset),
            last_offset=max(last.lineage.last_offset, verdict.last_offset),
        ),
    )


def spread(last: Finding, grown: Finding, due: bool) -> bool:
    """Whether a revision is due: now and then; of a kind of traffic when half as many clients again send it, of a storm
    when it has grown by half."""
    ladder = next((label for label in (CLIENTS, FOLDED) if label in last.labels), None)
    return due if ladder is None else rung(int(grown.labels[ladder])) > rung(int(last.labels[ladder]))


def merged(old: tuple[Evidence, ...], new: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The latest of each test, what is new first, at most PIECES."""
    seen = {(piece.detector, piece.test) for piece in new}
    return (*new, *(piece for piece in old if (piece.detector, piece.test) not in seen))[:PIECES]


def title(verdict: Verdict) -> str:
    """What people read first."""
    if FOLDED in verdict.labels:
        return "Storm of findings"
    plain = taxonomy(verdict.family).title
    return plain if verdict.family == NOVELTY else f"{plain} suspected"


def reason(verdict: Verdict) -> str:
    """One sentence in plain words: after how many queries who does what, by which numbers."""
    if FOLDED in verdict.labels:
        labels = verdict.labels
        said = f"{labels[FOLDED]} signals of {labels[FOLDED_CLIENTS]} clients beyond the findings that an hour may open"
        return f"{said}: {labels[FAMILIES]}"
    told, count = because(verdict.evidence[0]), verdict.queries
    if flooded(verdict):
        return f"Somebody {told}."
    after = f"after {count:,} quer{'y' if count == 1 else 'ies'}"
    clients = verdict.labels.get(CLIENTS, "")
    if clients:
        begun = f"{clients} client{'s' * (clients != '1')} began to send this kind of traffic"
        return f"{begun}; {after} the latest one {told}."
    who = "the group" if verdict.members else "the caller"
    return f"A{after[1:]} {who} {told}."


def flooded(verdict: Verdict) -> bool:
    """Whether it is about a flood of new names."""
    return (verdict.evidence[0].detector, verdict.evidence[0].test) == FLOODED


def response(verdict: Verdict) -> tuple[str, ...]:
    """What to do first."""
    if FOLDED in verdict.labels:
        return IN_A_STORM
    return FLOOD if flooded(verdict) else RESPONSES[verdict.family]


def revised(told: Told, larger: Finding, clock: int) -> Finding:
    """The next revision, which says what has changed since the one that told so."""
    now = replace(larger, revision=larger.revision + 1, status="updated", updated_at=clock)
    timeline = now.timeline
    if told.rises(now.severity):
        timeline = followed(timeline, Point(clock, "grew", now.severity))
    elif counted(now) > told.members:
        timeline = followed(timeline, Point(clock, "joined", now.severity))
    return replace(now, change=grown(told, now), timeline=timeline)


def closed(episode: Episode, clock: int, quiet: int) -> Finding:
    """The last revision of a finding that nothing has spoken for in `quiet` microseconds."""
    last = episode.finding
    return replace(
        last,
        revision=last.revision + 1,
        status="closed",
        updated_at=clock,
        change=closing(episode.told, last, quiet),
        timeline=followed(last.timeline, Point(episode.heard, "quiet", last.severity)),
    )
