//! Text that Airflow puts through Jinja: what stackgen fills in too stays an expression, everything else means itself.

/// The names that a template expression may begin with, in Airflow and in stackgen alike.
const NAMES: [&str; 20] = [
    "conn",
    "dag",
    "dag_run",
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "logical_date",
    "macros",
    "params",
    "prev_data_interval_end_success",
    "prev_data_interval_start_success",
    "prev_start_date_success",
    "run_id",
    "task",
    "task_instance",
    "ti",
    "ts",
    "ts_nodash",
    "var",
];

/// Names that a run of Airflow 3 without a logical date lacks, with what stands in for them: the moment it was asked for.
const DATED: [(&str, &str); 7] = [
    ("data_interval_end", "dag_run.run_after"),
    ("data_interval_start", "dag_run.run_after"),
    ("ds", "dag_run.run_after.strftime('%Y-%m-%d')"),
    ("ds_nodash", "dag_run.run_after.strftime('%Y%m%d')"),
    ("logical_date", "dag_run.run_after"),
    ("ts", "dag_run.run_after.isoformat()"),
    ("ts_nodash", "dag_run.run_after.strftime('%Y%m%dT%H%M%S')"),
];

/// Returns `text` as a Jinja template that gives what stackgen makes of it.
pub(super) fn template(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((expression, behind)) = leading_expression(rest) {
            out.push_str(&format!("{{{{ {expression} }}}}"));
            rest = behind;
        } else if ["{{", "{%", "{#"].iter().any(|mark| rest.starts_with(mark)) {
            out.push_str(&format!("{{{{ '{}' }}}}", &rest[..2]));
            rest = &rest[2..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Returns the expression that `text` begins with, and what comes behind it.
fn leading_expression(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find("}}")?;
    let expression = inner[..end].trim();
    let name_end = expression
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(expression.len());
    let (name, tail) = expression.split_at(name_end);
    if !NAMES.contains(&name) {
        return None;
    }
    // Within JSON a double quote would come out with a backslash, which Jinja does not know.
    let tail = if tail.contains('\'') {
        tail.to_owned()
    } else {
        tail.replace('"', "'")
    };
    let name = match DATED.iter().find(|(dated, _)| *dated == name) {
        Some((_, fallback)) => format!("({name} if {name} is defined else {fallback})"),
        None => name.to_owned(),
    };
    Some((format!("{name}{tail}"), &inner[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_stay_and_other_text_means_itself() {
        for (text, expected) in [
            ("plain {x} ${Y}", "plain {x} ${Y}"),
            (
                "{{ run_id }}-{{ti.try_number}}",
                "{{ run_id }}-{{ ti.try_number }}",
            ),
            ("{{ ti.xcom_pull(\"a\") }}", "{{ ti.xcom_pull('a') }}"),
            (
                "{{ ds }}",
                "{{ (ds if ds is defined else dag_run.run_after.strftime('%Y-%m-%d')) }}",
            ),
            (
                "docker inspect -f '{{.State}}'",
                "docker inspect -f '{{ '{{' }}.State}}'",
            ),
            ("${#list} {% raw %}", "${{ '{#' }}list} {{ '{%' }} raw %}"),
            ("{{{ run_id }}}", "{{ '{{' }}{ run_id }}}"),
            ("{{", "{{ '{{' }}"),
        ] {
            assert_eq!(template(text), expected);
        }
    }
}
