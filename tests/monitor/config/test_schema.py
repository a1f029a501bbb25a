import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from monitor.config.load import reader
from monitor.config.page import settings_page
from monitor.config.place import dotted
from monitor.config.settings import Settings

PAGE = Path(__file__).parents[3] / "deploy" / "docs" / "settings.md"


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from objects(inner)


def test_unknown_names_are_refused_everywhere() -> None:
    for section in objects(Settings.model_json_schema()):
        assert section.get("additionalProperties") is False, section.get("title")


def test_every_setting_says_what_it_means() -> None:
    for setting in reader().settings():
        assert setting.meaning, dotted(setting.path)
        assert setting.kind not in ("", "anything"), dotted(setting.path)


def test_every_default_is_allowed() -> None:
    schema = Settings.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(Settings().model_dump_json(exclude_none=True)), schema)


def test_the_page_is_what_the_settings_make_of_it() -> None:
    assert PAGE.read_text() == settings_page(), "run `probewatch config page > deploy/docs/settings.md`"


def test_what_leads_to_a_secret_is_known_as_one() -> None:
    known = reader()
    assert known.is_secret(("keys", "secret"))
    assert known.is_secret(("keys", "secret", "file"))
    assert not known.is_secret(("keys", "epoch"))
