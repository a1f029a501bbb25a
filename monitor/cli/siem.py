"""`probewatch siem`: what alerts need in Elasticsearch and Kibana, or in OpenSearch and its dashboards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.settings import Settings
    from monitor.config.sinks import ElasticsearchSettings
    from monitor.siem.bodies import Keep
    from monitor.siem.install import Done
    from monitor.siem.requests import Request, Server
    from monitor.siem.wire import Wire

F = TypeVar("F", bound=Callable[..., Any])

_TYPES: Final = frozenset({"elasticsearch", "opensearch"})
_FILE: Final = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where, and as whom: the options that all of these commands share."""

    config: Path | None
    sink: str | None
    url: str | None
    namespace: str | None
    key_file: Path | None
    user: str | None
    password_file: Path | None
    ca_file: Path | None
    kibana: str | None
    space: str

    def settings(self) -> ElasticsearchSettings:
        """Those of the sink, or made of the options."""
        from monitor.config.sinks import ElasticsearchSettings

        if self.url is None:
            found = chosen(loaded(self.config).settings, self.sink, _TYPES)
            return found if self.namespace is None else found.model_copy(update={"namespace": self.namespace})
        made = {"type": "elasticsearch", "hosts": [self.url], "namespace": self.namespace or "default"}
        return _checked(ElasticsearchSettings, made | {"tls": {"ca_file": self.ca_file}})

    def as_identity(self, settings: ElasticsearchSettings) -> ElasticsearchSettings:
        """The settings with the identity that the options name; as they are where they name none."""
        if self.key_file is None and self.user is None:
            return settings
        own: dict[str, Any] = {"api_key": None, "basic": None, "lookup_key": None}
        if self.key_file is not None:
            own["api_key"] = {"file": self.key_file}
        elif self.password_file is not None:
            own["basic"] = {"user": self.user, "password": {"file": self.password_file}}
        else:
            mend = "give --password-file with its password"
            raise Trouble(what="a user without a password", where="probewatch siem", mend=mend)
        known = {key: value for key, value in own.items() if key in type(settings).model_fields}
        return _checked(type(settings), settings.model_dump() | known)


def target(command: F) -> F:
    """The options of `Target`, put together into one argument `to`."""
    options = [
        config_file,
        click.option("--sink", help="Which sink of the settings; needed where several would do."),
        click.option("--url", help="Address of the server, instead of --config."),
        click.option("--namespace", help="Of the data stream; else the sink's, or `default`."),
        click.option("--key-file", type=_FILE, help="API key of who does this; else the sink's own identity."),
        click.option("--user", help="User who does this, with --password-file."),
        click.option("--password-file", type=_FILE, help="Password of --user."),
        click.option("--ca-file", type=_FILE, help="With --url: authorities to trust (PEM)."),
        click.option("--kibana", metavar="URL", help="Kibana or OpenSearch Dashboards, for dashboards and rule."),
        click.option("--space", default="", help="Space of Kibana; else the default one."),
    ]
    names = tuple(Target.__dataclass_fields__)

    def gathered(**given: Any) -> Any:
        to = Target(**{name: given.pop(name) for name in names})
        return command(to=to, **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    made: Any = gathered
    for option in reversed(options):
        made = option(made)
    return made  # type: ignore[no-any-return]


dry = click.option(
    "--dry-run",
    is_flag=True,
    help="Print every request that would change something, as Kibana's console takes it; send none.",
)
without_asking = click.option("--yes", is_flag=True, help="Send without asking.")
whose = click.option(
    "--for", "whose", default="elasticsearch-9.5", show_default=True, help="Of --dry-run: server that is meant."
)


@click.group()
def command() -> None:
    """Prepare Elasticsearch or OpenSearch, and their dashboards, for alerts.

    Example: probewatch siem install --config probewatch.toml --dry-run
    """


@command.command()
@target
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=180.0,
    show_default=True,
    help="Days for which alerts are kept.",
)
@click.option("--ilm", is_flag=True, help="Keep them by a policy of index lifecycle management instead.")
@click.option("--no-rule", is_flag=True, help="With --kibana: leave the detection rule out.")
@dry
@whose
@without_asking
@click.option("--api-key", is_flag=True, help="Make an API key that may only write alerts, and print it once.")
@click.option("--lookup-key", is_flag=True, help="Make the key that looks alerts up, and print it once.")
@as_json
def install(
    to: Target,
    days: float,
    ilm: bool,
    no_rule: bool,
    dry_run: bool,
    whose: str,
    yes: bool,
    api_key: bool,
    lookup_key: bool,
    json: bool,
) -> None:
    """Install ingest pipeline, templates, retention, roles and data stream; with --kibana also dashboards and rule.

    Safe to run again: what is there and the same is left alone, what somebody else has made under the same name is
    not overwritten.

    Example: probewatch siem install --config probewatch.toml --yes
    """
    from monitor.siem import install as search
    from monitor.siem import kibana
    from monitor.siem.requests import server_from

    chosen = to.as_identity(to.settings())
    keep: Keep = "ilm" if ilm else "stream"
    keys = [search.api_key_request()] * api_key + [search.lookup_key_request(ids_alone=True)] * lookup_key

    def wanted(server: Server) -> list[Request]:
        requests = search.requests(server, chosen.namespace, days, keep)
        made = kibana.requests(server.product, server.version, to.space, not no_rule) if to.kibana else []
        return [*requests, *made, *keys]

    if dry_run:
        _print(wanted(server_from(whose)))
        return
    with _agreed(to, chosen, wanted, yes) as (wire, dashboards, server):
        _tell(search.install(wire, chosen.namespace, days, keep, server), json)
        if dashboards is not None:
            _tell(kibana.install(dashboards, server.product, to.space, not no_rule), json)
        if api_key:
            click.echo(search.make_api_key(wire))
        if lookup_key:
            _lookup_key(wire)


@command.command()
@target
@as_json
def verify(to: Target, json: bool) -> None:
    """Write a marked finding, read it back in every way, and look at what is in force.

    The finding is written with the sink's own key and read with --key-file or --user, or with the sink's `lookup_key`.
    It is removed, or stays marked where nobody here may remove it. With --kibana dashboards and rule are looked for.
    Exit code 0: all is well; 1: something is bad; 2: it could not begin; 3: nothing is bad, but something could not be
    looked at.

    Example: probewatch siem verify --config probewatch.toml --key-file reader.key
    """
    import time

    from monitor.siem import verify as check

    settings = to.settings()
    named = to.as_identity(settings)
    with ExitStack() as open_:
        writer, dashboards = _wires(open_, settings if to.url is None else named, to.kibana, named)
        reader = _reader(open_, to, settings, writer)
        server, at = check.recognised(reader), time.time_ns() // 1_000
        looked = check.Verification(writer, reader, server, settings.namespace, _asked(settings), at)
        shown = () if dashboards is None else (check.shown(dashboards, server, to.space) for _ in range(1))
        checks = []
        for one in chain(looked.run(), shown):
            checks.append(one)
            if json:
                write_json({"check": one.name, "verdict": one.verdict, "detail": one.detail})
            else:
                click.echo(f"{one.verdict:8} {one.name}: {one.detail}")
    sys.exit(check.exit_code(checks))


@command.command()
@target
@click.option("--data", is_flag=True, help="Delete the data stream too, with every alert in it.")
@click.option("--no-rule", is_flag=True, help="With --kibana: leave the detection rule alone.")
@dry
@whose
@without_asking
@as_json
def uninstall(to: Target, data: bool, no_rule: bool, dry_run: bool, whose: str, yes: bool, json: bool) -> None:
    """Remove what `install` has made. Alerts stay, unless --data says otherwise.

    What somebody else has made under the same name is kept, and so is a template that a data stream still needs.

    Example: probewatch siem uninstall --config probewatch.toml --dry-run
    """
    from monitor.siem import install as search
    from monitor.siem import kibana
    from monitor.siem.requests import server_from

    chosen = to.as_identity(to.settings())
    namespace = chosen.namespace if data else None

    def wanted(server: Server) -> list[Request]:
        pages = kibana.removals(server.product, server.version, to.space, not no_rule) if to.kibana else []
        return [*pages, *search.removals(server, namespace)]

    if dry_run:
        _print(wanted(server_from(whose)))
        return
    with _agreed(to, chosen, wanted, yes) as (wire, dashboards, server):
        if dashboards is not None:
            _tell(kibana.uninstall(dashboards, server.product, to.space, not no_rule), json)
        _tell(search.uninstall(wire, namespace, server), json)


@command.command()
@click.argument("folder", type=_FILE)
def page(folder: Path) -> None:
    """Write all bodies and files of saved objects into FOLDER, for an installation by other means.

    Example: probewatch siem page deploy/elastic
    """
    from monitor.siem.pages import write

    for file in write(folder):
        click.echo(str(file))


def _checked(kind: type[ElasticsearchSettings], made: dict[str, Any]) -> ElasticsearchSettings:
    from pydantic import ValidationError

    try:
        return kind.model_validate(made)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Trouble(what=f"{place}: {first['msg']}", where="probewatch siem", mend="correct that option") from None


def _wires(
    open_: ExitStack, settings: ElasticsearchSettings, kibana: str | None, analyst: ElasticsearchSettings | None = None
) -> tuple[Wire, Wire | None]:
    """Wires to the server and to its dashboards, to these as `analyst` where one is given."""
    from monitor.siem.wire import Wire

    wire = open_.enter_context(Wire(settings))
    return wire, None if kibana is None else open_.enter_context(Wire(analyst or settings, "Kibana", kibana))


@contextmanager
def _agreed(
    to: Target, chosen: ElasticsearchSettings, wanted: Callable[[Server], Iterable[Request]], yes: bool
) -> Iterator[tuple[Wire, Wire | None, Server]]:
    """Wires to the server and to its dashboards, and which server that is, once somebody has agreed to what is wanted
    of it."""
    from monitor.siem.install import server

    with ExitStack() as open_:
        wire, dashboards = _wires(open_, chosen, to.kibana)
        found = server(wire)
        _ask(yes, wanted(found), chosen.hosts)
        yield wire, dashboards, found


def _reader(open_: ExitStack, to: Target, settings: ElasticsearchSettings, writer: Wire) -> Wire:
    from monitor.siem.wire import Wire

    named = to.as_identity(settings)
    if named is not settings:
        return open_.enter_context(Wire(named))
    lookup_key = getattr(settings, "lookup_key", None)
    if lookup_key is not None:
        own = settings.model_copy(update={"api_key": lookup_key, "basic": None})
        return open_.enter_context(Wire(own))
    return writer


def _asked(settings: ElasticsearchSettings) -> tuple[str, ...]:
    """What the sink's own identity is meant to be allowed."""
    from monitor.siem import bodies

    return bodies.WRITER_KEY if getattr(settings, "api_key", None) is not None else ("monitor", *bodies.WRITER_ROLE)


def _lookup_key(wire: Wire) -> None:
    from monitor.siem.install import make_lookup_key

    key, ids_alone = make_lookup_key(wire)
    click.echo(key)
    if not ids_alone:
        click.echo("this licence knows no security of fields: the look-up key can read alerts", err=True)


def _print(requests: Iterable[Request]) -> None:
    from monitor.siem.requests import console

    for request in requests:
        click.echo("\n".join(console(request)) + "\n")


def _tell(done: Iterable[Done], json: bool) -> None:
    for one in done:
        if json:
            told = {"what": one.request.what, "path": one.request.path, "result": one.result}
            write_json(told | ({"why": one.why} if one.why else {}))
        else:
            click.echo(f"{one.result:10} {one.request.what}  {one.request.path}{'  ' if one.why else ''}{one.why}")


def _ask(yes: bool, wanted: Iterable[Request], hosts: tuple[str, ...]) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Trouble(what="nobody is there to be asked", where="probewatch siem", mend="give --dry-run or --yes")
    click.echo("\n".join(f"{request.method} {request.path}" for request in wanted))
    click.confirm(f"Send these to {', '.join(hosts)}?", abort=True)


def chosen(
    settings: Settings, name: str | None, types: frozenset[str] = frozenset({"elasticsearch"})
) -> ElasticsearchSettings:
    """The sink of that name, or the only one, of those of these types; Trouble where that is none."""
    found = {key: one for key, one in settings.sinks.items() if one.type in types}
    if name is None and len(found) == 1:
        return next(iter(found.values()))  # type: ignore[return-value]
    if name is not None and name in found:
        return found[name]  # type: ignore[return-value]
    what = f"no sink of Elasticsearch is called {name}" if name else f"{len(found)} sinks are of Elasticsearch"
    mend = f"give --sink {' or '.join(found)}" if found else 'write [sinks.NAME] with type = "elasticsearch"'
    raise Trouble(what=what, where="sinks", mend=mend)
