"""Dashboards as the bodies of Kibana's Dashboards API, in its stable form (9.5), charts by value."""

from __future__ import annotations

from monitor.siem.bodies import PATTERN
from monitor.siem.panels import DATA, FROM, NO_TESTS, SESSION, TIME, VIEW, Bands, Dashboard, Metric, Panel, Terms
from monitor.siem.requests import Json

_LANGUAGE = "kql"


def body(of: Dashboard) -> Json:
    """The whole dashboard; `PUT /api/dashboards/{id}` makes or replaces it."""
    controls = [
        {
            "type": "options_list_control",
            "width": "medium",
            "grow": True,
            "config": {"title": one.label, "data_view_id": VIEW, "field_name": one.field},
        }
        for one in of.controls
    ]
    return {
        "title": of.title,
        "description": of.description,
        "time_range": {"from": FROM, "to": "now"},
        "refresh_interval": {"pause": True, "value": 60_000},
        "query": {"language": _LANGUAGE, "expression": f"{DATA} and {NO_TESTS}"},
        "options": {"use_margins": True, "sync_colors": True, "sync_cursor": True, "hide_panel_titles": False},
        "pinned_panels": controls,
        "panels": [_panel(panel) for panel in of.panels],
    }


def _panel(panel: Panel) -> Json:
    x, y, w, h = panel.place
    grid = {"x": x, "y": y, "w": w, "h": h}
    if panel.kind == "text":
        return {"type": "markdown", "grid": grid, "config": _markdown(panel)}
    if panel.kind == "session":
        return {"type": "discover_session", "grid": grid, "config": {"title": panel.title, "ref_id": SESSION}}
    query = {"query": {"language": _LANGUAGE, "expression": panel.only}} if panel.only else {}
    return {"type": "vis", "grid": grid, "config": {"title": panel.title} | query | _chart(panel)}


def _markdown(panel: Panel) -> Json:
    return {"content": panel.text, "hide_title": True, "settings": {"open_links_in_new_tab": True}}


def _chart(panel: Panel) -> Json:
    source = {"type": "data_view_spec", "index_pattern": PATTERN, "time_field": TIME}
    groups = [_group(group) for group in panel.groups]
    metrics = [_metric(metric) for metric in panel.metrics]
    match panel.kind:
        case "metric":
            primary = {"type": "primary"} | metrics[0]
            return {"type": "metric", "data_source": source, "metrics": [primary], "breakdown_by": groups[0]}
        case "table":
            styling = {"density": {"mode": "compact"}, "paging": 10}
            rows = [group | {"click_filter": True} for group in groups]
            return {"type": "data_table", "data_source": source, "rows": rows, "metrics": metrics, "styling": styling}
        case "heatmap":
            axis = {"x": {"scale": "ordinal"}}
            across = {"x": groups[0], "y": groups[1], "metric": metrics[0], "axis": axis}
            return {"type": "heatmap", "data_source": source} | across
        case "over_time":
            across = {"x": {"operation": "date_histogram", "field": TIME}, "breakdown_by": groups[0]}
        case _:
            across = {"x": groups[0]}
    return {"type": "xy", "layers": [{"type": "bar_stacked", "data_source": source, "y": metrics[:1]} | across]}


def _group(group: Terms | Bands) -> Json:
    if isinstance(group, Bands):
        pairs = zip(group.edges, group.edges[1:], strict=False)
        ranges = [{"gt": low, "lte": high, "label": f"{low} to {high}"} for low, high in pairs]
        return {"operation": "range", "label": group.label, "field": group.field, "ranges": ranges}
    rank = {"type": "metric", "metric_index": 0, "direction": "desc"}
    return {
        "operation": "terms",
        "label": group.label,
        "fields": [group.field],
        "limit": group.size,
        "rank_by": rank,
    }


def _metric(metric: Metric) -> Json:
    made: Json = {"operation": metric.operation, "label": metric.label}
    if metric.operation == "last_value":
        return made | {"field": metric.field, "time_field": TIME, "multi_value": True}
    return made | ({"field": metric.field} if metric.field else {})
