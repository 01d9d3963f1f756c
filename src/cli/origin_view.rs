//! Draws where a value comes from.

use serde_json::{Value, json};

use super::table::{columns, cut};
use super::ui::{FAINT, STRONG, styled};
use crate::model::Sources;
use crate::stackfile::{
    Act, Contribution, Explanation, Layer, Outcome, Place, VariableOrigin, line_and_column,
};

/// How wide a value may be in a table.
const VALUE_WIDTH: usize = 60;

/// Returns an explanation for a terminal.
pub(crate) fn draw(explanation: &Explanation, sources: &Sources) -> String {
    let mut out = headline(explanation);
    let layers = explanation.layers.iter().rev();
    let rows: Vec<_> = layers.map(|it| layer_row(it, sources)).collect();
    if !rows.is_empty() {
        out.push_str(&format!("\n{}", columns(&rows)));
    }
    if !explanation.keys.is_empty() {
        let mut rows = vec![["KEY", "VALUE", "LAYER", "WHERE"].map(|it| styled(FAINT, it))];
        rows.extend(explanation.keys.iter().map(|key| {
            [
                key.key.clone(),
                cut(&key.value, VALUE_WIDTH),
                layer_text(&key.layer, key.overlay.as_deref()),
                place_text(key.place.as_ref(), sources),
            ]
        }));
        out.push_str(&format!("\n{}", columns(&rows)));
    }
    if !explanation.variables.is_empty() {
        let mut rows = vec![["VARIABLE", "VALUE", "FROM", "WHERE"].map(|it| styled(FAINT, it))];
        let variables = explanation.variables.iter();
        rows.extend(variables.map(|it| variable_row(it, sources)));
        out.push_str(&format!("\n{}", columns(&rows)));
    }
    out
}

fn headline(explanation: &Explanation) -> String {
    let path = styled(STRONG, &explanation.path);
    match &explanation.outcome {
        Outcome::Value(value) => format!("{path} = {value}\n"),
        Outcome::Table => format!("{path} is a table\n"),
        Outcome::Nothing => format!("{path} is not set in effect\n"),
        Outcome::Default(default) => format!("{path} is set nowhere; default: {default}\n"),
    }
}

fn layer_row(said: &Contribution, sources: &Sources) -> [String; 4] {
    let word = match (said.is_in_effect, said.act) {
        (false, _) => "overridden",
        (true, Act::Sets) => "set by",
        (true, Act::Merges) => "merged from",
        (true, Act::Appends) => "appended by",
        (true, Act::Removes) => "removed by",
        (true, Act::Drops) => "dropped by",
    };
    let value = match said.act {
        Act::Merges => String::new(),
        Act::Sets | Act::Appends | Act::Removes | Act::Drops => cut(&said.value, VALUE_WIDTH),
    };
    let row = [
        word.to_owned(),
        layer_text(&said.layer, said.overlay.as_deref()),
        value,
        place_text(said.place.as_ref(), sources),
    ];
    match said.is_in_effect {
        true => row.map(|cell| format!("  {cell}").trim_end().to_owned()),
        false => row.map(|cell| styled(FAINT, format!("  {cell}").trim_end())),
    }
}

fn layer_text(layer: &Layer, overlay: Option<&str>) -> String {
    match overlay {
        Some(overlay) => format!("overlay {overlay}, {layer}"),
        None => layer.to_string(),
    }
}

fn place_text(place: Option<&Place>, sources: &Sources) -> String {
    let text = |place: &Place| {
        let path = sources.file(place.file).path.display();
        format!("{path}:{}", place.line)
    };
    place.map(text).unwrap_or_default()
}

fn variable_row(variable: &VariableOrigin, sources: &Sources) -> [String; 4] {
    let mut place = place_text(variable.place.as_ref(), sources);
    for (_, over) in &variable.over {
        let over = place_text(Some(over), sources);
        let comma = if place.is_empty() { "" } else { ", " };
        place.push_str(&format!("{comma}over {over}"));
    }
    [
        variable.name.clone(),
        cut(variable.value.as_deref().unwrap_or_default(), VALUE_WIDTH),
        variable.source.name().to_owned(),
        place,
    ]
}

/// Returns an explanation for programs.
pub(crate) fn json(explanation: &Explanation, sources: &Sources) -> Value {
    let (outcome, value) = match &explanation.outcome {
        Outcome::Value(value) => ("value", Some(value)),
        Outcome::Table => ("table", None),
        Outcome::Nothing => ("nothing", None),
        Outcome::Default(default) => ("default", Some(default)),
    };
    let layers = explanation.layers.iter().rev().map(|said| {
        let mut entry = json!({
            "layer": said.layer.to_string(),
            "overlay": said.overlay,
            "act": said.act.name(),
            "value": said.value,
            "in_effect": said.is_in_effect,
        });
        put_place(&mut entry, said.place.as_ref(), sources);
        entry
    });
    let variables = explanation.variables.iter().map(|variable| {
        let over = variable.over.iter().map(|(source, place)| {
            let mut entry = json!({"source": source.name()});
            put_place(&mut entry, Some(place), sources);
            entry
        });
        let mut entry = json!({
            "name": variable.name,
            "source": variable.source.name(),
            "value": variable.value,
            "over": over.collect::<Vec<_>>(),
        });
        put_place(&mut entry, variable.place.as_ref(), sources);
        entry
    });
    let keys = explanation.keys.iter().map(|key| {
        let mut entry = json!({
            "key": key.key,
            "value": key.value,
            "layer": key.layer.to_string(),
            "overlay": key.overlay,
        });
        put_place(&mut entry, key.place.as_ref(), sources);
        entry
    });
    json!({
        "path": explanation.path.to_string(),
        "outcome": outcome,
        "value": value,
        "layers": layers.collect::<Vec<_>>(),
        "variables": variables.collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
    })
}

fn put_place(entry: &mut Value, place: Option<&Place>, sources: &Sources) {
    let place = place.map(|place| {
        let path = sources.file(place.file).path.display().to_string();
        let (line, column) = line_and_column(sources, place.file, place.key.start);
        (path, line, column)
    });
    entry["file"] = json!(place.as_ref().map(|(path, ..)| path));
    entry["line"] = json!(place.as_ref().map(|(_, line, _)| line));
    entry["column"] = json!(place.as_ref().map(|(_, _, column)| column));
}
