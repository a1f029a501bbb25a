"""Whether the keys of an Elasticsearch sink may do what they have to, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from monitor.config.sinks import ElasticsearchSettings
from monitor.runtime.checks import Checked
from monitor.siem.privileges import held
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name
from monitor.sinks.client import for_lookups

_WRITES: Final = "create_doc"
_LOOKS: Final = "indices:data/read/search"  # our key for looking up is granted single actions
_MEND: Final = "make one that does no more with `probewatch siem install --api-key`, or --lookup-key"


def privileges(name: str, settings: ElasticsearchSettings) -> Iterator[Checked]:
    """What is to be said of each key; nothing where the server has no security. Trouble where it does not answer."""
    apart = for_lookups(settings)
    meant = ("read",) if apart is None else ()  # one key for both has to read
    yield from _of(f"privileges of {name}", settings, _WRITES, meant)
    if apart is not None:
        yield from _of(f"privileges of {name}, lookup_key", apart, _LOOKS, ())


def _of(name: str, settings: ElasticsearchSettings, needs: str, meant: tuple[str, ...]) -> Iterator[Checked]:
    stream = stream_name(settings.namespace)
    with Wire(settings) as wire:
        has = held(wire, stream, needs, meant)
    if not has.told:
        return
    if has.lacks:
        yield Checked(name, "bad", f"the key may not {needs} in {stream}", "Elasticsearch", _MEND)
    elif has.beyond:
        text = f"the key may do more than it needs: {', '.join(has.beyond)}"
        yield Checked(name, "doubtful", text, "Elasticsearch", _MEND)
    else:
        yield Checked(name, "good", f"{needs}, and nothing else that was asked for")
