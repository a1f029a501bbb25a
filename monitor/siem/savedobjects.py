"""Data view, Discover session and dashboards as saved objects for Kibana, in the form of 8.19, the oldest supported.

Kibana reads what an older one has written and refuses what a newer one has; each object says of which form it is.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from monitor.formats.fields import FIELDS
from monitor.siem.bodies import PATTERN
from monitor.siem.lens import chart
from monitor.siem.panels import COLUMNS, DASHBOARDS, DATA, FROM, NO_TESTS, SESSION, TIME, VIEW, Dashboard, Panel, Terms
from monitor.siem.requests import Json

_CORE: Final = "8.8.0"  # form of all saved objects since that version
_FORMS: Final = {"dashboard": "10.2.0", "search": "8.0.0", "index-pattern": "8.0.0"}
_SEARCH_SOURCE: Final = "kibanaSavedObjectMeta.searchSourceJSON.index"


def saved_objects(dashboards: bool = True) -> list[Json]:
    """The objects, without the last line that an export has; without the dashboards where those go another way."""
    pages = [dashboard(one) for one in DASHBOARDS] if dashboards else []
    return [data_view(), session(), *pages]


def exported(objects: list[Json]) -> list[Json]:
    """The lines of a file as Kibana exports it."""
    last = {
        "exportedCount": len(objects),
        "missingRefCount": 0,
        "missingReferences": [],
        "excludedObjects": [],
        "excludedObjectsCount": 0,
    }
    return [*objects, last]


def data_view() -> Json:
    """The data view of all streams of alerts."""
    told = {name: {"customDescription": field.meaning[:300]} for name, field in FIELDS.items()}
    attributes = {
        "title": PATTERN,
        "name": "probewatch alerts",
        "timeFieldName": TIME,
        "fieldAttrs": text(told),
        "fieldFormatMap": text(
            {
                "event.duration": {
                    "id": "duration",
                    "params": {"inputFormat": "nanoseconds", "outputFormat": "humanizePrecise"},
                }
            }
        ),
        "fields": "[]",
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
        "allowHidden": False,
    }
    return _object("index-pattern", VIEW, attributes, [])


def session() -> Json:
    """The Discover session: every revision of every finding."""
    source = {
        "indexRefName": _SEARCH_SOURCE,
        "query": {"language": "kuery", "query": f"{DATA} and {NO_TESTS}"},
        "filter": [],
    }
    attributes = {
        "title": "[probewatch] Revisions of findings",
        "description": "Every revision of every finding, the latest first.",
        "columns": list(COLUMNS),
        "sort": [[TIME, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": text(source)},
    }
    return _object("search", SESSION, attributes, [_view(_SEARCH_SOURCE)])


def dashboard(of: Dashboard) -> Json:
    """A dashboard, its charts by value."""
    references, panels = [], []
    for panel in of.panels:
        made = _panel(panel)
        panels.append(made)
        inner = made["embeddableConfig"].get("attributes", {}).get("references", [])
        references += [_view(f"{panel.name}:{one['name']}") for one in inner]
        if panel.kind == "session":
            references.append({"type": "search", "id": SESSION, "name": f"{panel.name}:{made['panelRefName']}"})
    references += [_view(f"controlGroup_{_control(one)}:optionsListDataView") for one in of.controls]
    source = {"query": {"language": "kuery", "query": f"{DATA} and {NO_TESTS}"}, "filter": []}
    options = {
        "useMargins": True,
        "hidePanelTitles": False,
        "syncColors": True,
        "syncCursor": True,
        "syncTooltips": False,
    }
    attributes = {
        "title": of.title,
        "description": of.description,
        "panelsJSON": text(panels),
        "optionsJSON": text(options),
        "controlGroupInput": _controls(of),
        "kibanaSavedObjectMeta": {"searchSourceJSON": text(source)},
        "timeRestore": True,
        "timeFrom": FROM,
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60_000},
        "version": 3,
    }
    return _object("dashboard", of.id, attributes, references)


def text(tree: Any) -> str:
    """A tree as the text in which saved objects hold it."""
    return orjson.dumps(tree).decode()


def _panel(panel: Panel) -> Json:
    x, y, w, h = panel.place
    made = {"panelIndex": panel.name, "gridData": {"x": x, "y": y, "w": w, "h": h, "i": panel.name}}
    if panel.kind == "text":
        vis = {
            "title": "",
            "description": "",
            "type": "markdown",
            "params": {"markdown": panel.text, "fontSize": 12, "openLinksInNewTab": True},
            "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": {"language": "kuery", "query": ""}, "filter": []}},
        }
        config: Json = {"savedVis": vis, "hidePanelTitles": True, "enhancements": {}}
        return made | {"type": "visualization", "embeddableConfig": config}
    if panel.kind == "session":
        named = {"type": "search", "title": panel.title, "panelRefName": f"panel_{panel.name}"}
        return made | named | {"embeddableConfig": {"enhancements": {}}}
    config = {"attributes": chart(panel), "enhancements": {}, "hidePanelTitles": False}
    return made | {"type": "lens", "title": panel.title, "embeddableConfig": config}


def _controls(of: Dashboard) -> Json:
    panels = {
        _control(one): {
            "type": "optionsListControl",
            "order": at,
            "width": "medium",
            "grow": True,
            "explicitInput": {
                "id": _control(one),
                "fieldName": one.field,
                "title": one.label,
                "searchTechnique": "prefix",
                "selectedOptions": [],
                "sort": {"by": "_count", "direction": "desc"},
            },
        }
        for at, one in enumerate(of.controls)
    }
    ignored = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": text(ignored),
        "panelsJSON": text(panels),
        "showApplySelections": False,
    }


def _control(of: Terms) -> str:
    return f"control-{of.label.lower()}"


def _view(name: str) -> Json:
    return {"type": "index-pattern", "id": VIEW, "name": name}


def _object(kind: str, name: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "id": name,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "managed": False,
        "coreMigrationVersion": _CORE,
        "typeMigrationVersion": _FORMS[kind],
    }
