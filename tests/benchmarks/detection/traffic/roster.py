"""Which roles there are: honest kinds the learning days show, honest kinds they do not, attack kinds by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from traffic import (
    backdoor,
    evasion,
    extraction,
    honest_images,
    honest_tables,
    inversion,
    membership,
    oars,
    tables,
    texts,
)
from traffic.assistant import Assistant
from traffic.cast import NEWCOMER, Deployed, Role
from traffic.honest_images_unseen import UNSEEN

#: By content nobody can tell these from use.
LIMITS = frozenset({"knockoff", "row-knockoff", "foreign-corpus", "adaptive-foreign", "score-only", "few-views"})
#: Callers among whose inputs are some that everybody sends, and those who begin with the samples of an SDK.
CROWD = frozenset({
    "user", "nat-user", "many-users", "newcomer", "integrator-tenant", "hesitant-user", "broker", "typing-user",
})  # fmt: skip
PLAIN = frozenset({"poller", "row-poller", "doubtful-poller", "smoke-test"})  # programs that send nothing else

Roles = tuple[list[Role], list[Role], list[Role]]


def _honest(kinds: Mapping[str, tuple[Any, str]]) -> list[Role]:
    """Roles of honest callers of pictures or tables that the learning days show, and of newcomers."""
    roles = []
    for kind, (what, tempo) in kinds.items():
        samples = 0.0 if kind in PLAIN else 0.7 if kind == NEWCOMER else 0.25
        few = (4, 25) if kind == NEWCOMER else (0, 0)
        popular = 0.05 if kind in CROWD else 0.0
        roles.append(Role(kind, what, tempo, popular=popular, samples=samples, most=few))
    return roles


def image_roles() -> Roles:
    """Roles of a picture service: honest and known, honest and unseen, attacks."""
    known = _honest(honest_images.KNOWN)
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in UNSEEN.items()]
    attacks = []
    searches = (("evasion", evasion), ("evasion", oars), ("inversion", inversion))
    for family, module in (*searches, ("membership-inference", membership)):
        for kind, what in module.ATTACKS.items():
            suffice = kind in module.LABELS_SUFFICE
            limit = kind in LIMITS
            attacks.append(Role(kind, what, "machine", family, unseen=True, labels_suffice=suffice, limit=limit))
    attacks += _by_family({"extraction": extraction.ATTACKS})
    attacks += _by_family({"property-inference": extraction.PROBES, "backdoor-probing": backdoor.ATTACKS})
    return known, unseen, attacks


def _by_family(kinds: Mapping[str, Mapping[str, Any]], suffice: frozenset[str] = frozenset()) -> list[Role]:
    return [
        Role(kind, what, "machine", family, unseen=True, labels_suffice=kind in suffice, limit=kind in LIMITS)
        for family, attacks in kinds.items()
        for kind, what in attacks.items()
    ]


def table_roles(sensitive: Sequence[str] = ("race", "hispanic")) -> Roles:
    """Roles of a table service with these sensitive columns: honest and known, honest and unseen, attacks."""
    known = _honest(honest_tables.KNOWN)
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in honest_tables.UNSEEN.items()]
    swept = tables.sweeps(sensitive)
    bare = tables.LABELS_SUFFICE | {kind for kind in swept if kind.startswith("lomia")}
    kinds = {"attribute-inference": swept, **tables.ATTACKS, "backdoor-probing": backdoor.TABLE_ATTACKS}
    attacks = _by_family(kinds, bare)
    attacks += _by_family({"membership-inference": {"score-only": membership.score_only}})
    return known, unseen, attacks


def vector_roles() -> Roles:
    """Roles of a service of number vectors: those of a table that need no named column."""
    named = {"branch", "segment", "fairness-audit"}
    known, unseen, attacks = ([role for role in roles if role.kind not in named] for roles in table_roles(()))
    return known, unseen, attacks


def text_roles() -> Roles:
    """Roles of the assistant."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in texts.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in texts.UNSEEN.items()]
    network = Role("proxy-network", texts.distillation, "machine", "llm-leakage", unseen=True, variant="group-of-20")
    return known, unseen, [*_by_family(texts.ATTACKS), replace(network, dilution=0.5, members=20)]


def roles_of(world: Deployed) -> Roles:
    """The roles that fit a service."""
    if isinstance(world, Assistant):
        return text_roles()
    return image_roles() if world.side else vector_roles() if world.vector else table_roles(world.sensitive)
