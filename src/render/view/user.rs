//! What templates of the user's see. `docs/templates.md` describes it; a test compares the two.

use minijinja::Value as View;
use minijinja::value::Serde;
use serde_json::{Map, Value, json};

use crate::model::{
    Attachment, Dag, DagName, ForEach, Json, Lifecycle, Schedule, Service, Stack, Template,
    Templated, UserFile, format_duration,
};
use crate::render::RenderRequest;
use crate::render::template_text::demanding;

use super::compose::compose_view;
use super::tasks::tasks_view;

/// Returns what every template of `[render.files]` sees, whichever file it makes.
pub fn template_data(stack: &Stack<Template>, request: &RenderRequest) -> Value {
    let compose = compose_view(stack, request);
    let section = |section: &str| -> Map<String, Value> {
        let entries = compose[section].as_object().into_iter().flatten();
        let entries = entries.map(|(name, entry)| {
            let entry = json!({ "name": name, "compose": entry });
            (name.clone(), entry)
        });
        entries.collect()
    };
    let services = stack.services().iter().map(|(name, service)| {
        let compose = &compose["services"][name.as_str()];
        (
            name.to_string(),
            service_data(name.as_str(), service, compose),
        )
    });
    let dags = stack
        .dags()
        .iter()
        .map(|(name, dag)| (name.to_string(), dag_data(stack, name, dag, request)));
    json!({
        "stack": {
            "name": stack.name().as_str(),
            "description": stack.parts().description,
            "source": request.source,
            "digest": request.digest,
        },
        "services": services.collect::<Map<_, _>>(),
        "networks": section("networks"),
        "volumes": section("volumes"),
        "configs": section("configs"),
        "secrets": section("secrets"),
        "dags": dags.collect::<Map<_, _>>(),
    })
}

fn service_data(name: &str, service: &Service<Template>, compose: &Value) -> Value {
    let networks: Vec<&str> = match &service.container.attachment {
        Attachment::Networks(networks) => networks.keys().map(|name| name.as_str()).collect(),
        Attachment::Mode(_) => Vec::new(),
    };
    let depends_on = service
        .depends_on
        .iter()
        .map(|(other, dependency)| (other.to_string(), json!(dependency.condition.to_string())));
    let profiles = service.profiles.iter().map(ToString::to_string);
    json!({
        "name": name,
        "image": service.container.image.as_ref().map(plain),
        "once": service.lifecycle != Lifecycle::Daemon,
        "scale": service.scale,
        "profiles": profiles.collect::<Vec<_>>(),
        "depends_on": depends_on.collect::<Map<_, _>>(),
        "networks": networks,
        "compose": compose,
    })
}

fn dag_data(
    stack: &Stack<Template>,
    name: &DagName,
    dag: &Dag<Template>,
    request: &RenderRequest,
) -> Value {
    let view = tasks_view(stack, name, dag, request);
    let definitions = view["tasks"].as_array().into_iter().flatten();
    let tasks =
        dag.tasks
            .iter()
            .zip(definitions)
            .map(|((name, task), definition)| {
                let needs = task.needs.iter().map(|(service, condition)| {
                    (service.to_string(), json!(condition.to_string()))
                });
                let after: Vec<&str> = task.after.iter().map(|name| name.as_str()).collect();
                let data = json!({
                    "name": name.as_str(),
                    "kind": task.kind.name(),
                    "after": after,
                    "needs": needs.collect::<Map<_, _>>(),
                    "definition": definition,
                });
                (name.to_string(), data)
            });
    let schedule = match &dag.schedule {
        Schedule::Manual => None,
        Schedule::Cron(cron) => Some(cron.as_str().to_owned()),
        Schedule::Every(every) => Some(format!("every {}", format_duration(*every))),
    };
    json!({
        "name": name.as_str(),
        "description": dag.description,
        "schedule": schedule,
        "timezone": dag.timezone,
        "tags": dag.tags,
        "tasks": tasks.collect::<Map<_, _>>(),
        "definition": view["definition"],
    })
}

/// Returns for each file of `[render.files]` its template, its path, and what the template sees.
pub(in crate::render) fn user_views<'a>(
    stack: &Stack<Template>,
    request: &RenderRequest,
    entries: &'a [UserFile],
) -> Vec<(&'a str, String, View)> {
    let data = template_data(stack, request);
    let tables = data.as_object().into_iter().flatten();
    // Converted once, since a file for each of many services shares all but its `item`.
    let shared: Vec<(String, View)> = tables
        .map(|(name, table)| (name.clone(), View::from(Serde(table))))
        .collect();
    let mut views = Vec::new();
    for entry in entries {
        let values = entry
            .values
            .iter()
            .map(|(name, value)| (name.clone(), plain_json(value)));
        let values = View::from(Serde(values.collect::<Map<_, _>>()));
        let view = |item: Option<&Value>| {
            let own = [("values".to_owned(), values.clone())];
            let item = item.map(|item| ("item".to_owned(), View::from(Serde(item))));
            View::from_pairs(shared.iter().cloned().chain(own).chain(item))
        };
        let Some(each) = entry.for_each.map(ForEach::name) else {
            views.push((entry.template.as_str(), entry.path.clone(), view(None)));
            continue;
        };
        for (name, item) in data[each].as_object().into_iter().flatten() {
            let path = entry.path_for(name);
            views.push((entry.template.as_str(), path, view(Some(item))));
        }
    }
    views
}

fn plain_json(json: &Json<Template>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Json::Text(value) => Value::String(plain(value)),
        Json::List(items) => Value::Array(items.iter().map(plain_json).collect()),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| (key.clone(), plain_json(item)));
            Value::Object(entries.collect())
        }
    }
}

/// Returns a value as text: plain where it depends on no variable, else with its `${…}`.
fn plain<T: std::fmt::Display>(value: &Templated<T>) -> String {
    match value {
        Templated::Literal(value) => value.to_string(),
        Templated::Raw(text) => demanding(text).to_string(),
    }
}
