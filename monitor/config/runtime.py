"""Settings of the daemon itself: where it keeps what it knows, how often, its health page and its log."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.config.secret import Secret
from monitor.config.transport import Address


class BucketSettings(BaseModel):
    """A bucket of an object store that speaks the S3 protocol (extra `s3`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """Name of the bucket. It has to be there."""

    prefix: str = Field(default="probewatch/", pattern=r"^([A-Za-z0-9._-]+/)*$")
    """What every name in the bucket begins with; two groups need two of them."""

    endpoint: Address | None = None
    """Address of the store, where it is not Amazon's."""

    region: str = "us-east-1"
    """The region of the bucket, which is part of every signature."""

    access_key: Secret | None = None
    """Where the access key is kept. Without both keys they are looked for in the environment (`AWS_ACCESS_KEY_ID`), and
    then in the role of the host or container."""

    secret_key: Secret | None = None
    """Where the secret key is kept."""

    ca_file: Path | None = None
    """Certificates of an authority to trust (PEM), beside those that the library brings."""

    conditions: bool = True
    """Whether the store knows `If-None-Match: *`, as Amazon's, MinIO and most others do. Without it two owners of one
    partition are told apart by the order of their terms alone."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds to wait for an answer."""

    @model_validator(mode="after")
    def _both_keys(self) -> BucketSettings:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("give both access_key and secret_key, or neither")
        return self


class RuntimeSettings(BaseModel):
    """Where the daemon keeps what it knows, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _one_place(self) -> RuntimeSettings:
        if self.snapshots is not None and self.bucket is not None:
            raise ValueError("give one of snapshots and bucket")
        return self

    state: Path = Path("/var/lib/probewatch")
    """Folder for the outbox, the snapshots and the audit log of one process. It has to outlive the process."""

    snapshots: Path | None = None
    """Folder for snapshots, where they do not lie in `state`: one that the processes of a group share, so that a
    partition takes its state along when it moves."""

    bucket: BucketSettings | None = None
    """A bucket for snapshots, in place of a folder: partitions take their state along from host to host without a
    common disk."""

    generations: int = Field(default=3, ge=1, le=100)
    """Snapshots of each partition that are kept, beside those that they build on and one that shares nothing with
    them."""

    rebuild_records: int = Field(default=1_000_000, ge=0)
    """Records of a partition that are read again, at most, where no snapshot of it can be used: what they teach is
    learnt again, and what they made found is not told twice. 0 begins from nothing."""

    learnt: Path | None = None
    """What `probewatch learn` has written: models of which a partition knows nothing begin with it. A snapshot of the
    partition goes before it. The file has to be made with the same key."""

    snapshot_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """Seconds between two snapshots of a partition that had new records; offsets are committed with the snapshot."""

    snapshot_records: int = Field(default=1_000_000, ge=1)
    """Records of one partition after which a snapshot is taken, however little time has passed."""

    poll_seconds: float = Field(default=0.5, gt=0, le=30)
    """Seconds that one poll waits for records when there are none."""

    hang_seconds: float = Field(default=300.0, ge=10, le=3_600)
    """Seconds that one turn of the loop may take. Then the process tells where it hangs and ends with exit code 70, so
    that it is started anew."""

    drain_seconds: float = Field(default=10.0, ge=0, le=600)
    """Seconds that alerts on their way get at shutdown; what is left stays in the outbox for the next start."""


class HealthSettings(BaseModel):
    """The pages /metrics, /healthz and /readyz."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    address: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a `token`."""

    port: int = Field(default=9464, ge=0, le=65_535)
    """Port to listen on; 0 takes a free one and logs it."""

    token: Secret | None = None
    """Where a token is kept that visitors have to show (`Authorization: Bearer ...`), on every page."""

    stall_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """Seconds without a poll that returned after which /healthz answers 503."""

    @model_validator(mode="after")
    def _open_only_with_a_token(self) -> Self:
        if self.token is None and not is_loopback(self.address):
            raise ValueError('an address that others reach needs a token: token = {file = "/path"}')
        return self


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine reaches an address; a name other than `localhost` may lead anywhere.

    >>> [is_loopback(address) for address in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "monitor.example.org")]
    [True, True, True, False, False, False]
    """
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class LogSettings(BaseModel):
    """The log of the daemon, on standard error. It never holds an input or a name of a client."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""

    form: Literal["auto", "json", "text"] = "auto"
    """One JSON object per line, or text; `auto` writes text on a terminal and JSON otherwise."""
