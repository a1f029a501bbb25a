"""A baseline that comes out of a snapshot has the type of one that was fitted: kernels are compiled for one only."""

from __future__ import annotations

from numba import typeof

from detectors.scoring import baselines


def test_a_restored_baseline_needs_no_other_kernel() -> None:
    fresh = baselines.unknown(8)
    arrays = {name: array.copy() for name, array in baselines.dump(fresh).items()}
    for array in arrays.values():
        array.setflags(write=False)
    assert typeof(baselines.load(arrays)) == typeof(fresh)
