"""Installing in Kibana and OpenSearch Dashboards, at a strict stand-in, as neither can run here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dashboardserver import Dashboards
from loopback import Loopback, loopback
from wires import settings

from monitor.config.trouble import Trouble
from monitor.siem.install import Done
from monitor.siem.kibana import install, requests, uninstall
from monitor.siem.requests import Product, Server
from monitor.siem.rule import RULE
from monitor.siem.verify import shown
from monitor.siem.wire import Wire

CASES: list[tuple[Product, str, str]] = [
    ("elasticsearch", "8.19.2", "kbn-xsrf"),
    ("elasticsearch", "9.0.4", "kbn-xsrf"),
    ("elasticsearch", "9.4.1", "kbn-xsrf"),
    ("elasticsearch", "9.5.0", "kbn-xsrf"),
    ("elasticsearch", "10.0.0", "kbn-xsrf"),
    ("opensearch", "3.8.0", "osd-xsrf"),
]


@contextmanager
def reached(stand_in: Dashboards, folder: Path, key: str = "setup") -> Iterator[tuple[Wire, Loopback]]:
    (folder / "key").write_text(key)
    with (
        loopback(stand_in) as server,
        Wire(settings("http://127.0.0.1:1", api_key={"file": folder / "key"}), "Kibana", server.url) as wire,
    ):
        yield wire, server


def results(done: list[Done]) -> set[str]:
    return {one.result for one in done}


@pytest.mark.parametrize(
    ("product", "version", "header", "space"),
    [*((*case, "") for case in CASES), *((*case, "soc") for case in CASES if case[0] == "elasticsearch")],
)
def test_everything_is_there_once_and_goes_again(
    tmp_path: Path, product: Product, version: str, header: str, space: str
) -> None:
    stand_in = Dashboards(version, header)
    with reached(stand_in, tmp_path) as (wire, _):
        assert results(install(wire, product, space)) == {"created"}
        end = f".{space}" if space else ""
        names = {name for kind, name in stand_in.objects if kind == "dashboard"}
        assert names == {f"probewatch-triage{end}", f"probewatch-quality{end}"}
        assert ("index-pattern", f"probewatch-alerts{end}") in stand_in.objects
        assert ("search", f"probewatch-revisions{end}") in stand_in.objects
        assert set(stand_in.rules) == ({RULE} if product == "elasticsearch" else set())
        held = len(stand_in.objects)
        assert results(install(wire, product, space)) <= {"updated", "unchanged"}
        assert len(stand_in.objects) == held
        known = Server(product, (9, 5))
        assert shown(wire, known, space).verdict == "good"
        lost = stand_in.objects.pop(("dashboard", f"probewatch-quality{end}"))
        assert "probewatch-quality" in shown(wire, known, space).detail
        stand_in.objects["dashboard", f"probewatch-quality{end}"] = lost
        assert results(uninstall(wire, product, space)) == {"removed"}
        assert not stand_in.objects
        assert not stand_in.rules
        assert results(uninstall(wire, product, space)) == {"absent"}


@pytest.mark.parametrize("version", ["8.19.2", "9.5.0"])
def test_two_spaces_do_not_take_each_others_ids(tmp_path: Path, version: str) -> None:
    stand_in = Dashboards(version)
    with reached(stand_in, tmp_path) as (wire, _):
        for space in ("", "soc"):
            install(wire, "elasticsearch", space, with_rule=False)
        held = set(stand_in.objects)
        assert len(held) == 2 * len([name for _, name in held if not name.endswith(".soc")])
        assert results(uninstall(wire, "elasticsearch", "soc", with_rule=False)) == {"removed"}
        assert set(stand_in.objects) == {key for key in held if not key[1].endswith(".soc")}


def test_a_rule_that_somebody_switched_on_stays_on(tmp_path: Path) -> None:
    stand_in = Dashboards()
    with reached(stand_in, tmp_path) as (wire, _):
        install(wire, "elasticsearch")
        assert stand_in.rules[RULE]["enabled"] is False
        stand_in.rules[RULE] |= {"enabled": True, "name": "of an older version"}
        done = {one.request.what: one.result for one in install(wire, "elasticsearch")}
        assert done["detection rule"] == "updated"
        assert stand_in.rules[RULE]["enabled"] is True
        assert stand_in.rules[RULE]["name"].startswith("Probing")
        install(wire, "elasticsearch", with_rule=False)
        uninstall(wire, "elasticsearch", with_rule=False)
        assert RULE in stand_in.rules


@pytest.mark.parametrize(
    ("stand_in", "key", "what"),
    [
        (Dashboards("8.18.3"), "setup", "Kibana 8.18 is older than the dashboards"),
        (Dashboards("soon"), "setup", "this is not Kibana"),
        (Dashboards(), "other", "the server does not know us"),
        (Dashboards(broken="conflict"), "setup", "the import was refused: conflict"),
        (Dashboards(header="x-other"), "setup", "the server answered 400"),
    ],
)
def test_what_is_refused_is_trouble(tmp_path: Path, stand_in: Dashboards, key: str, what: str) -> None:
    with reached(stand_in, tmp_path, key) as (wire, server):
        with pytest.raises(Trouble, match=what) as caught:
            install(wire, "elasticsearch")
        assert server.url not in str(caught.value)
        assert key not in str(caught.value)


def test_opensearch_has_no_spaces() -> None:
    with pytest.raises(Trouble, match="has no spaces"):
        requests("opensearch", (3, 8), "soc")


def test_the_stand_in_refuses_what_kibana_would(tmp_path: Path) -> None:
    """A check of the check: a reference that leads nowhere, a dashboard with an unknown name in it."""
    stand_in = Dashboards()
    with reached(stand_in, tmp_path) as (wire, _):
        upload, page, *_ = requests("elasticsearch", (9, 5))
        upload.lines[1]["references"][0]["id"] = "nowhere"
        assert wire.ask(upload).body["success"] is False
        assert page.body is not None
        page.body["colour"] = "red"
        assert wire.ask(page).status == 400
