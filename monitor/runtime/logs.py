"""The daemon's log: JSON lines or text on standard error. It has no place for an input or a name of a client.

Call sites log constant messages and numbers, given as `extra`; the text of an exception that is not ours is left out,
because libraries like to quote what they could not read.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

from monitor.config.runtime import LogSettings
from monitor.config.trouble import Trouble

NAME: Final = "monitor"  # root of our loggers; those of others are written from warnings on

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def start_log(settings: LogSettings, stream: TextIO | None = None) -> logging.Handler:
    """Sends every log line of the process through our formatter to the stream (default: standard error)."""
    target = sys.stderr if stream is None else stream
    text = settings.form == "text" or (settings.form == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextLines() if text else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(NAME).setLevel(settings.level.upper())
    logging.captureWarnings(True)
    return handler


def log_crashes() -> None:
    """Sends errors that nobody caught through the log as well: Python's own words for them would quote values."""
    log = logging.getLogger(NAME)

    def in_main(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
        log.critical("ended by a fault of the program", exc_info=(kind, problem, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        problem = args.exc_value
        trace = None if problem is None else (args.exc_type, problem, args.exc_traceback)
        log.critical("a thread ended by a fault of the program", exc_info=trace, extra={"thread": _name(args.thread)})

    sys.excepthook = in_main
    threading.excepthook = in_thread


def _name(thread: threading.Thread | None) -> str:
    return "" if thread is None else thread.name


class JsonLines(logging.Formatter):
    """One JSON object per line, with the field names of the Elastic Common Schema."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        line: dict[str, object] = {
            "@timestamp": _time(record),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "log.logger": record.name,
        }
        line.update(_fields(record))
        if record.exc_info and record.exc_info[1] is not None:
            line["error.type"] = type(record.exc_info[1]).__qualname__
            line["error.stack_trace"] = _stack(record.exc_info[1])
        return json.dumps(line, default=str)  # ASCII: no line separator and no lone surrogate gets through


class TextLines(logging.Formatter):
    """One line of text for people; control characters are escaped, so that nobody can write a line of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break; a stack trace follows on lines of its own."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()
        line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}\n{_stack(record.exc_info[1])}"
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _stack(problem: BaseException) -> str:
    """Where it happened and what kind of error it was; its text only where the text is ours."""
    frames = traceback.format_list(traceback.extract_tb(problem.__traceback__))
    text = f": {problem.what}" if isinstance(problem, Trouble) else ""
    return "".join([*frames, f"{type(problem).__qualname__}{text}"])
