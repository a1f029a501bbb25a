"""The attack families and what MITRE ATLAS, OWASP and NIST call them: one pinned table, and the only place for ids.

ATLAS as released in version 5.6.1 (2026-05-05), OWASP Machine Learning Top 10 2023 and LLM Top 10 2026 (the edition is
part of each id), NIST AI 100-2 E2025. Compare by id, never by name: names change between editions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

ATLAS_EDITION: Final = "5.6.1"
NIST_EDITION: Final = "AI 100-2 E2025"
GAP: Final = "gap"  # nobody read a stretch of the log: no attack, and no detector speaks of it


class UnknownFamily(LookupError):  # noqa: N818  (a statement, like KeyError)
    """No attack family has that name."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What ATLAS has a page for; `pages` is where it keeps those of this sort."""

    pages: ClassVar[str]

    id: str
    name: str

    @property
    def reference(self) -> str:
        """Its page."""
        return f"https://atlas.mitre.org/{self.pages}/{self.id}"


class Tactic(_Entry):
    """What an attacker wants, in the words of ATLAS."""

    __slots__ = ()
    pages = "tactics"


@dataclass(frozen=True, slots=True)
class Technique(_Entry):
    """How an attacker goes about it. `tactic` is the first one that ATLAS lists; `parent` is None or the technique of
    which this is a sub-technique."""

    pages = "techniques"

    tactic: Tactic
    parent: Technique | None = None


class Mitigation(_Entry):
    """What helps against a technique, in the words of ATLAS."""

    __slots__ = ()
    pages = "mitigations"


@dataclass(frozen=True, slots=True)
class Family:
    """One attack family. `name` stands in findings, settings and metrics; `title` is for people.

    `techniques` are those of ATLAS, the primary one first, empty where none fits; `owasp` and `nist` are ids;
    `mitigations` are what to cite when a response is recommended, the most useful first."""

    name: str
    title: str
    techniques: tuple[Technique, ...]
    owasp: tuple[str, ...]
    nist: tuple[str, ...]
    mitigations: tuple[Mitigation, ...]

    @property
    def primary(self) -> Technique | None:
        """The technique to show where only one can be shown."""
        return self.techniques[0] if self.techniques else None


_MODEL_ACCESS = Tactic("AML.TA0000", "AI Model Access")
_STAGING = Tactic("AML.TA0001", "AI Attack Staging")
_RESOURCES = Tactic("AML.TA0003", "Resource Development")
_INITIAL_ACCESS = Tactic("AML.TA0004", "Initial Access")
_EXFILTRATION = Tactic("AML.TA0010", "Exfiltration")
_IMPACT = Tactic("AML.TA0011", "Impact")

_INFRASTRUCTURE = Technique("AML.T0008", "Acquire Infrastructure", _RESOURCES)
_PROXIES = Technique("AML.T0008.005", "AI Service Proxies", _RESOURCES, _INFRASTRUCTURE)
_EVADE = Technique("AML.T0015", "Evade AI Model", _INITIAL_ACCESS)
_ACCOUNTS = Technique("AML.T0021", "Establish Accounts", _RESOURCES)
_INFERENCE_API = Technique("AML.T0024", "Exfiltration via AI Inference API", _EXFILTRATION)
_MEMBERSHIP = Technique("AML.T0024.000", "Infer Training Data Membership", _EXFILTRATION, _INFERENCE_API)
_INVERT = Technique("AML.T0024.001", "Invert AI Model", _EXFILTRATION, _INFERENCE_API)
_EXTRACT = Technique("AML.T0024.002", "Extract AI Model", _EXFILTRATION, _INFERENCE_API)
_DENIAL = Technique("AML.T0029", "Denial of AI Service", _IMPACT)
_COST = Technique("AML.T0034", "Cost Harvesting", _IMPACT)
_API_ACCESS = Technique("AML.T0040", "AI Model Inference API Access", _MODEL_ACCESS)
_CRAFT = Technique("AML.T0043", "Craft Adversarial Data", _STAGING)
_BLACK_BOX = Technique("AML.T0043.001", "Black-Box Optimization", _STAGING, _CRAFT)
_TRIGGER = Technique("AML.T0043.004", "Insert Backdoor Trigger", _STAGING, _CRAFT)
_SYSTEM_PROMPT = Technique("AML.T0056", "Extract LLM System Prompt", _EXFILTRATION)
_LEAKAGE = Technique("AML.T0057", "LLM Data Leakage", _EXFILTRATION)

_OBFUSCATE = Mitigation("AML.M0002", "Passive AI Output Obfuscation")
_HARDEN = Mitigation("AML.M0003", "Model Hardening")
_LIMIT = Mitigation("AML.M0004", "Restrict Number of AI Model Queries")
_VALIDATE = Mitigation("AML.M0008", "Validate AI Model")
_RESTORE = Mitigation("AML.M0010", "Input Restoration")
_DETECT = Mitigation("AML.M0015", "Adversarial Input Detection")
_CONTROL = Mitigation("AML.M0019", "Control Access to AI Models and Data in Production")
_GUARDRAILS = Mitigation("AML.M0020", "Generative AI Guardrails")
_TELEMETRY = Mitigation("AML.M0024", "AI Telemetry Logging")

#: By what they do, for recommendations.
MITIGATIONS: Final[Mapping[str, Mitigation]] = MappingProxyType(
    {"limit": _LIMIT, "obfuscate": _OBFUSCATE, "control": _CONTROL, "detect": _DETECT, "telemetry": _TELEMETRY}
)

_PRIVACY = (_LIMIT, _OBFUSCATE, _TELEMETRY)

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("inversion", "Model inversion", (_INVERT,), ("ML03:2023",), ("NISTAML.032",), _PRIVACY),
            Family(
                "attribute-inference", "Attribute inference", (_INVERT,), ("ML03:2023",), ("NISTAML.032",), _PRIVACY
            ),
            Family("property-inference", "Property inference", (_MEMBERSHIP,), (), ("NISTAML.034",), _PRIVACY),
            Family(
                "membership-inference",
                "Membership inference",
                (_MEMBERSHIP,),
                ("ML04:2023",),
                ("NISTAML.033",),
                _PRIVACY,
            ),
            Family("extraction", "Model extraction", (_EXTRACT,), ("ML05:2023",), ("NISTAML.031",), _PRIVACY),
            Family(
                "evasion",
                "Adversarial example search",
                (_BLACK_BOX, _EVADE),
                ("ML01:2023",),
                ("NISTAML.025",),
                (_LIMIT, _OBFUSCATE, _DETECT, _HARDEN, _RESTORE),
            ),
            Family(
                "backdoor-probing",
                "Backdoor trigger probing",
                (_TRIGGER,),
                ("ML10:2023",),
                ("NISTAML.023",),
                (_DETECT, _VALIDATE, _HARDEN),
            ),
            Family(
                "llm-leakage",
                "Language model extraction or leakage",
                (_LEAKAGE, _SYSTEM_PROMPT, _EXTRACT),
                ("LLM06:2026", "LLM02:2026", "LLM08:2026"),
                ("NISTAML.035", "NISTAML.038"),
                (_GUARDRAILS, _LIMIT, _OBFUSCATE, _TELEMETRY),
            ),
            Family(
                "cost",
                "Cost harvesting or denial of service",
                (_DENIAL, _COST),
                ("LLM06:2026",),
                ("NISTAML.014",),
                (_LIMIT, _CONTROL),
            ),
            Family("access", "Unusual model access", (_API_ACCESS,), (), (), (_CONTROL, _TELEMETRY)),
            Family("novelty", "New kind of model traffic", (), (), (), (_TELEMETRY,)),
            Family("campaign", "Clients acting as one", (_PROXIES, _ACCOUNTS), (), (), (_CONTROL, _LIMIT)),
            Family(GAP, "Records never read", (), (), (), (_TELEMETRY,)),
        )
    }
)


def family(name: str) -> Family:
    """The family of that name; UnknownFamily where there is none.

    >>> family("inversion").primary.id
    'AML.T0024.001'
    """
    try:
        return FAMILIES[name]
    except KeyError:
        raise UnknownFamily(f"{name!r} is not an attack family; there are {', '.join(FAMILIES)}") from None
