"""Training arrays in npz files: one input for each element of the first dimension.

Numbers of 8 bits without a sign stand for images: a service may log them as they are, or over 255, so that they are
taken both ways. Everything else is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import DENSE
from monitor.config.trouble import Trouble
from monitor.record.gathering import IMAGES, TENSORS, Gathering, Input
from monitor.record.limits import Limits
from monitor.sources.protocol import Progress

_AT_ONCE: Final = 1 << 22  # elements that are sketched at once


def array_inputs(
    path: Path, name: str | None, limits: Limits, report: Callable[[Progress], None]
) -> Iterator[tuple[Gathering, list[Input]]]:
    """The inputs of the array of that name (None: of the only one), some at a time; Trouble where it cannot be used."""
    values = _array(path, name, limits)
    shape, size = values.shape[1:], prod(values.shape[1:])
    step = max(1, _AT_ONCE // size)
    for start in range(0, len(values), step):
        part = values[start : start + step]
        gathering = Gathering()
        with np.errstate(over="ignore"):  # the sketch bounds them
            stores = [(TENSORS, gathering.add_tensor(np.ascontiguousarray(part, np.float32)))]
        if part.dtype == np.uint8:
            stores.append((IMAGES, gathering.add_image(part.tobytes())))
        yield (
            gathering,
            [(DENSE, shape, store, at, len(part)) for store, at in stores],
        )
        report(Progress(min(start + step, len(values)), len(values), "records"))


def _array(path: Path, name: str | None, limits: Limits) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file.files)
            chosen = names[0] if name is None and len(names) == 1 else name
            if chosen not in names:
                what = f"there is no array {name}" if name is not None else f"there are {len(names)} arrays"
                raise _trouble(path, what, f"say --array NAME; the names are {', '.join(names) or 'none'}")
            return _checked(path, file[chosen], limits)
    except OSError as problem:
        what = f"the training data cannot be read: {problem.strerror or 'it is no npz file'}"
        raise _trouble(path, what, "give an npz file that is there and that you may read") from None
    except (ValueError, EOFError, BadZipFile):
        raise _trouble(
            path, "it is no npz file of plain arrays", "write it with numpy.savez, without objects"
        ) from None


def _checked(path: Path, values: NDArray[Any], limits: Limits) -> NDArray[Any]:
    if values.dtype.kind not in "buif" or values.ndim < 2:
        what = f"the array is of {values.dtype} in {values.ndim} dimensions"
        raise _trouble(path, what, "give numbers, the first dimension counting the records")
    if not 0 < prod(values.shape[1:]) <= limits.elements:
        raise _trouble(
            path, "the records are empty or too large", "give at least one element, or raise records.elements"
        )
    if not np.isfinite(values).all():
        raise _trouble(path, "a number is NaN or infinite", "leave those records out: the service refuses them, too")
    return values


def _trouble(path: Path, what: str, mend: str) -> Trouble:
    return Trouble(what=what, where=str(path), mend=mend)
