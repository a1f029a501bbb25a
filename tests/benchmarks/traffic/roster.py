"""Which roles there are: honest kinds the learning days show, honest kinds they do not, attack kinds by family."""

from __future__ import annotations

from traffic import evasion, extraction, honest_images, honest_tables, inversion, membership, tables
from traffic.cast import Role
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


def table_roles() -> Roles:
    """Roles of a table service: honest and known, honest and unseen, attacks."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in honest_tables.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in honest_tables.UNSEEN.items()]
    attacks = [
        Role(kind, what, "machine", family, unseen=True, labels_suffice=kind in tables.LABELS_SUFFICE)
        for family, kinds in tables.ATTACKS.items()
        for kind, what in kinds.items()
    ]
    attacks.append(Role("score-only", membership.score_only, "machine", "membership-inference", unseen=True))
    return known, unseen, attacks
