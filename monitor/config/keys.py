"""The key behind pseudonyms and sketches, and the name of its epoch."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.config.secret import Secret


class FormerKey(BaseModel):
    """The key before, while clients that it named are still awaited."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    secret: Secret
    """The secret that `keys.secret` was."""

    epoch: str = Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")
    """The epoch that `keys.epoch` was."""


class KeySettings(BaseModel):
    """The key behind pseudonyms and sketches. Whoever has it can tell whether a guessed name is behind a pseudonym."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    secret: Secret
    """The key, at least 32 bytes in base64 or hexadecimal (`openssl rand -base64 32`). Another key makes other
    pseudonyms and begins learning from nothing."""

    epoch: str = Field(default="1", min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")
    """Name of the key; write a new one when you change the key, and findings say which key made their pseudonyms."""

    former: FormerKey | None = None
    """The key before, for as long as clients whom it named shall be known again: the first query of each gives it its
    new pseudonym, and nothing about it is forgotten. Needs `keys.sketches`."""

    sketches: Secret | None = None
    """The key of sketches, where it is not derived from `keys.secret`. `probewatch key sketches` writes it out before
    the secret is changed, so that inputs can still be compared with earlier ones."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.former is not None and self.former.epoch == self.epoch:
            raise ValueError("keys.former has the same epoch as the key: give the new key a new epoch")
        if self.former is not None and self.sketches is None:
            raise ValueError("keys.former needs keys.sketches: write it with `probewatch key sketches` first")
        return self
