"""The detection rule that makes alerts of Elastic Security out of ours, one for each revision that opened a finding.

Elastic ships a general one, "External Alerts", which would make the same alerts a second time; its exception is here.
"""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import FAMILIES, Family
from monitor.alerts.guidance import GUIDANCE
from monitor.formats.ecs import DATASET
from monitor.formats.severity import LEVELS
from monitor.siem.bodies import PATTERN
from monitor.siem.panels import DATA, NO_TESTS, TIME
from monitor.siem.requests import Json

RULE: Final = "probewatch-promotion"  # its rule_id
EXCLUDE: Final = f"event.dataset is {DATASET}"

INVESTIGATED: Final = (
    "rule.name",
    "event.reason",
    "probewatch.explanation",
    "probewatch.finding",
    "probewatch.status",
    "service.name",
    "user.hash",
    "related.user",
    "probewatch.group",
    "probewatch.exposure.queries",
    "probewatch.exposure.output_bits",
    "probewatch.response",
    "threat.technique.subtechnique.id",
    "probewatch.lineage.topic",
)

_SETUP: Final = (
    "`probewatch siem install` makes the data stream that this rule reads.\n\n"
    'If Elastic\'s own rule "External Alerts" is switched on, add a rule exception to it, '
    f"`{EXCLUDE}`; else every finding becomes two alerts.\n\n"
    "Only the revision that opens a finding becomes an alert. With a Platinum licence later revisions can count too: "
    "take `probewatch.status` out of the query and suppress alerts by `probewatch.finding`."
)


def rule() -> Json:
    """The rule, switched off: the revision that opens a finding becomes an alert."""
    return {
        "rule_id": RULE,
        "name": "Probing of a machine-learning model (probewatch)",
        "description": (
            "Makes an alert of each finding of probewatch, which watches the queries of deployed models for clients "
            "that probe them for training data, parameters or weak spots. Severity and risk are the finding's own."
        ),
        "type": "query",
        "language": "kuery",
        "index": [PATTERN],
        "query": f"event.kind: alert and {DATA} and {NO_TESTS} and probewatch.status: open",
        "enabled": False,
        "interval": "1m",
        "from": "now-2m",
        "to": "now",
        "max_signals": 1000,
        "severity": "medium",
        "risk_score": 47,
        "severity_mapping": _severities(),
        "risk_score_mapping": [{"field": "event.risk_score", "operator": "equals", "value": ""}],
        "rule_name_override": "rule.name",
        "timestamp_override": "event.ingested",
        "author": ["probewatch"],
        "license": "Apache-2.0",
        "tags": ["Domain: AI", "Use Case: Threat Detection", "Promotion: External Alerts", *_techniques()],
        "references": ["https://atlas.mitre.org/"],
        "false_positives": [f"{one.title}: {GUIDANCE[one.name].false_alarm}" for one in FAMILIES.values()],
        "investigation_fields": {"field_names": list(INVESTIGATED)},
        "required_fields": _required(),
        "threat": _threat(),
        "note": guide(),
        "setup": _SETUP,
        "version": 1,
    }


def exported(of: Json) -> list[Json]:
    """The lines of a file of rules."""
    names = ("exception_list", "exception_list_item", "action_connector")
    none: Json = {f"exported_{name}_count": 0 for name in names} | {f"missing_{name}s": [] for name in names}
    none |= {"missing_exception_lists_count": 0, "missing_exception_list_items_count": 0, "missing_rules": []}
    return [of, none | {"exported_count": 1, "exported_rules_count": 1, "missing_rules_count": 0}]


def guide() -> str:
    """The triage guide, in the order of headings that Elastic's own rules have."""
    families = "\n".join(_family(one) for one in FAMILIES.values())
    return f"""## Triage and analysis

### Investigating a finding

A finding claims: this client, this model, this attack, this episode. It is one or several clients by pseudonym \
(`user.hash`, `related.user`), never by name. `event.reason` says why in a sentence; `probewatch.explanation` names \
the numbers that decided, each with what is usual for the model.

### Possible investigation steps

- Open the dashboard "[probewatch] Triage" and filter on `probewatch.finding`. Has it grown, or ended?
- Read `probewatch.explanation` and the family below: is this the attack, or the honest use that looks like it?
- Look at `probewatch.exposure.*`: how many queries were answered, how much has got out?
- Filter on `user.hash` without the family: what else did this client do, on which models?
- `probewatch.members`: several pseudonyms are a campaign. Do the accounts belong together?
- Turn the pseudonym into a name on the monitor's host, `probewatch pseudonym`: that is audited.

### False positive analysis

{families}

### Response and remediation

- `probewatch.response` lists what helps, the mildest first: throttle, coarser scores, labels alone, a block.
- Tell the model's owner, with `probewatch.exposure.*`: what has been answered cannot be called back.
- Honest after all? Give its traffic a name with `probewatch profile`, and close the alert as a false positive.
- `probewatch.lineage.*` says where the queries stand in the log, for evidence.
"""


def _family(of: Family) -> str:
    told = GUIDANCE[of.name]
    return f"- **{of.title}**. After: {told.aim} A false alarm if: {told.false_alarm} {told.look}"


def _severities() -> list[Json]:
    return [
        {"field": "event.severity", "operator": "equals", "value": str(level.elastic), "severity": name}
        for name, level in LEVELS.items()
    ]


def _required() -> list[Json]:
    used = {"event.kind": "keyword", "data_stream.dataset": "keyword", "event.ingested": "date", TIME: "date"}
    return [{"name": name, "type": kind, "ecs": True} for name, kind in used.items()]


def _techniques() -> list[str]:
    ids = {technique.id.removeprefix("AML.") for one in FAMILIES.values() for technique in one.techniques}
    return [f"Mitre Atlas: {name}" for name in sorted(ids)]


def _threat() -> list[Json]:
    """Tactics of ATT&CK, so that the rule stands in the page of coverage, which does not know ATLAS."""
    named = {"TA0010": "Exfiltration", "TA0007": "Discovery"}
    return [
        {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": name, "name": title, "reference": f"https://attack.mitre.org/tactics/{name}/"},
            "technique": [],
        }
        for name, title in named.items()
    ]
