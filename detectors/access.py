"""Access with keys that are not the caller's: somebody tries keys until one opens.

Refusals (401, 403) come in a share that honest clients never reach; a client whose key expired stops, a retry storm
sees 5xx. Seen per client and per address, so that a spray over many keys from one place is one finding.

Source: the share of refusals, not their number, is compared (ATLAS AML.T0040; OWASP API Security 2023, API2).

Honest look-alikes: a NAT shows one address and many keys, but few refusals. Fails where every key comes from another
address, and where the gateway does not log refused requests.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT


class Access(NamedTests):
    """Refused requests in a share that honest callers do not reach."""

    name = "access"
    family = "access"
    kinds = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    expressions: ClassVar = {
        "refused": all_of(gate("refused", honest=0.15, attack=0.35)),
    }
