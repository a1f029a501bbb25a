"""Snapshots in a real object store: what is kept, who is locked out, and a second host that takes over."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest as hmac
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import orjson
import pytest
from installed import KEY, metadata, run
from probing import records, write
from services.launch import Server

from monitor.config.runtime import BucketSettings, RuntimeSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.keys import load_keys
from monitor.record.raw import Partition
from monitor.runtime.bucket import BucketShelf, SnapshotBucket
from monitor.runtime.checks import check
from monitor.runtime.forgetting import search
from monitor.runtime.snapshots import FencedError, Snapshot

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

HERE = Partition("queries", 3)
USER, PASSWORD = "probewatch", "not-a-secret-at-all"


@pytest.fixture
def bucket(objects: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BucketSettings:
    """A bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    make_bucket(objects.address, name)
    monkeypatch.setenv("STORE_USER", USER)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return settings(objects.address, name, tmp_path)


def settings(address: str, name: str, folder: Path, **more: object) -> BucketSettings:
    keys = {"access_key": {"env": "STORE_USER"}, "secret_key": {"file": folder / "password"}}
    return BucketSettings.model_validate({"name": name, "endpoint": address, "timeout_s": 10.0, **keys, **more})


def make_bucket(address: str, name: str) -> None:
    """One request, signed by hand: the library makes no buckets."""
    now, host = datetime.now(UTC), address.removeprefix("http://")
    stamp, day, empty = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), sha256().hexdigest()
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    signed = ";".join(headers)
    asked = "\n".join(["PUT", f"/{name}", "", *(f"{key}:{value}" for key, value in headers.items()), "", signed, empty])
    scope = f"{day}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, sha256(asked.encode()).hexdigest()])
    key = f"AWS4{PASSWORD}".encode()
    for part in scope.split("/"):
        key = hmac(key, part.encode(), "sha256")
    proof = hmac(key, text.encode(), "sha256").hex()
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={USER}/{scope}, SignedHeaders={signed}, Signature={proof}"
    urlopen(Request(f"{address}/{name}", method="PUT", headers=headers), timeout=10).close()


def snapshot(offset: int, partial: bool = False, partition: Partition = HERE) -> Snapshot:
    return Snapshot(partition, offset, "c0ffee", "1", {"counts": np.arange(offset)}, [{"a": 1}], partial)


def offsets(store: SnapshotBucket) -> list[int | str]:
    return [kept.next_offset if isinstance(kept, Snapshot) else kept.reason for kept in store.load(HERE, "1")]


def test_whole_and_partial_ones_come_back_and_old_ones_go(bucket: BucketSettings) -> None:
    store = SnapshotBucket(bucket)
    for offset in range(10_000, 10_005):
        store.save(snapshot(offset, store.follows(HERE)))
        store.save(snapshot(offset, partition=Partition("queries-3", 3)))
    kept = next(SnapshotBucket(bucket).load(HERE, "1"))
    assert isinstance(kept, Snapshot)
    assert kept.next_offset == 10_004
    assert kept.place.startswith(f"s3://{bucket.name}/probewatch/queries-3.000001-")
    whole = (kept.arrays, *kept.changes)
    assert whole[-1]["counts"].tobytes() == np.arange(10_004).tobytes()
    [first, second] = SnapshotBucket(bucket).latest()
    assert {first[2]["next_offset"], second[2]["next_offset"]} == {10_004}
    assert abs(first[1] - datetime.now(UTC).timestamp()) < 300
    assert sum(name.startswith("queries-3-3.") for name in BucketShelf(bucket).names("")) == 3


def test_check_says_whether_the_bucket_can_be_read(bucket: BucketSettings) -> None:
    SnapshotBucket(bucket).save(snapshot(1))
    runtime = RuntimeSettings(bucket=bucket)
    looked = {one.name: one for one in check(Settings(runtime=runtime), connect=True)}
    assert looked["snapshots"].text == f"bucket {bucket.name}, snapshots of 1 partitions"
    gone = RuntimeSettings(bucket=bucket.model_copy(update={"name": "no-such-bucket-here"}))
    looked = {one.name: one for one in check(Settings(runtime=gone), connect=True)}
    assert (looked["snapshots"].verdict, "the bucket cannot be read" in looked["snapshots"].text) == ("bad", True)
    quiet = {one.name: one for one in check(Settings(runtime=gone), connect=False)}
    assert quiet["snapshots"].text == "bucket no-such-bucket-here, not connected"


def test_large_objects(bucket: BucketSettings) -> None:
    store = SnapshotBucket(bucket)
    store.save(snapshot(12_000_000))
    kept = next(store.load(HERE, "1"))
    assert isinstance(kept, Snapshot)
    assert kept.arrays["counts"].nbytes == 96_000_000
    assert kept.arrays["counts"].tobytes() == np.arange(12_000_000).tobytes()


def test_a_changed_object_is_refused_and_the_one_before_is_used(bucket: BucketSettings) -> None:
    store, shelf = SnapshotBucket(bucket), BucketShelf(bucket)
    store.save(snapshot(5))
    store.save(snapshot(6))
    newest = max(name for name in shelf.names("queries-3."))
    content = bytearray(shelf.read(newest))
    content[-60] ^= 4
    shelf.remove(newest)
    shelf.put(newest, [memoryview(content)])
    assert offsets(store) == ["torn or changed: the checksum of an array is wrong", 5]


def test_a_name_that_is_taken_is_never_written_again(bucket: BucketSettings) -> None:
    shelf = BucketShelf(bucket)
    shelf.put("one", [memoryview(b"first")])
    with pytest.raises(FileExistsError):
        shelf.put("one", [memoryview(b"second")])
    assert shelf.read("one") == b"first"
    assert shelf.read("one", 2) == b"fi"
    BucketShelf(bucket.model_copy(update={"conditions": False})).put("one", [memoryview(b"third")])
    assert shelf.read("one") == b"third"
    shelf.remove("one")
    with pytest.raises(FileNotFoundError):
        shelf.read("one")


def test_whoever_takes_a_partition_locks_its_former_owner_out(bucket: BucketSettings) -> None:
    one, two = SnapshotBucket(bucket), SnapshotBucket(bucket)
    one.save(snapshot(1))
    two.take(HERE)
    with pytest.raises(FencedError, match="another process has taken the partition"):
        one.save(snapshot(2))
    two.save(snapshot(3))
    assert offsets(one) == [3, 1]


def test_what_goes_wrong_is_told_without_keys_and_addresses(
    bucket: BucketSettings, objects: Server, tmp_path: Path
) -> None:
    elsewhere = SnapshotBucket(bucket.model_copy(update={"name": "no-such-bucket-here"}))
    (tmp_path / "wrong").write_text("wrong")
    locked = SnapshotBucket(settings(objects.address, bucket.name, tmp_path, secret_key={"file": tmp_path / "wrong"}))
    nobody = SnapshotBucket(settings("http://127.0.0.1:9", bucket.name, tmp_path, timeout_s=1.0))
    for store in (elsewhere, locked, nobody):
        with pytest.raises(OSError, match="object") as caught:
            store.save(snapshot(1))
        said = str(caught.value)
        assert not any(word in said for word in (USER, PASSWORD, "127.0.0.1", bucket.name))
    with pytest.raises(Trouble, match="certificates cannot be read"):
        SnapshotBucket(settings(objects.address, bucket.name, tmp_path, ca_file=tmp_path / "nothing.pem"))


def test_a_store_that_is_down_for_a_while(
    start_objects: Callable[..., Server], bucket: BucketSettings, tmp_path: Path
) -> None:
    from services.launch import launch

    server = start_objects()
    make_bucket(server.address, "mine")
    store = SnapshotBucket(settings(server.address, "mine", tmp_path, timeout_s=2.0))
    store.save(snapshot(100))
    server.stop()
    with pytest.raises(OSError, match="object store"):
        store.save(snapshot(101, store.follows(HERE)))
    assert not store.follows(HERE)
    assert server.data is not None
    again = launch("objects", server.data)
    try:
        assert again.ready().address == server.address
        store.save(snapshot(102))
        assert offsets(store) == [102, 100]
    finally:
        again.stop()


def test_a_second_host_takes_over_without_a_common_disk(bucket: BucketSettings, tmp_path: Path) -> None:
    """Two processes with folders of their own; what both have found together is what one finds that is left alone."""
    from test_loop import Process, some_log

    quiet = Process(tmp_path / "quiet", some_log())
    quiet.finish()
    log = some_log()
    one = Process(tmp_path / "one", log, every=10, elsewhere=SnapshotBucket(bucket))
    two = Process(tmp_path / "two", log, size=7, every=10, elsewhere=SnapshotBucket(bucket))
    one.step(7)  # and then it is gone
    two.finish()
    assert two.value("partitions_taken_total", how="snapshot") == 2
    assert sorted({*one.alerts(), *two.alerts()}) == quiet.alerts()
    assert not set(quiet.alerts()) <= set(two.alerts())


def test_an_erasure_reaches_the_bucket_and_letters_under_seal(bucket: BucketSettings, tmp_path: Path) -> None:
    """A client who is erased: its state lies in the bucket, a record of it that could not be read in the outbox."""
    package, names = metadata(tmp_path / "package"), load_keys(None, {"PROBEWATCH_KEY": KEY}).names
    [log] = write(tmp_path, 3_000, partitions=1)
    name = next(who for who, _ in records(1))
    broken = orjson.dumps({"client": name, "model": "m", "time": "never", "input": {"text": "a"}})
    log.write_bytes(log.read_bytes() + broken + b"\n" + broken.replace(name.encode(), b"somebody-else") + b"\n")
    (tmp_path / "letters").write_text("5e" * 32)
    config = tmp_path / "probewatch.toml"
    config.write_text(
        f'[source.files]\npaths = ["{log}"]\n[health]\nport = 0\n'
        f'[outbox]\nletters_key = {{ file = "{tmp_path}/letters" }}\n[runtime]\nstate = "{tmp_path}/state"\n'
        f'[runtime.bucket]\nname = "{bucket.name}"\nendpoint = "{bucket.endpoint}"\n'
        f'access_key = {{ env = "STORE_USER" }}\nsecret_key = {{ file = "{tmp_path}/password" }}\n'
    )
    ran = run(package, "run", "--config", config, STORE_USER=USER)
    assert ran.returncode == 0, ran.stderr
    shelf = BucketShelf(bucket)

    def kept() -> list[tuple[str, bytes]]:
        return [(one, shelf.read(one)) for one in shelf.names("") if one.endswith(".snapshot")]

    assert search(kept(), [names.client(name)])[2] != ()
    done = run(package, "forget", "--config", config, "--json", name, STORE_USER=USER)
    assert done.returncode == 0, done.stderr
    report = orjson.loads(done.stdout)
    assert (report["letters"], report["left"], report["sealed"]) == (1, [], 0)
    files, _, left = search(kept(), [names.client(name)])
    assert files > 0
    assert left == ()
    letters = run(package, "dead-letters", "list", "--config", config, "--json", STORE_USER=USER)
    assert letters.stdout.count("bad-time") == 1
