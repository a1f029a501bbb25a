"""Access with keys that are not the caller's: somebody tries keys, or models, until one opens.

Refusals (401, 403) of many different keys come from one address, or one key is refused at model after model. What is
counted are different keys and models within an hour, so that a single expired key that goes on calling is no finding.

Source: the variety of refusals, not their number, is compared (OWASP API Security 2023, API2; ATLAS AML.T0040).

Honest look-alikes: a NAT shows one address and many keys, few of them refused; a retry storm sees 5xx. Fails where
every key comes from another address, and where the gateway does not log refused requests.

>>> from detectors.checks import one_block
>>> spray = one_block(0, refused_keys=40, refused_models=1)
>>> expired_key = one_block(0, refused_keys=1, refused_models=1)
>>> [round(float(Access().score(block).max()), 2) for block in (spray, expired_key)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import OPAQUE


class Access(NamedTests):
    """Many keys refused at one address, or one key refused at many models, within an hour."""

    name = "access"
    family = "access"
    kinds = frozenset({OPAQUE})
    expressions: ClassVar = {
        "keys": gate("refused_keys", honest=2, attack=8),
        "models": gate("refused_models", honest=1, attack=6),
    }
