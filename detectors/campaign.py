"""Campaigns: several clients that act as one, so that each alone stays below everything.

Whoever fears to be noticed deals the queries of one attack out to many accounts (Sybils: Douceur, IPTPS 2002; against
stateful detectors: Chen, Carlini and Wagner 2019). The accounts' queries stay parts of one piece of work: near each
other, sweeps of the same record, the same patch, the same order; or they share nothing but the times at which they come
(detectors/features/rhythm.py). The engine ties clients by what is rare among the model's honest clients, and asks every
detector about the group as about one client. This one speaks of the coordination itself: most of what the accounts send
belongs to what the others send, or much of it does and they take strict turns (the gap test,
detectors/features/turns.py), or they come together and a good part of them is named alone.

Honest look-alikes: tenants with popular inputs or the samples of one SDK (common, hence no link), NAT and retry storms
(the same time, nothing shared), tenants of one integrator (called in turn, and a third of it linked), replicas of one
service (together, and not named), smoke tests of several deployments (the same inputs, which repeat). Fails where the
accounts share neither inputs nor times.

>>> from detectors.checks import one_block
>>> dealt = one_block(1, members=5, shared_links=60, shared_share=0.7, shared_rare=0.0, rotation=0.9)
>>> tenants = one_block(1, members=9, shared_links=9, shared_share=0.09, shared_rare=0.0, rotation=0.1)
>>> [round(float(Campaign().score(block).max()), 2) for block in (dealt, tenants)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT


class Campaign(NamedTests):
    """Clients whose queries are parts of one piece of work."""

    name = "campaign"
    family = "campaign"
    kinds = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    expressions: ClassVar = {
        "shared": all_of(
            gate("members", honest=2, attack=4),
            gate("shared_links", honest=24, attack=56),
            gate("shared_rare", honest=0.20, attack=0.50),
        ),
        "turns": all_of(
            gate("members", honest=2, attack=5),
            gate("shared_links", honest=24, attack=56),
            gate("shared_share", honest=0.34, attack=0.56),  # tenants of an integrator are called in turn, too
            gate("rotation", honest=0.35, attack=0.65),
        ),
        "together": all_of(
            gate("members", honest=2, attack=5),
            gate("shared_times", honest=0.30, attack=0.80),
            gate("shared_names", honest=0.10, attack=0.40),
        ),
    }
