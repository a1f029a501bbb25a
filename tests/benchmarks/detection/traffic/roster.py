"""Which roles there are: honest kinds the learning days show, honest kinds they do not, attack kinds by family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traffic import evasion, extraction, honest_images, honest_tables, inversion, membership, tables, texts
from traffic.assistant import Assistant
from traffic.cast import Deployed, Role
from traffic.honest_images_unseen import UNSEEN

Roles = tuple[list[Role], list[Role], list[Role]]


def image_roles() -> Roles:
    """Roles of a picture service: honest and known, honest and unseen, attacks."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in honest_images.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in UNSEEN.items()]
    attacks = []
    for family, module in (("evasion", evasion), ("inversion", inversion), ("membership-inference", membership)):
        for kind, what in module.ATTACKS.items():
            suffice = kind in module.LABELS_SUFFICE
            attacks.append(Role(kind, what, "machine", family, unseen=True, labels_suffice=suffice))
    attacks += [Role(kind, what, "machine", "extraction", unseen=True) for kind, what in extraction.ATTACKS.items()]
    attacks.append(Role("probe-replay", extraction.probe_replay, "machine", "property-inference", unseen=True))
    attacks.append(Role("trigger-patches", extraction.trigger_patches, "machine", "backdoor-probing", unseen=True))
    return known, unseen, attacks


def _by_family(kinds: Mapping[str, Mapping[str, Any]], suffice: frozenset[str] = frozenset()) -> list[Role]:
    return [
        Role(kind, what, "machine", family, unseen=True, labels_suffice=kind in suffice)
        for family, attacks in kinds.items()
        for kind, what in attacks.items()
    ]


def table_roles() -> Roles:
    """Roles of a table service: honest and known, honest and unseen, attacks."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in honest_tables.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in honest_tables.UNSEEN.items()]
    attacks = _by_family(tables.ATTACKS, tables.LABELS_SUFFICE)
    attacks.append(Role("score-only", membership.score_only, "machine", "membership-inference", unseen=True))
    return known, unseen, attacks


def vector_roles() -> Roles:
    """Roles of a service of number vectors: those of a table that need no named column."""
    named = {"branch", "segment", "fairness-audit", "csmia-race", "csmia-hispanic", "lomia-race"}
    known, unseen, attacks = ([role for role in roles if role.kind not in named] for roles in table_roles())
    return known, unseen, attacks


def text_roles() -> Roles:
    """Roles of the assistant."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in texts.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in texts.UNSEEN.items()]
    return known, unseen, _by_family(texts.ATTACKS)


def roles_of(world: Deployed) -> Roles:
    """The roles that fit a service."""
    if isinstance(world, Assistant):
        return text_roles()
    return image_roles() if world.side else vector_roles() if world.vector else table_roles()
