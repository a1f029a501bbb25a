"""Secrets: settings hold where a secret is kept, never the secret itself, and print as stars."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from monitor.config.trouble import Trouble

STARS: Final = "********"


class Secret(BaseModel):
    """Where a secret is kept: `{file = "/run/secrets/token"}` or `{env = "TOKEN"}`. A secret written into the settings
    is refused, because settings are shown, mailed and committed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    file: Path | None = None
    """File that holds the secret; one trailing line break is not part of it."""

    env: str | None = None
    """Name of the environment variable that holds the secret."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_inline(cls, value: object) -> object:
        if isinstance(value, str | int | float | bytes):
            raise ValueError('a secret stands in a file or in the environment: {file = "/path"} or {env = "NAME"}')
        return value

    @field_validator("env")
    @classmethod
    def _looks_like_a_name(cls, value: str | None) -> str | None:
        if value is not None and not value.replace("_", "a").isalnum():
            raise ValueError("the name of an environment variable has letters, digits and underscores only")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError('give one of {file = "/path"} and {env = "NAME"}')
        return self

    def read(self) -> bytes:
        """The secret. Read each time, so that a rotated file counts. Trouble where it is missing or empty."""
        content = self._file(self.file) if self.file is not None else self._environment(str(self.env))
        if not content:
            raise Trouble(what="the secret is empty", where=self.place, mend="put the secret there")
        return content

    def text(self) -> str:
        """The secret as text; Trouble where it is not UTF-8."""
        try:
            return self.read().decode()
        except UnicodeDecodeError:
            # "from None": the original error holds the bytes
            raise Trouble(what="the secret is not text", where=self.place, mend="write it in UTF-8") from None

    @property
    def place(self) -> str:
        """Where the secret is kept, for messages."""
        return f"file {self.file}" if self.file is not None else f"environment variable {self.env}"

    @staticmethod
    def _file(path: Path) -> bytes:
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise Trouble(
                what=f"the secret cannot be read: {problem.strerror}",
                where=f"file {path}",
                mend="create the file and let the user of this process read it",
            ) from problem
        return content[:-1].removesuffix(b"\r") if content.endswith(b"\n") else content

    @staticmethod
    def _environment(name: str) -> bytes:
        try:
            return os.environb[name.encode()]
        except KeyError:
            raise Trouble(
                what="the secret is not set",
                where=f"environment variable {name}",
                mend=f"set {name}, or keep the secret in a file",
            ) from None
