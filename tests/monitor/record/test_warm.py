"""After the warm-up no kernel of the edge is left to compile."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from numba.core.dispatcher import Dispatcher
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.warm import warm_up

warm_up(Decoder(Keys.derive(bytes(32), "1")))
edges = [module for name, module in sys.modules.items() if name.startswith(("monitor.record", "detectors.sketch"))]
kernels = {value for module in edges for value in vars(module).values() if isinstance(value, Dispatcher)}
print(len(kernels), *[kernel.__name__ for kernel in kernels if not kernel.stats.cache_hits and not kernel.signatures])
"""

INNER = """begin turn absorb finish end absorb_bytes hash_pair hash_part letter _bin _bounded _closing _distinct
    _minhash _decimals look_up wishes holds repetition _record _blank _string _key _value _word _list _number
    _exponent _digits _second _fraction _zone"""


def test_every_kernel_is_compiled() -> None:
    """Those that only other kernels call are compiled with them."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    count, *left = done.stdout.split()
    assert int(count) > 15
    assert set(left) <= set(INNER.split())
