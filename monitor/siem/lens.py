"""Panels as Lens charts, in the state that Kibana 8.19 saves and later ones read."""

from __future__ import annotations

from typing import Any, Final

from monitor.siem.panels import TIME, VIEW, Bands, Metric, Panel, Terms
from monitor.siem.requests import Json

_RECORDS: Final = "___records___"
_TYPES: Final = {"metric": "lnsMetric", "table": "lnsDatatable", "heatmap": "lnsHeatmap"}
_EMPTY: Final = {"count", "unique_count", "sum"}  # those of which Kibana can show none in place of 0
_DATES: Final = {"event.start", "event.end", "event.ingested", TIME}


def chart(panel: Panel) -> Json:
    """The attributes of the chart, by value; its references name the data view."""
    layer = f"{panel.name}-layer"
    state = {
        "adHocDataViews": {},
        "datasourceStates": {"formBased": {"layers": {layer: _layer(panel)}}, "textBased": {"layers": {}}},
        "filters": [],
        "internalReferences": [],
        "query": {"language": "kuery", "query": panel.only},
        "visualization": _visualization(panel, layer),
    }
    reference = {"type": "index-pattern", "id": VIEW, "name": f"indexpattern-datasource-layer-{layer}"}
    kind = _TYPES.get(panel.kind, "lnsXY")
    return {"title": "", "type": "lens", "visualizationType": kind, "state": state, "references": [reference]}


def _layer(panel: Panel) -> Json:
    columns: dict[str, Any] = {}
    if panel.kind == "over_time":
        columns["time"] = _time()
    for at, group in enumerate(panel.groups):
        columns[f"group-{at}"] = _terms(group) if isinstance(group, Terms) else _bands(group)
    for at, metric in enumerate(panel.metrics):
        columns[f"metric-{at}"] = _metric(metric)
    return {
        "columnOrder": list(columns),
        "columns": columns,
        "ignoreGlobalFilters": False,
        "incompleteColumns": {},
        "sampling": 1,
    }


def _time() -> Json:
    params = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
    return _column("Time", "date", "date_histogram", TIME, params) | {"isBucketed": True, "scale": "interval"}


def _terms(group: Terms) -> Json:
    params = {
        "size": group.size,
        "orderBy": {"type": "column", "columnId": "metric-0"},
        "orderDirection": "desc",
        "otherBucket": False,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
        "secondaryFields": [],
    }
    return _column(group.label, "string", "terms", group.field, params) | {"isBucketed": True, "scale": "ordinal"}


def _bands(group: Bands) -> Json:
    pairs = zip(group.edges, group.edges[1:], strict=False)
    ranges = [{"from": low, "to": high, "label": f"{low} to {high}"} for low, high in pairs]
    params = {"type": "range", "ranges": ranges, "maxBars": "auto", "parentFormat": {"id": "range"}}
    return _column(group.label, "string", "range", group.field, params) | {"isBucketed": True, "scale": "ordinal"}


def _metric(metric: Metric) -> Json:
    if metric.operation == "last_value":
        params = {"sortField": TIME, "showArrayValues": True}
        column = _column(metric.label, "string", "last_value", metric.field, params)
        return column | {"scale": "ordinal", "filter": {"language": "kuery", "query": f"{metric.field}: *"}}
    kind = "date" if metric.field in _DATES else "number"
    params = {"emptyAsNull": True} if metric.operation in _EMPTY else {}
    if metric.operation == "count":
        return _column(metric.label, kind, "count", _RECORDS, params)
    return _column(metric.label, kind, metric.operation, metric.field, params)


def _column(label: str, kind: str, operation: str, field: str, params: Json) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": kind,
        "operationType": operation,
        "sourceField": field,
        "isBucketed": False,
        "scale": "ratio",
        "params": params,
    }


def _visualization(panel: Panel, layer: str) -> Json:
    here: Json = {"layerId": layer, "layerType": "data"}
    match panel.kind:
        case "metric":
            return here | {"metricAccessor": "metric-0", "breakdownByAccessor": "group-0", "maxCols": 4}
        case "table":
            rows = [{"columnId": f"group-{at}", "oneClickFilter": True} for at in range(len(panel.groups))]
            shown = [{"columnId": f"metric-{at}", "isTransposed": False} for at in range(len(panel.metrics))]
            return here | {"columns": [*rows, *shown], "paging": {"size": 10, "enabled": True}, "rowHeight": "auto"}
        case "heatmap":
            return here | _heatmap()
        case _:
            return _bars(panel, here)


def _heatmap() -> Json:
    seen = dict.fromkeys(("isXAxisLabelVisible", "isYAxisLabelVisible", "isCellLabelVisible"), True)
    titles = dict.fromkeys(("isXAxisTitleVisible", "isYAxisTitleVisible"), False)
    return {
        "shape": "heatmap",
        "xAccessor": "group-0",
        "yAccessor": "group-1",
        "valueAccessor": "metric-0",
        "gridConfig": {"type": "heatmap_grid"} | seen | titles,
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
    }


def _bars(panel: Panel, here: Json) -> Json:
    over_time = panel.kind == "over_time"
    layer = here | {
        "accessors": ["metric-0"],
        "seriesType": "bar_stacked",
        "xAccessor": "time" if over_time else "group-0",
        "position": "top",
        "showGridlines": False,
        **({"splitAccessor": "group-0"} if over_time else {}),
    }
    return {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": "bar_stacked",
        "layers": [layer],
    }
