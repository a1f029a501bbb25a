"""Compressed record batches come out as they went in, and never larger than allowed."""

from __future__ import annotations

import sys

import kafka.codec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.trouble import Trouble
from monitor.sources.client import LIBRARIES, check_libraries
from monitor.sources.codecs import UnreadableError, inflate

ENCODERS = {
    0: bytes,
    1: kafka.codec.gzip_encode,
    2: kafka.codec.snappy_encode,
    3: kafka.codec.lz4_encode,
    4: kafka.codec.zstd_encode,
}
codecs = pytest.mark.parametrize("codec", ENCODERS)


@codecs
@given(st.binary(max_size=2_000) | st.binary(max_size=50).map(lambda part: part * 3_000))
def test_what_went_in_comes_out(codec: int, plain: bytes) -> None:
    assert inflate(codec, memoryview(ENCODERS[codec](plain)), 150_000) == plain


@codecs
def test_a_small_batch_that_stands_for_a_lot_of_memory_is_refused(codec: int) -> None:
    bomb = ENCODERS[codec](bytes(50_000_000))
    with pytest.raises(UnreadableError, match="batch-too-large"):
        inflate(codec, memoryview(bomb), 1_000_000)
    assert len(inflate(codec, memoryview(bomb), 50_000_000)) == 50_000_000


def test_snappy_without_the_frame_of_java_is_read_too() -> None:
    plain = bytes(range(256)) * 100
    bare = kafka.codec.snappy_encode(plain, xerial_compatible=False)
    assert inflate(2, memoryview(bare), 1 << 20) == plain
    with pytest.raises(UnreadableError, match="batch-too-large"):
        inflate(2, memoryview(bare), 1_000)


@codecs
@given(st.binary(min_size=1, max_size=200))
def test_noise_is_refused_or_read_within_the_ceiling(codec: int, noise: bytes) -> None:
    try:
        assert len(inflate(codec, memoryview(noise), 1_000)) <= 1_000
    except UnreadableError:
        return


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_that_nobody_knows(codec: int) -> None:
    with pytest.raises(UnreadableError, match="unknown-codec"):
        inflate(codec, memoryview(b"data"), 1_000)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_missing_is_said_at_once(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_libraries()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Trouble, match=f"the library {library} is missing") as trouble:
        check_libraries()
    assert "pip install 'kafka-python[" in trouble.value.mend
