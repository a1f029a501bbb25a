"""A dump and the changes since, put together without touching the large arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from detectors.features.windows import THEN

Arrays = Mapping[str, NDArray[Any]]

SINCE: Final = "since"  # the array that windows have when they tell changes only


def joined(base: Arrays, changes: Iterable[Arrays]) -> dict[str, NDArray[Any]]:
    """What `restore` needs: the arrays of the dump, replaced by later ones; changes of windows stand behind them.

    >>> base = {"head": 1, "view0/a": 1, "view0/windows/names": 1, "view1/a": 1}
    >>> joined(base, [{"head": 2, "view0/b": 2, "view0/windows/since": 2, "view0/windows/names": 2}])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'view0/windows/names': 1, 'view1/a': 1, 'head': 2, 'view0/b': 2,
     'view0/windows/then/since': 2, 'view0/windows/then/names': 2}
    """
    whole = dict(base)
    depths: dict[str, int] = {}
    for change in changes:
        windows = {name.removesuffix(SINCE) for name in change if name.endswith(f"/{SINCE}")}
        told = {name.partition("/")[0] for name in change}
        whole = {
            name: array
            for name, array in whole.items()
            if name.partition("/")[0] not in told or any(name.startswith(one) for one in windows)
        }
        depths = {one: depths.get(one, 0) + 1 for one in windows} | {
            one: depth for one, depth in depths.items() if one not in windows and one.partition("/")[0] not in told
        }
        for name, array in change.items():
            own = next((one for one in windows if name.startswith(one)), "")
            whole[own + THEN * depths.get(own, 0) + name.removeprefix(own)] = array
    return whole
