//! Dashboards as Grafana reads them.

use crate::panel::{Colour, Dashboard, Panel, Row, Shape, Target};
use crate::query::Scope;
use crate::settings::Settings;
use serde_json::{Value, json};

/// The version of Grafana's schema for dashboards that is written.
const SCHEMA_VERSION: u32 = 41;
const COLUMNS: u32 = 24;
const TAG: &str = "quipu";

/// The text of a dashboard's file.
pub fn to_json(dashboard: &Dashboard, settings: &Settings) -> String {
    let scope = Scope::new("${namespace}", r#"job=~"$job",instance=~"$instance""#);
    let mut panels = Vec::new();
    let mut top = 0;
    for row in &dashboard.rows {
        panels.push(header(row, top, panels.len() + 1));
        top += 1;
        top += place(row, top, &scope, &mut panels);
    }
    let whole = json!({
        "annotations": { "list": [] },
        "description": dashboard.description,
        "editable": false,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": [{
            "asDropdown": false,
            "icon": "external link",
            "includeVars": true,
            "keepTime": true,
            "tags": [TAG],
            "targetBlank": false,
            "title": "Dashboards of the incident manager",
            "tooltip": "",
            "type": "dashboards",
            "url": "",
        }],
        "panels": panels,
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG, "incident-manager"],
        "templating": { "list": variables(settings) },
        "time": { "from": "now-3h", "to": "now" },
        "timepicker": {},
        "timezone": "",
        "title": dashboard.title,
        "uid": dashboard.uid,
    });
    format!("{whole:#}\n")
}

/// What can be chosen above the panels. `namespace` is what stands before the names of the service's metrics.
fn variables(settings: &Settings) -> Value {
    let label = |name: &str, title: &str, matchers: &str| {
        let query = format!("label_values(quipu_registry_series{matchers}, {name})");
        json!({
            "allValue": ".+",
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
            "datasource": source(),
            "hide": 0,
            "includeAll": true,
            "label": title,
            "multi": true,
            "name": name,
            "options": [],
            "query": { "query": query, "refId": "Variable" },
            "refresh": 2,
            "regex": "",
            "skipUrlSync": false,
            "sort": 1,
            "type": "query",
        })
    };
    json!([
        {
            "current": {},
            "hide": 0,
            "includeAll": false,
            "label": "Data source",
            "multi": false,
            "name": "datasource",
            "options": [],
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "skipUrlSync": false,
            "type": "datasource",
        },
        label("job", "Job", ""),
        label("instance", "Instance", r#"{job=~"$job"}"#),
        {
            "current": { "selected": true, "text": settings.prefix, "value": settings.prefix },
            "description": "What stands before the names of the service's metrics, with the `_` at its end. Often nothing.",
            "hide": 0,
            "label": "Namespace",
            "name": "namespace",
            "options": [{ "selected": true, "text": settings.prefix, "value": settings.prefix }],
            "query": settings.prefix,
            "skipUrlSync": false,
            "type": "textbox",
        },
    ])
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn header(row: &Row, top: u32, id: usize) -> Value {
    json!({
        "collapsed": false,
        "gridPos": { "h": 1, "w": COLUMNS, "x": 0, "y": top },
        "id": id,
        "panels": [],
        "title": row.title,
        "type": "row",
    })
}

/// Appends the panels of a row, from left to right and then below; how high they are together.
fn place(row: &Row, top: u32, scope: &Scope, panels: &mut Vec<Value>) -> u32 {
    let is_low = row.panels.iter().all(|panel| panel.shape == Shape::Number);
    let height = if is_low { 4 } else { 8 };
    let (mut x, mut y) = (0, 0);
    for panel in &row.panels {
        if x + panel.width > COLUMNS {
            (x, y) = (0, y + height);
        }
        let place = json!({ "h": height, "w": panel.width, "x": x, "y": top + y });
        panels.push(to_panel(panel, place, panels.len() + 1, scope));
        x += panel.width;
    }
    y + height
}

fn to_panel(panel: &Panel, place: Value, id: usize, scope: &Scope) -> Value {
    let (kind, options) = drawing(panel);
    let targets: Vec<_> =
        panel.targets.iter().enumerate().map(|(n, target)| to_target(target, n, panel.shape, scope)).collect();
    json!({
        "datasource": source(),
        "description": panel.description,
        "fieldConfig": { "defaults": field(panel), "overrides": [] },
        "gridPos": place,
        "id": id,
        "options": options,
        "targets": targets,
        "title": panel.title,
        "type": kind,
    })
}

fn to_target(target: &Target, n: usize, shape: Shape, scope: &Scope) -> Value {
    let is_instant = matches!(shape, Shape::Bars | Shape::Table);
    let format = match shape {
        Shape::Heatmap => "heatmap",
        Shape::Table => "table",
        _ => "time_series",
    };
    json!({
        "datasource": source(),
        "editorMode": "code",
        "expr": scope.query(&target.query),
        "format": format,
        "instant": is_instant,
        "legendFormat": target.legend,
        "range": !is_instant,
        "refId": char::from(b'A' + u8::try_from(n).expect("a panel has few queries")).to_string(),
    })
}

/// Grafana's name of a shape, and its options.
fn drawing(panel: &Panel) -> (&'static str, Value) {
    let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    let legend = json!({ "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": panel.targets.len() > 1 || panel.targets[0].legend.contains("{{") });
    match panel.shape {
        Shape::Lines | Shape::Stack => {
            ("timeseries", json!({ "legend": legend, "tooltip": { "mode": "multi", "sort": "desc" } }))
        }
        Shape::Heatmap => (
            "heatmap",
            json!({
                "calculate": false,
                "cellGap": 1,
                "color": { "exponent": 0.5, "mode": "scheme", "scheme": "Oranges", "steps": 64, "reverse": false, "fill": "dark-orange" },
                "filterValues": { "le": 1e-9 },
                "legend": { "show": true },
                "rowsFrame": { "layout": "auto" },
                "tooltip": { "mode": "single", "yHistogram": true },
                "yAxis": { "axisPlacement": "left", "reverse": false, "unit": panel.unit },
            }),
        ),
        Shape::States => (
            "state-timeline",
            json!({
                "alignValue": "left",
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "mergeValues": true,
                "rowHeight": 0.9,
                "showValue": "auto",
                "tooltip": { "mode": "single", "sort": "none" },
            }),
        ),
        Shape::Number => (
            "stat",
            json!({
                "colorMode": if panel.steps.is_empty() && panel.names.is_empty() { "value" } else { "background" },
                "graphMode": "area",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": last,
                "textMode": "auto",
            }),
        ),
        Shape::Bars => (
            "bargauge",
            json!({
                "displayMode": "basic",
                "minVizHeight": 10,
                "minVizWidth": 0,
                "orientation": "horizontal",
                "reduceOptions": last,
                "showUnfilled": true,
                "valueMode": "color",
            }),
        ),
        Shape::Table => ("table", json!({ "cellHeight": "sm", "showHeader": true })),
    }
}

/// How the values of a panel are written and coloured.
fn field(panel: &Panel) -> Value {
    let mut field = json!({
        "color": { "mode": if is_coloured(panel) { "thresholds" } else { "palette-classic" } },
        "custom": custom(panel),
        "mappings": mappings(panel),
        "thresholds": { "mode": "absolute", "steps": steps(panel) },
        "unit": panel.unit,
    });
    if panel.max.is_some() || panel.unit == "percentunit" {
        field["min"] = json!(0);
    }
    if let Some(max) = panel.max {
        field["max"] = json!(max);
    }
    field
}

fn is_coloured(panel: &Panel) -> bool {
    matches!(panel.shape, Shape::Number | Shape::Bars | Shape::States)
}

fn custom(panel: &Panel) -> Value {
    match panel.shape {
        Shape::Lines | Shape::Stack => json!({
            "drawStyle": "line",
            "fillOpacity": if panel.shape == Shape::Stack { 40 } else { 8 },
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": false,
            "stacking": { "group": "A", "mode": if panel.shape == Shape::Stack { "normal" } else { "none" } },
            "thresholdsStyle": { "mode": if panel.steps.is_empty() { "off" } else { "dashed" } },
        }),
        Shape::States => json!({ "fillOpacity": 80, "lineWidth": 0 }),
        Shape::Heatmap => json!({ "scaleDistribution": { "type": "linear" } }),
        Shape::Table => json!({ "align": "auto" }),
        Shape::Number | Shape::Bars => json!({}),
    }
}

fn steps(panel: &Panel) -> Value {
    let base = json!({ "color": "green", "value": null });
    let further = panel.steps.iter().map(|(from, colour)| json!({ "color": name(*colour), "value": from }));
    std::iter::once(base).chain(further).collect()
}

/// What is shown in place of values: names of states, and a dash where nothing was to divide by.
fn mappings(panel: &Panel) -> Value {
    let names = panel.names.iter().enumerate().map(|(n, (value, text, colour))| {
        (value.to_string(), json!({ "color": name(*colour), "index": n, "text": text }))
    });
    let names: serde_json::Map<_, _> = names.collect();
    let none = json!({ "options": { "match": "null+nan", "result": { "index": names.len(), "text": "–" } }, "type": "special" });
    match names.is_empty() {
        true => json!([none]),
        false => json!([{ "options": names, "type": "value" }, none]),
    }
}

fn name(colour: Colour) -> &'static str {
    match colour {
        Colour::Green => "green",
        Colour::Orange => "orange",
        Colour::Red => "red",
    }
}
