"""Sink for a syslog receiver: messages of RFC 5424 over TLS (RFC 5425), the octets of each counted (RFC 6587).

Syslog has no answers. An alert counts as delivered when the receiver's side has acknowledged its last octet and has not
closed the connection; what the receiver then does with it nobody can tell. A connection that breaks before leaves the
whole batch in doubt, and it comes again.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Collection, Sequence
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Final

from monitor.alerts.finding import Finding
from monitor.config.streams import SyslogSettings
from monitor.config.trouble import Trouble
from monitor.formats.cef import render_cef
from monitor.formats.leef import render_leef
from monitor.formats.native import encode
from monitor.formats.syslog import frame, render_text
from monitor.formats.texts import cut_bytes
from monitor.sinks.form import Form
from monitor.sinks.guard import Forbidden, dial
from monitor.sinks.protocol import DELIVERED, Outcome

_PIECE: Final = 4_096
_LOOK: Final = 0.005  # seconds between two looks at what the other side has acknowledged
_SHORTEST: Final = 16  # octets of a text that is cut
_LARGE: Final = Outcome("refused", "longer than `message_bytes`, and JSON cannot be cut")
_FORBIDDEN: Final = Outcome("hold", "the receiver's address is not allowed; see the setting `networks`")


class SyslogSink:
    """Messages over one connection that stays."""

    def __init__(
        self,
        name: str,
        settings: SyslogSettings,
        wait: Callable[[float], None] = time.sleep,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Trouble where a certificate cannot be read."""
        self.name: Final = name
        self.max_batch: Final = settings.batch
        self._settings, self._wait, self._steady = settings, wait, steady
        self._link = Form(render_cef, settings.link)
        self._context = _context(name, settings) if settings.encrypt else None
        self._socket: socket.socket | None = None

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Writes the alerts, and waits until the other side has them."""
        messages = [self.message(alert) for alert in alerts]
        try:
            self._write(b"".join(_counted(one) for one in messages if one is not None))
        except Forbidden:
            return [_FORBIDDEN] * len(alerts)
        except ssl.SSLCertVerificationError:
            self.close()
            return [Outcome("hold", "the receiver's certificate is not good; see `tls`")] * len(alerts)
        except (OSError, UnicodeError) as problem:  # their text may hold the address
            self.close()
            return [Outcome("retry", f"no answer: {type(problem).__name__}", doubtful=True)] * len(alerts)
        return [_LARGE if one is None else DELIVERED for one in messages]

    def close(self) -> None:
        """Closes the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def message(self, alert: Finding) -> bytes | None:
        """The message of one alert; None where it would be too long and may not be cut."""
        settings, link = self._settings, self._link.address(alert)
        if settings.format == "syslog":
            text, bare = render_text(alert), False
        else:
            text, bare = _line(alert, settings.format, link), True
        made = frame(alert, text, link, settings.hostname, bare=bare).encode()
        beyond = len(made) - settings.message_bytes
        if beyond <= 0:
            return made
        if settings.format == "native":
            return None
        room = max(_SHORTEST, len(text.encode()) - beyond)
        return frame(alert, cut_bytes(text, room), link, settings.hostname, bare=bare).encode()[
            : settings.message_bytes
        ]

    def _write(self, content: bytes) -> None:
        if not content:
            return
        if self._socket is not None and _ended(self._socket):  # before a word is lost on it
            self.close()
        if self._socket is None:
            self._socket = self._connected()
        self._socket.sendall(content)
        end = self._steady() + self._settings.timeout_s
        while unacknowledged(self._socket) and not _ended(self._socket):
            if self._steady() >= end:
                raise TimeoutError
            self._wait(_LOOK)
        if _ended(self._socket):
            raise ConnectionResetError

    def _connected(self) -> socket.socket:
        settings = self._settings
        plain = dial(settings.host, settings.port, settings.networks, settings.timeout_s)
        try:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return plain if self._context is None else self._context.wrap_socket(plain, server_hostname=settings.host)
        except BaseException:
            plain.close()
            raise


def unacknowledged(connection: socket.socket) -> int:
    """Octets that were written and that the other side's machine has not acknowledged yet."""
    return int(struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, bytes(4)))[0])


def _ended(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection. A receiver of syslog says nothing, so what can be read is the
    end, an alert of TLS, or a ticket for the next handshake."""
    patience = connection.gettimeout()
    connection.setblocking(False)
    try:
        while connection.recv(_PIECE):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(patience)
    return True


def _counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


def _line(alert: Finding, form: str, link: str | None) -> str:
    if form == "native":
        return encode(alert).decode()
    return (render_cef if form == "cef" else render_leef)(alert, link)


def _context(name: str, settings: SyslogSettings) -> ssl.SSLContext:
    tls = settings.tls
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file)
    except OSError as problem:  # ssl.SSLError is one
        raise Trouble(
            what=f"a certificate cannot be read: {type(problem).__name__}",
            where=f"sink {name}, tls",
            mend="give PEM files that the user of this process may read",
        ) from None
    return context
