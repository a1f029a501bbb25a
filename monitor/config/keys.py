"""The key behind pseudonyms and sketches, and the name of its epoch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from monitor.config.secret import Secret


class KeySettings(BaseModel):
    """The key behind pseudonyms and sketches. Whoever has it can tell whether a guessed name is behind a pseudonym."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    secret: Secret
    """The key, at least 32 bytes in base64 or hexadecimal (`openssl rand -base64 32`). Another key makes other
    pseudonyms and begins learning from nothing."""

    epoch: str = Field(default="1", min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")
    """Name of the key; write a new one when you change the key, and findings say which key made their pseudonyms."""
