"""What a key or a user may do with the alerts, asked of the server in one way for all who want to know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from monitor.siem.requests import Request
from monitor.siem.wire import Wire

#: Anything of these beside what an identity is meant to have is too much.
CLUSTER: Final = ("all", "manage", "monitor", "manage_security", "manage_api_key", "manage_index_templates")
INDICES: Final = ("all", "read", "create_doc", "index", "create", "write", "delete", "manage", "delete_index")
ELSEWHERE: Final = "probewatch-elsewhere"  # an index of which nobody of ours may do anything


@dataclass(frozen=True, slots=True)
class Held:
    """What an identity may do: `lacks` of what it needs, and `beyond` what it was meant to have. Both empty where the
    server did not say, with the `status` it answered."""

    lacks: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    status: int = 200

    @property
    def told(self) -> bool:
        """Whether the server said anything of it; one without security does not."""
        return self.status == 200


def held(wire: Wire, stream: str, needs: str, meant: Collection[str]) -> Held:
    """What the identity of the wire may do. It needs the one privilege on the stream, and is meant to have these, of
    the cluster and on the stream, at most. Trouble where nobody answers."""
    asked = tuple(dict.fromkeys((needs, *INDICES)))
    body = {"cluster": list(CLUSTER), "index": [{"names": [stream, ELSEWHERE], "privileges": list(asked)}]}
    answer = wire.ask(Request("privileges", "POST", "/_security/user/_has_privileges", body))
    if answer.status != 200:
        return Held(status=answer.status)
    own, allowed = answer.body["index"], {needs, *meant}
    beyond = [name for name in CLUSTER if answer.body["cluster"][name] and name not in allowed]
    beyond += [f"{name} on {stream}" for name in asked if own[stream][name] and name not in allowed]
    beyond += [f"{name} on {ELSEWHERE}" for name in asked if own[ELSEWHERE][name]]
    return Held(() if own[stream][needs] else (needs,), tuple(beyond))
