"""Whether the keys of an Elasticsearch sink may do what they have to, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from monitor.config.sinks import ElasticsearchSettings
from monitor.runtime.checks import Checked
from monitor.sinks.bulk import stream_name
from monitor.sinks.client import connect, looking

_WRITES: Final = "create_doc"
_LOOKS: Final = "indices:data/read/search"  # our key for looking up is granted single actions
_MORE: Final = ("read", "delete", "delete_index", "manage")  # of an index, that a key which writes does not need
_CLUSTER: Final = ("manage_security", "all")
_MEND: Final = "make one that does no more with `probewatch siem install --api-key`, or --lookup-key"


def privileges(name: str, settings: ElasticsearchSettings) -> Iterator[Checked]:
    """What is to be said of each key; nothing where the server has no security, or does not answer."""
    stream, apart = stream_name(settings.namespace), looking(settings)
    more = tuple(one for one in _MORE if apart is not None or one != "read")  # one key for both has to read
    yield from _of(f"privileges of {name}", connect(settings), stream, _WRITES, more)
    if apart is not None:
        yield from _of(
            f"privileges of {name}, lookup_key", apart, stream, _LOOKS, ("read", "create_doc", "delete", "manage")
        )


def _of(name: str, client: Elasticsearch, stream: str, needs: str, more: tuple[str, ...]) -> Iterator[Checked]:
    asked: list[dict[str, Any]] = [{"names": [stream], "privileges": [needs, *more]}]
    try:
        told = client.security.has_privileges(index=asked, cluster=list(_CLUSTER))
    except (ApiError, TransportError):
        return
    finally:
        client.close()
    own = told["index"][stream]
    beyond = [one for one in more if own[one]] + [one for one in _CLUSTER if told["cluster"][one]]
    if not own[needs]:
        yield Checked(name, "bad", f"the key may not {needs} in {stream}", "Elasticsearch", _MEND)
    elif beyond:
        text = f"the key may do more than it needs: {', '.join(beyond)}"
        yield Checked(name, "doubtful", text, "Elasticsearch", _MEND)
    else:
        yield Checked(name, "good", f"{needs}, and nothing else that was asked for")
