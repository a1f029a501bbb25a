import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from monitor.config.runtime import LogSettings
from monitor.config.trouble import Trouble
from monitor.runtime.logs import NAME, start_log


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
def test_a_line_is_json_with_its_fields() -> None:
    stream = io.StringIO()
    start_log(LogSettings(form="json"), stream)
    logging.getLogger(f"{NAME}.loop").info("partition restored", extra={"partition": "q-1", "offset": 7})
    line = json.loads(stream.getvalue())
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "log.level": "info",
        "message": "partition restored",
        "log.logger": "monitor.loop",
        "partition": "q-1",
        "offset": 7,
    }


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_can_write_a_line_of_their_own(form: str) -> None:
    stream = io.StringIO()
    start_log(LogSettings.model_validate({"form": form}), stream)
    logging.getLogger(NAME).warning("odd topic", extra={"topic": 'a\n{"log.level": "info"}\r\x1b[31mred\u2028x'})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["json", "text"])
def test_the_text_of_an_error_that_is_not_ours_is_left_out(form: str) -> None:
    stream = io.StringIO()
    start_log(LogSettings.model_validate({"form": form}), stream)
    for value in ("alice@example.org", "secret input"):
        try:
            float(value)
        except ValueError:
            logging.getLogger(NAME).exception("could not do it")
    assert "ValueError" in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()
    assert "alice" not in stream.getvalue()
    assert "secret" not in stream.getvalue()


@pytest.mark.usefixtures("root")
def test_the_text_of_our_own_error_is_kept() -> None:
    stream = io.StringIO()
    start_log(LogSettings(form="json"), stream)
    try:
        raise Trouble(what="no such topic", where="source.kafka.topics", mend="create it")
    except Trouble:
        logging.getLogger(NAME).exception("cannot start")
    assert "no such topic" in stream.getvalue()


@pytest.mark.usefixtures("root")
def test_the_level_is_ours_and_others_are_written_from_warnings_on() -> None:
    stream = io.StringIO()
    start_log(LogSettings(form="json", level="debug"), stream)
    logging.getLogger(f"{NAME}.x").debug("shown")
    logging.getLogger("kafka").info("not shown")
    logging.getLogger("kafka").warning("shown as well")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["shown", "shown as well"]


@pytest.mark.usefixtures("root")
def test_lines_go_to_standard_error_as_json_where_nobody_reads(capsys: pytest.CaptureFixture[str]) -> None:
    start_log(LogSettings(), sys.stderr)
    logging.getLogger(NAME).info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["message"] == "hello"
