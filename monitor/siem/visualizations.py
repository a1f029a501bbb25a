"""The same panels for OpenSearch Dashboards, which has no Lens: visualizations made of aggregations.

Their form is that of 7.10, which every version of OpenSearch Dashboards reads.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.siem.bodies import PATTERN
from monitor.siem.panels import (
    COLUMNS,
    DASHBOARDS,
    DATA,
    FROM,
    NO_TESTS,
    SESSION,
    TIME,
    VIEW,
    Bands,
    Dashboard,
    Metric,
    Panel,
    Terms,
)
from monitor.siem.requests import Json
from monitor.siem.savedobjects import text

_FORMS: Final = {"dashboard": "7.9.3", "search": "7.9.3", "index-pattern": "7.6.0", "visualization": "7.10.0"}
_TYPES: Final = {"metric": "metric", "table": "table", "heatmap": "heatmap", "text": "markdown"}
_SOURCE: Final = "kibanaSavedObjectMeta.searchSourceJSON.index"
_OPERATIONS: Final = {"unique_count": "cardinality", "last_value": "top_hits"}


def saved_objects() -> list[Json]:
    """Index pattern, saved search, visualizations and dashboards."""
    charts = [_visualization(one, panel) for one in DASHBOARDS for panel in one.panels if panel.kind != "session"]
    return [_pattern(), _search(), *charts, *(_dashboard(one) for one in DASHBOARDS)]


def _pattern() -> Json:
    attributes = {"title": PATTERN, "timeFieldName": TIME, "fields": "[]"}
    return _object("index-pattern", VIEW, attributes, [])


def _search() -> Json:
    attributes = {
        "title": "[probewatch] Revisions of findings",
        "description": "Every revision of every finding, the latest first.",
        "columns": list(COLUMNS),
        "sort": [[TIME, "desc"]],
        "version": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _searching(f"{DATA} and {NO_TESTS}")},
    }
    return _object("search", SESSION, attributes, [_view()])


def _dashboard(of: Dashboard) -> Json:
    panels, references = [], []
    for at, panel in enumerate(of.panels):
        x, y, w, h = panel.place
        place = {"x": x, "y": y, "w": w, "h": h, "i": panel.name}
        named = {"panelIndex": panel.name, "panelRefName": f"panel_{at}", "version": _FORMS["dashboard"]}
        panels.append(named | {"gridData": place, "embeddableConfig": {}})
        leads = ("search", SESSION) if panel.kind == "session" else ("visualization", f"{of.id}-{panel.name}")
        references.append({"type": leads[0], "id": leads[1], "name": f"panel_{at}"})
    source = {"query": {"language": "kuery", "query": f"{DATA} and {NO_TESTS}"}, "filter": []}
    attributes = {
        "title": of.title,
        "description": of.description,
        "panelsJSON": text(panels),
        "optionsJSON": text({"useMargins": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": FROM,
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60_000},
        "version": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": text(source)},
    }
    return _object("dashboard", of.id, attributes, references)


def _visualization(of: Dashboard, panel: Panel) -> Json:
    title = panel.title or f"{of.title}: about"
    kind = _TYPES.get(panel.kind, "histogram")
    aggregations = [] if panel.kind == "text" else _aggregations(panel)
    state = {"title": title, "type": kind, "aggs": aggregations, "params": _params(panel)}
    plain = text({"query": {"language": "kuery", "query": ""}, "filter": []})
    attributes = {
        "title": title,
        "description": "",
        "uiStateJSON": "{}",
        "version": 1,
        "visState": text(state),
        "kibanaSavedObjectMeta": {"searchSourceJSON": plain if panel.kind == "text" else _searching(panel.only)},
    }
    references = [] if panel.kind == "text" else [_view()]
    return _object("visualization", f"{of.id}-{panel.name}", attributes, references)


def _aggregations(panel: Panel) -> list[Json]:
    made = [_metric(str(at), metric) for at, metric in enumerate(panel.metrics, 1)]
    groups: list[Json] = []
    if panel.kind == "over_time":
        params = {"field": TIME, "interval": "auto", "min_doc_count": 1, "drop_partials": False, "extended_bounds": {}}
        groups.append({"type": "date_histogram", "params": params})
    groups += [_group(group) for group in panel.groups]
    for at, (group, schema) in enumerate(zip(groups, _schemas(panel), strict=False), len(made) + 1):
        made.append({"id": str(at), "enabled": True, "schema": schema} | group)
    return made


def _schemas(panel: Panel) -> tuple[str, ...]:
    """The part that each group plays."""
    return {
        "metric": ("group",),
        "table": ("bucket",) * len(panel.groups),
        "heatmap": ("segment", "group"),
        "over_time": ("segment", "group"),
    }.get(panel.kind, ("segment",))


def _group(group: Terms | Bands) -> Json:
    if isinstance(group, Bands):
        ranges = [{"from": low, "to": high} for low, high in zip(group.edges, group.edges[1:], strict=False)]
        return {"type": "range", "params": {"field": group.field, "ranges": ranges, "customLabel": group.label}}
    params = {
        "field": group.field,
        "size": group.size,
        "orderBy": "1",
        "order": "desc",
        "otherBucket": False,
        "missingBucket": False,
        "customLabel": group.label,
    }
    return {"type": "terms", "params": params}


def _metric(name: str, metric: Metric) -> Json:
    params: dict[str, Any] = {"customLabel": metric.label}
    if metric.field:
        params["field"] = metric.field
    if metric.operation == "last_value":
        params |= {"aggregate": "concat", "size": 1, "sortField": TIME, "sortOrder": "desc"}
    kind = _OPERATIONS.get(metric.operation, metric.operation)
    return {"id": name, "enabled": True, "type": kind, "schema": "metric", "params": params}


def _params(panel: Panel) -> Json:
    match panel.kind:
        case "text":
            return {"markdown": panel.text, "fontSize": 12, "openLinksInNewTab": True}
        case "metric":
            style = {"bgColor": False, "bgFill": "#000", "fontSize": 36, "labelColor": False, "subText": ""}
            ranges = [{"from": 0, "to": 10_000}]
            shown = {"percentageMode": False, "useRanges": False, "colorSchema": "Green to Red", "style": style}
            more = {"metricColorMode": "None", "colorsRange": ranges, "labels": {"show": True}, "invertColors": False}
            return {"type": "metric", "addTooltip": True, "addLegend": False, "metric": shown | more}
        case "table":
            sort = {"columnIndex": None, "direction": None}
            return {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "sort": sort}
        case "heatmap":
            scale = {"colorsNumber": 4, "colorSchema": "Reds", "setColorRange": False, "percentageMode": False}
            axis = {"id": "ValueAxis-1", "type": "value", "show": False, "scale": {"type": "linear"}, "labels": {}}
            return (
                {"type": "heatmap", "addTooltip": True, "addLegend": True, "legendPosition": "right"}
                | scale
                | {
                    "valueAxes": [axis],
                    "enableHover": False,
                    "times": [],
                    "invertColors": False,
                    "colorsRange": [],
                }
            )
        case _:
            return _bars(panel)


def _bars(panel: Panel) -> Json:
    across = {"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": True}
    up = {"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": True}
    series = {
        "show": True,
        "type": "histogram",
        "mode": "stacked",
        "data": {"id": "1", "label": panel.metrics[0].label},
        "valueAxis": "ValueAxis-1",
    }
    shown = {"labels": {"show": True, "truncate": 100}, "title": {}, "style": {}}
    return {
        "type": "histogram",
        "grid": {"categoryLines": False},
        "categoryAxes": [across | shown | {"scale": {"type": "linear"}}],
        "valueAxes": [up | shown | {"scale": {"type": "linear", "mode": "normal"}}],
        "seriesParams": [series],
        "addTooltip": True,
        "addLegend": True,
        "legendPosition": "right",
        "times": [],
        "addTimeMarker": False,
    }


def _searching(query: str) -> str:
    source = {"query": {"language": "kuery", "query": query}, "filter": [], "indexRefName": _SOURCE}
    return text(source)


def _view() -> Json:
    return {"type": "index-pattern", "id": VIEW, "name": _SOURCE}


def _object(kind: str, name: str, attributes: Json, references: list[Json]) -> Json:
    form = {"migrationVersion": {kind: _FORMS[kind]}}
    return {"id": name, "type": kind, "attributes": attributes, "references": references} | form
