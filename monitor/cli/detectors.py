"""`probewatch detectors`: which there are, and what each looks for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.options import as_json, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from detectors.contract import Detector


@click.group()
def command() -> None:
    """List the detectors, or explain one.

    Example: probewatch detectors explain extraction
    """


@command.command("list")
@as_json
def list_command(json: bool) -> None:
    """Every registered detector, ours and those of other packages: family, kinds of input, tests.

    Example: probewatch detectors list
    """
    from monitor.runtime.engines import detector_classes

    for detector in detector_classes().values():
        about = _about(detector)
        if json:
            write_json(about)
        else:
            click.echo(f"{about['name']:12} {about['family']:22} {', '.join(about['kinds'])}")
            click.echo(f"{'':12} {', '.join(about['tests'])}")


@command.command()
@click.argument("name")
@as_json
def explain(name: str, json: bool) -> None:
    """What a detector looks for, what looks like it and is honest, its tests, and the features that it reads.

    Example: probewatch detectors explain evasion
    """
    import difflib

    from monitor.runtime.engines import detector_classes

    known = detector_classes()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"
        raise Trouble(what=f"no detector is called {name}", where="probewatch detectors explain", mend=mend)
    about = _about(known[name])
    if json:
        write_json(about)
        return
    click.echo(f"{click.style(name, bold=True)}\n\n{about['explanation']}\n")
    for row in ("family", "atlas", "owasp", "nist", "kinds", "tests", "reads"):
        value = about[row]
        click.echo(f"{row:8} {value if isinstance(value, str) else ', '.join(value) or '-'}")
    for one in about["parameters"]:
        click.echo(f"engine.detectors.{name}.{one['name']} = {one['default']}  ({one['kind']})")


@command.command()
def page() -> None:
    """The page of the manual about detectors, in Markdown.

    Example: probewatch detectors page > detectors.md
    """
    from monitor.console.manual import detectors_page
    from monitor.runtime.engines import detector_classes

    click.echo(detectors_page(detector_classes().values()), nl=False)


@command.command()
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the pages; it is made."
)
def attacks(to: Path) -> None:
    """Write the pages of the manual about attacks, one for each family.

    Example: probewatch detectors attacks --to attacks
    """
    from monitor.console.attacks import attack_pages
    from monitor.runtime.engines import detector_classes

    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in attack_pages(list(detector_classes().values())).items():
            (to / name).write_text(text, encoding="utf-8")
    except OSError as problem:
        mend = "choose a folder that you may write"
        raise Trouble(what=f"the pages cannot be written: {problem.strerror}", where=str(to), mend=mend) from None


def _about(detector: type[Detector]) -> dict[str, Any]:
    """What the detector declares, and the ids of its family."""
    from detectors.sketch.queries import KINDS
    from detectors.taxonomy import family
    from monitor.console.manual import explanation
    from monitor.runtime.parameters import declared

    named = family(detector.family)
    return {
        "name": detector.name,
        "family": detector.family,
        "atlas": [technique.id for technique in named.techniques],
        "owasp": list(named.owasp),
        "nist": list(named.nist),
        "kinds": [KINDS[kind] for kind in sorted(detector.kinds)],
        "tests": list(detector.tests),
        "reads": sorted(detector.reads),
        "parameters": [asdict(one) for one in declared(detector)],
        "explanation": explanation(detector),
    }
