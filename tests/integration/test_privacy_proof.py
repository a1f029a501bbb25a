"""A full day through the daemon, Kafka and Elasticsearch, every field, name, header, address and secret a canary: none
of them is anywhere but in the log that it came from.

Searched are state, snapshots, outbox, logs, metrics, alerts, dead letters, a crash dump, the command line of the
process and HTTP answers; for each canary as it is, in base64, in hexadecimal digits, and hashed without a key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import signal
import uuid
from contextlib import ExitStack
from pathlib import Path

import canaries
import pytest
from installed import DETECTORS, metadata, run
from loopback import Answer, loopback
from services.launch import Server
from watched import Watched

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SOME = DETECTORS | {
    name: f"detectors.{name}:{name.title()}" for name in ("access", "attribute", "leakage", "probes", "membership")
}
KEY, API_KEY, HOOK, PATH, LETTERS = (secrets.token_bytes(32) for _ in range(5))


def settings(folder: Path, hook: str) -> str:
    """Sinks with secrets of their own, and dead letters that keep their bytes."""
    files = {
        "key": base64.b64encode(KEY).decode(),
        "api": base64.b64encode(API_KEY).decode(),
        "hook": f"whsec_{base64.b64encode(HOOK).decode()}",
        "url": f"{hook}/{PATH.hex()}",
        "letters": base64.b64encode(LETTERS).decode(),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    return f"""
[keys]
epoch = "7"
secret = {{file = "{folder}/key"}}
[outbox]
letters_key = {{file = "{folder}/letters"}}
[log]
level = "debug"
[sinks.hook]
type = "webhook"
url = {{file = "{folder}/url"}}
secrets = [{{file = "{folder}/hook"}}]
networks = ["127.0.0.0/8"]
[sinks.file]
type = "file"
path = "{folder}/state/alerts.ndjson"
"""


@pytest.fixture(scope="module")
def left(
    tmp_path_factory: pytest.TempPathFactory, kafka: Server, elasticsearch: Server
) -> tuple[dict[str, bytes], Watched]:
    """All that the daemon leaves behind, by name."""
    folder = tmp_path_factory.mktemp("proof")
    (folder / "state").mkdir()
    package = metadata(folder / f"package-{uuid.uuid4().hex}", SOME)
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("PYTHONFAULTHANDLER", "1")  # so that a crash leaves a dump
        server = stack.enter_context(loopback(lambda call: Answer(200)))
        stage = Watched(
            folder,
            package,
            kafka.address,
            elasticsearch.address,
            partitions=1,
            more=settings(folder, server.url),
            key=f'api_key = {{file = "{folder}/api"}}',
        )
        stage.produce((one.value, one.key, one.headers) for one in canaries.day())
        daemon = stage.start()
        stage.wait(daemon, stage.read_everything)
        stage.wait(daemon, lambda one: one.metric("probewatch_outbox_alerts") == 0)
        found = {
            f"answer of {path}": daemon.page(path)[1].encode() for path in ("/metrics", "/status", "/healthz", "/x")
        }
        process = Path(f"/proc/{daemon.process.pid}")
        found["command line"] = (process / "cmdline").read_bytes() + (process / "comm").read_bytes()
        stage.wait(daemon, lambda _: any((folder / "state/snapshots").glob("*.snapshot")))
        daemon.process.send_signal(signal.SIGABRT)
        daemon.process.wait(60)
        again = stage.start()
        stage.finish(again)
        found |= {f"posted {at}": call.body for at, call in enumerate(server.calls)}
    found["documents"] = json.dumps(stage.documents()).encode()
    for arguments in (("alerts", "list"), ("dead-letters", "list"), ("config", "show"), ("status",), ("check",)):
        done = run(package, *arguments, "--config", stage.config, "--json")
        found[" ".join(arguments)] = (done.stdout + done.stderr).encode()
    for number in (1, 2):
        found[f"log {number}"] = (folder / f"log{number}").read_bytes()
    for file in (folder / "state").rglob("*"):
        if file.is_file():
            found[str(file.relative_to(folder))] = file.read_bytes()
    return found, stage


def known() -> dict[bytes, str]:
    """Everything that is searched for."""
    return canaries.needles([KEY, API_KEY, HOOK, PATH, LETTERS])


def test_no_canary_is_anywhere(left: tuple[dict[str, bytes], Watched]) -> None:
    places, needles = left[0], known()
    assert {name: found for name, content in places.items() if (found := canaries.seen(content, needles))} == {}


def test_there_was_a_day_with_findings_rejections_snapshots_letters_and_a_crash(
    left: tuple[dict[str, bytes], Watched],
) -> None:
    places, _ = left
    families = {json.loads(line)["family"] for line in places["state/alerts.ndjson"].splitlines()}
    assert {"property-inference", "access"} <= families
    assert len(json.loads(places["documents"])) == len(places["state/alerts.ndjson"].splitlines())
    assert any(name.startswith("posted ") for name in places)
    assert sum(len(content) for name, content in places.items() if name.endswith(".snapshot")) > 100_000
    letters = [json.loads(line) for line in places["dead-letters list"].splitlines()]
    assert {letter["reason"] for letter in letters} == {"not-json", "wrong-type", "bad-time"}
    assert all(letter["kept"] for letter in letters), "their bytes are there, encrypted"
    assert b"Fatal Python error: Aborted" in places["log 1"] or b"Current thread" in places["log 1"]
    assert b"probewatch_records_rejected_total{reason=" in places["answer of /metrics"]


def test_the_operator_can_open_what_was_kept(left: tuple[dict[str, bytes], Watched]) -> None:
    places, stage = left
    letter = next(
        one for one in map(json.loads, places["dead-letters list"].splitlines()) if one["reason"] == "not-json"
    )
    done = run(stage.package, "dead-letters", "show", str(letter["number"]), "--config", stage.config)
    assert canaries.BROKEN in done.stdout
    assert '"dead-letter"' in (stage.folder / "state" / "audit.log").read_text(), "who looks is written down"


@pytest.mark.parametrize("secret", [*canaries.NAMES, KEY, PATH], ids=[*canaries.NAMES, "key", "path"])
def test_the_search_finds_what_is_planted(secret: str | bytes) -> None:
    """In every form, in the middle of other bytes, and at any place of a base64 text."""
    needles, raw = known(), secret.encode() if isinstance(secret, str) else secret
    planted = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    planted += [base64.b64encode(b"x" * shift + raw + b"tail") for shift in range(3)]
    planted += [base64.urlsafe_b64encode(raw + b"tail")]
    for name in canaries.HASHES:
        digest = hashlib.new(name, raw)
        planted += [
            digest.digest(),
            digest.hexdigest().encode(),
            base64.b64encode(digest.digest()),
            digest.digest()[:16],
        ]
    for one in planted:
        assert canaries.seen(b"\0\1some state" + one + b"more of it", needles), one


def test_the_search_finds_numbers_of_inputs_as_they_lie_in_arrays() -> None:
    import numpy as np

    values = np.array(canaries.NUMBERS)
    for content in (
        values.tobytes(),
        values.astype(np.float32).tobytes().hex().encode(),
        repr(values.tolist()).encode(),
    ):
        assert len(canaries.seen(content, known())) == len(canaries.NUMBERS)


def test_the_log_itself_holds_every_canary() -> None:
    """The same search over what was produced finds all that was put in: no canary is one in name only."""
    whole = b"".join(
        one.value + one.key + b"".join(name.encode() + value for name, value in one.headers) for one in canaries.day()
    )
    assert set(canaries.NAMES) <= set(canaries.seen(whole, known()))
