"""Snapshots in a bucket of an object store that speaks the S3 protocol: hosts without a common disk hand over so.

An object is put only where none of its name is there (`If-None-Match: *`), so that two owners of one partition cannot
write over each other. A store that does not know the condition is used without it; then the order of terms alone keeps
them apart.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.config.runtime import BucketSettings
from monitor.config.trouble import Trouble
from monitor.runtime.generations import GENERATIONS, Generations

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config, S3Store

RETRIES: Final = 3


class SnapshotBucket(Generations):
    """Objects `PREFIX` + `TOPIC-NUMBER.TERM-GENERATION-BASE.snapshot` of a bucket."""

    def __init__(self, settings: BucketSettings, keep: int = GENERATIONS) -> None:
        super().__init__(BucketShelf(settings), keep)


class BucketShelf:
    """A bucket as a shelf. Trouble where the library is missing or a secret cannot be read."""

    def __init__(self, settings: BucketSettings) -> None:
        self._settings = settings
        try:
            import obstore
        except ImportError as problem:
            mend = "pip install 'probewatch[s3]'"
            raise Trouble(
                what="the library for object stores is missing", where="runtime.bucket", mend=mend
            ) from problem
        self._library: Any = obstore
        self._store = _connect(settings)

    def names(self, prefix: str) -> Iterator[str]:
        """The names that begin so."""
        own = self._settings.prefix
        with _told():
            for page in self._library.list(self._store, own or None, chunk_size=1_000):
                names = (entry["path"].removeprefix(own) for entry in page)
                yield from (name for name in names if name.startswith(prefix) and "/" not in name)

    def read(self, name: str, most: int | None = None) -> bytes:
        """The object, or its first bytes."""
        with _told():
            if most is None:
                return bytes(self._library.get(self._store, self._key(name)).bytes())
            return bytes(self._library.get_range(self._store, self._key(name), start=0, end=most))

    def put(self, name: str, pieces: Sequence[memoryview]) -> None:
        """Puts the object there; FileExistsError where one of that name is there."""
        mode = "create" if self._settings.conditions else "overwrite"
        with _told():
            self._library.put(self._store, self._key(name), b"".join(pieces), mode=mode, use_multipart=False)

    def remove(self, name: str) -> None:
        """Deletes the object."""
        with _told():
            self._library.delete(self._store, self._key(name))

    def place(self, name: str) -> str:
        """As an address."""
        return f"s3://{self._settings.name}/{self._key(name)}"

    def written(self, name: str) -> float:
        """When the store took it."""
        with _told():
            return float(self._library.head(self._store, self._key(name))["last_modified"].timestamp())

    def _key(self, name: str) -> str:
        return self._settings.prefix + name


def _connect(settings: BucketSettings) -> S3Store:
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    config: S3Config = {
        "region": settings.region,
        "virtual_hosted_style_request": settings.endpoint is None,
    }
    if settings.access_key is not None and settings.secret_key is not None:
        config["access_key_id"] = settings.access_key.text()
        config["secret_access_key"] = settings.secret_key.text()
    if settings.endpoint is not None:
        config["endpoint"] = settings.endpoint
    seconds = timedelta(seconds=settings.timeout_s)
    options: ClientConfig = {
        "allow_http": (settings.endpoint or "").startswith("http:"),
        "timeout": seconds,
        "connect_timeout": seconds,
    }
    if settings.ca_file is not None:
        options["root_certificate"] = _authorities(settings.ca_file)
    try:
        return S3Store(
            settings.name,
            config=config,
            client_options=options,
            retry_config={"max_retries": RETRIES, "retry_timeout": seconds},
        )
    except (BaseError, ValueError) as problem:
        raise Trouble(
            what=f"the bucket cannot be used: {type(problem).__name__}",
            where="runtime.bucket",
            mend="check name, endpoint, region and keys",
        ) from None


def _authorities(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        mend = "name a file of certificates (PEM) that this user may read"
        raise Trouble(
            what=f"the certificates cannot be read: {problem.strerror}",
            where=f"runtime.bucket.ca_file: {file}",
            mend=mend,
        ) from None


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as OSError, by their kinds: their texts hold addresses and what the server said."""
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        NotFoundError,
        PermissionDeniedError,
        UnauthenticatedError,
    )

    try:
        yield
    except AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, "there is an object of that name") from None
    except (NotFoundError, FileNotFoundError):
        raise FileNotFoundError(errno.ENOENT, "there is no such object or bucket") from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise PermissionError(errno.EACCES, "the object store refuses our keys") from None
    except BaseError as problem:
        raise OSError(errno.EIO, f"the object store cannot be reached or refuses: {type(problem).__name__}") from None
