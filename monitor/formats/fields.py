"""The fields of an alert's ECS document: name, type, meaning. Mappings, data views, docs and checks are made from it.

Only types that every target has. A field under a list of objects counts by its own name, as mappings do. What is not
listed here is kept with the document and found by nobody; a test holds the list against what we write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

Type = Literal["keyword", "text", "date", "long", "float", "double", "flattened"]

_LONGEST: Final = 1024  # characters of a keyword that are indexed


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type in Elasticsearch, and what it says."""

    name: str
    type: Type
    meaning: str


_TABLE: Final = """
@timestamp | date | Event time of this revision.
message | text | Title of the family; the name of the alert in Kibana.
tags | keyword | `probewatch`, the tier, `probewatch-test` on tests, and techniques as Elastic's own rules write them.
labels | flattened | The operator's labels, and those of storms and kinds of traffic.
ecs.version | keyword | Version of the Elastic Common Schema.
data_stream.type | keyword | Always `logs`.
data_stream.dataset | keyword | Always `probewatch.alert`.
data_stream.namespace | keyword | Namespace of the sink.
error.message | text | What failed in the ingest pipeline.
error.type | keyword | Tag of the processor that failed.
event.kind | keyword | `alert`; `pipeline_error` where the pipeline failed, `event` where `siem verify` wrote it.
event.category | keyword | `intrusion_detection` and `api`.
event.type | keyword | Always `info`.
event.id | keyword | The finding and its revision; the document's `_id`.
event.code | keyword | `probewatch.` and the family.
event.action | keyword | The family, and that it is suspected or found.
event.module | keyword | Always `probewatch`.
event.dataset | keyword | Always `probewatch.alert`.
event.provider | keyword | Always `probewatch`.
event.reason | keyword | Why, in a sentence.
event.sequence | long | The revision of the finding.
event.severity | long | 21, 47, 73 or 99.
event.duration | long | Nanoseconds from start to end.
event.risk_score | float | Risk, 0 to 100.
event.risk_score_norm | float | The same.
event.start | date | When what led to it began.
event.end | date | Time of this revision.
event.url | keyword | Where this alert can be looked at.
event.ingested | date | When the document arrived; set by the pipeline.
rule.id | keyword | `probewatch.` and the family.
rule.name | keyword | Title of the family.
rule.category | keyword | The family.
rule.ruleset | keyword | Always `probewatch`.
rule.version | keyword | Version of the program.
rule.reference | keyword | Page of the primary technique.
threat.framework | keyword | `MITRE ATLAS`.
threat.tactic.id | keyword | Tactic of the primary technique.
threat.tactic.name | keyword | Its name.
threat.tactic.reference | keyword | Its page.
threat.technique.id | keyword | Primary technique.
threat.technique.name | keyword | Its name.
threat.technique.reference | keyword | Its page.
threat.technique.subtechnique.id | keyword | Primary sub-technique.
threat.technique.subtechnique.name | keyword | Its name.
threat.technique.subtechnique.reference | keyword | Its page.
user.hash | keyword | Pseudonym of the client.
related.user | keyword | Every pseudonym in the alert: the client, or the members.
observer.name | keyword | Always `probewatch`.
observer.product | keyword | Always `probewatch`.
observer.vendor | keyword | Always `probewatch`.
observer.type | keyword | Always `ml-query-monitor`.
service.name | keyword | The model that was queried.
service.type | keyword | Always `model`.
probewatch.finding | keyword | Id of the finding, the same in all of its revisions.
probewatch.revision | long | 1 when it opens, then 2, 3 ...
probewatch.status | keyword | `open`, `updated` or `closed`.
probewatch.tier | keyword | `named`, `novelty` or `operations`.
probewatch.family | keyword | The attack family.
probewatch.title | keyword | What was found, in a few words.
probewatch.model | keyword | The model that was queried.
probewatch.client | keyword | Pseudonym of the client.
probewatch.members | keyword | Pseudonyms of a campaign.
probewatch.group | keyword | Pseudonym of the client's organisation.
probewatch.severity | keyword | `low`, `medium`, `high` or `critical`.
probewatch.evalue | double | How strongly the evidence speaks against honest use.
probewatch.budget | double | The e-value that had to be beaten.
probewatch.raised_at | date | When the finding opened.
probewatch.queries | long | Queries of that model when the finding opened.
probewatch.profile | keyword | The nearest ordinary profile of traffic.
probewatch.response | keyword | What to do, the mildest first.
probewatch.explanation | keyword | Each number behind the evidence in a line: feature, value, usual value.
probewatch.evidence.detector | keyword | Detectors that speak.
probewatch.evidence.test | keyword | Their tests.
probewatch.evidence.family | keyword | Families of which that is evidence.
probewatch.evidence.strength | double | 0 as honest clients, 1 as the attack.
probewatch.evidence.evalue | double | What that strength is worth.
probewatch.evidence.contributions.feature | keyword | Features behind it.
probewatch.evidence.contributions.value | double | Their values.
probewatch.evidence.contributions.usual | double | The model's usual values.
probewatch.evidence.contributions.share | double | How far they carry the test.
probewatch.exposure.queries | long | Queries of that model so far.
probewatch.exposure.answered | long | How many were answered.
probewatch.exposure.output_bits | double | Bits that the answers disclosed, estimated.
probewatch.exposure.distinct_inputs | long | How many inputs were different.
probewatch.exposure.classes_seen | long | Classes that were answered.
probewatch.exposure.classes_known | long | Classes that the model is known to have.
probewatch.exposure.sweeps | long | Records of which one column was asked with every value that was known.
probewatch.exposure.trained | long | Inputs that the model was trained on, where fingerprints tell.
probewatch.change | text | What is new since the revision before, or why the finding was closed.
probewatch.timeline.at | date | Moments in the life of the finding.
probewatch.timeline.event | keyword | What happened then.
probewatch.timeline.severity | keyword | Its severity from then on.
probewatch.guidance.aim | text | What a client like this one is after.
probewatch.guidance.actions.action | keyword | What to do, the mildest first.
probewatch.guidance.actions.effect | text | What that does to an attack, and to an honest client.
probewatch.guidance.actions.mitigations | keyword | Mitigations of MITRE ATLAS that it is.
probewatch.guidance.false_alarm | text | What would make it a false alarm.
probewatch.guidance.look | text | Where to look first.
probewatch.guidance.checks | keyword | Commands that check it.
probewatch.attack.atlas.edition | keyword | Edition of MITRE ATLAS.
probewatch.attack.atlas.techniques | keyword | All of its techniques that fit.
probewatch.attack.atlas.mitigations | keyword | Its mitigations to cite.
probewatch.attack.owasp | keyword | Ids of the OWASP lists, with edition.
probewatch.attack.nist.edition | keyword | Edition of NIST AI 100-2.
probewatch.attack.nist.ids | keyword | Its ids.
probewatch.lineage.topic | keyword | Topic or file of the queries.
probewatch.lineage.partition | long | Its partition.
probewatch.lineage.first_offset | long | The first query.
probewatch.lineage.last_offset | long | The latest query that this revision knows.
probewatch.lineage.detector_version | keyword | Version of the program.
probewatch.lineage.config_hash | keyword | Changes with every setting that changes findings.
probewatch.lineage.key_epochs | keyword | Keys of the pseudonyms.
"""


def _read(line: str) -> Field:
    name, kind, meaning = (part.strip() for part in line.split(" | ", 2))
    return Field(name, kind, meaning)  # type: ignore[arg-type]  # a test holds the types


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {field.name: field for field in map(_read, _TABLE.strip().splitlines())}
)


def mapping(flattened: str = "flattened") -> dict[str, Any]:
    """The explicit mapping of all fields; `flattened` is what the server calls that type.

    What is not mapped is kept and not indexed, so that nobody outside can make fields.
    """
    properties: dict[str, Any] = {}
    for field in FIELDS.values():
        *above, last = field.name.split(".")
        here = properties
        for part in above:
            here = here.setdefault(part, {"properties": {}})["properties"]
        here[last] = _typed(field, flattened)
    return {"dynamic": False, "properties": properties}


def names_in(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every field of a mapping with objects above it, in the form `event.kind`."""
    for name, field in properties.items():
        yield f"{prefix}{name}"
        yield from names_in(field.get("properties", {}), f"{prefix}{name}.")


def _typed(field: Field, flattened: str) -> dict[str, Any]:
    if field.type == "keyword":
        return {"type": "keyword", "ignore_above": _LONGEST}
    return {"type": flattened if field.type == "flattened" else field.type}
