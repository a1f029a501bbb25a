from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from edge_records import DECODER, batch, dumps, record

from monitor.record.decode import Decoded


@pytest.fixture(scope="session")
def decode() -> Callable[..., Decoded]:
    def run(*records: Any, **context: Any) -> Decoded:
        payloads = [one if isinstance(one, bytes) else dumps(one) for one in records]
        return DECODER.decode(batch(payloads, **context))

    return run


@pytest.fixture(scope="session")
def reject(decode: Callable[..., Decoded]) -> Callable[..., str]:
    """The reason for which one record is rejected; its neighbours have to be decoded."""

    def run(one: Any, **context: Any) -> str:
        decoded = decode(record(), one, record(), **context)
        assert [int(offset) for offset in decoded.queries.offset] == [0, 2], decoded.rejected
        return decoded.rejected[0].reason

    return run
