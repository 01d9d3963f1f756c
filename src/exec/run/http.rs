//! An `http` task: one request.

use std::io::Write;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::compose;
use crate::dag::{Failure, Outcome};
use crate::model::{
    HttpBody, HttpTask, Resolved, ServiceName, Stack, Task, format_duration, mask_url_passwords,
};

use super::worker::{Job, failed};
use super::{context, logs, needs};

/// How much of an answer is kept in the log.
const BODY_LIMIT: usize = 4 << 20;

/// Returns the service that a task's URL names as its host.
pub(super) fn service(stack: &Stack<Resolved>, http: &HttpTask<Resolved>) -> Option<ServiceName> {
    let uri: Uri = http.url.parse().ok()?;
    let name = ServiceName::new(uri.host()?).ok()?;
    stack.service(&name).map(|_| name)
}

pub(super) async fn run(job: &Job, task: &Task<Resolved>, http: &HttpTask<Resolved>) -> Outcome {
    if job.is_found {
        return failed(
            "stackgen was stopped during the request; whether it was answered is not known",
        );
    }
    let url = mask_url_passwords(&http.url);
    job.tell_doing(format!("{} {url}", http.method), false);
    let work = async {
        tokio::time::timeout(http.timeout, send(job, http))
            .await
            .unwrap_or_else(|_| {
                Err(format!(
                    "no answer within {}",
                    format_duration(http.timeout)
                ))
            })
    };
    let result = tokio::select! {
        biased;
        result = work => result,
        why = job.interrupted(task) => return why.outcome(),
    };
    let (line, outcome) = match &result {
        Ok((status, _)) if is_expected(http, *status) => (status.to_string(), Outcome::Success),
        Ok((status, _)) => (
            status.to_string(),
            Outcome::Failed(Failure {
                exit_code: None,
                message: status.to_string(),
            }),
        ),
        Err(message) => (message.clone(), failed(message.clone())),
    };
    let body = result.map(|(_, body)| body).unwrap_or_default();
    write_log(job, &format!("{} {url}: {line}", http.method), &body);
    outcome
}

fn is_expected(http: &HttpTask<Resolved>, status: StatusCode) -> bool {
    if http.expect.is_empty() {
        status.is_success()
    } else {
        http.expect.contains(&status.as_u16())
    }
}

fn write_log(job: &Job, head: &str, body: &[u8]) {
    // The outcome counts even where the disk is full.
    if let Ok(mut file) = logs::open(&job.log_path(), true) {
        writeln!(file, "{head}").ok();
        file.write_all(body).ok();
        if !body.is_empty() && !body.ends_with(b"\n") {
            writeln!(file).ok();
        }
    }
}

async fn send(job: &Job, http: &HttpTask<Resolved>) -> Result<(StatusCode, Bytes), String> {
    let uri: Uri = http
        .url
        .parse()
        .map_err(|error| format!("{:?} is no URL: {error}", mask_url_passwords(&http.url)))?;
    let host = uri.host().ok_or("the URL has no host")?.to_owned();
    let target = match service(&job.shared.stack, http) {
        Some(service) => at_service(job, http, &uri, &service).await?,
        None => uri.clone(),
    };
    let request = request(http, &uri, target)?;
    let tls = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("the system's certificates cannot be read: {error}"))?
        .https_or_http();
    let connector = if uri.scheme_str() == Some("https") {
        // The certificate is that of the name, whatever address it is reached at.
        let name = host
            .try_into()
            .map_err(|_| "the URL's host is no name that a certificate can have".to_owned())?;
        let name = FixedServerNameResolver::new(name);
        tls.with_server_name_resolver(name).enable_http1().build()
    } else {
        tls.enable_http1().build()
    };
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build::<_, Full<Bytes>>(connector);
    let response = client
        .request(request)
        .await
        .map_err(|error| reason(&error))?;
    read(response).await
}

fn request(
    http: &HttpTask<Resolved>,
    uri: &Uri,
    target: Uri,
) -> Result<Request<Full<Bytes>>, String> {
    let method: Method = http
        .method
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| format!("{:?} is no method", http.method))?;
    let (body, kind) = match &http.body {
        None => (Bytes::new(), None),
        Some(HttpBody::Text(text)) => (Bytes::from(text.clone()), None),
        Some(HttpBody::Json(json)) => (
            Bytes::from(context::to_json(json).to_string()),
            Some("application/json"),
        ),
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let headers = request.headers_mut();
    headers.insert(HOST, value(host)?);
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("stackgen/", env!("CARGO_PKG_VERSION"))),
    );
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, text) in &http.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header"))?;
        headers.insert(name, value(text)?);
    }
    Ok(request)
}

fn value(text: &str) -> Result<HeaderValue, String> {
    // The value may be a secret: it is not repeated.
    text.parse()
        .map_err(|_| "a header has characters that it may not have".to_owned())
}

/// Returns the URL with the address of a service's container on the named network, or on the first one it has.
async fn at_service(
    job: &Job,
    http: &HttpTask<Resolved>,
    uri: &Uri,
    service: &ServiceName,
) -> Result<Uri, String> {
    let stack = &job.shared.stack;
    let engine = job
        .shared
        .engine
        .as_ref()
        .ok_or("it needs an engine, and there is none")?;
    let container = needs::running_container(engine, stack, service)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("no container of {service} runs"))?;
    let addresses = &container.addresses;
    let address = match &http.network {
        Some(network) => addresses.get(&compose::network_name(stack, network)),
        None => addresses.values().find(|address| !address.is_empty()),
    };
    let address = match address {
        Some(address) if address.contains(':') => format!("[{address}]"),
        Some(address) if !address.is_empty() => address.clone(),
        // On the host's own network it has no address of its own.
        _ if container.config.network_mode.as_deref() == Some("host") => "127.0.0.1".to_owned(),
        _ => return Err(format!("{} has no address on that network", container.name)),
    };
    let authority = match uri.port_u16() {
        Some(port) => format!("{address}:{port}"),
        None => address,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme(uri.scheme_str().unwrap_or("http"))
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|error| format!("{service} cannot be reached: {error}"))
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<(StatusCode, Bytes), String> {
    let status = response.status();
    match Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await
    {
        Ok(body) => Ok((status, body.to_bytes())),
        // Too long or cut off: the status was there, and it is what counts.
        Err(_) => Ok((
            status,
            Bytes::from_static(b"(the answer is too long to be kept)"),
        )),
    }
}

/// Returns the last cause of an error: the one that says something.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
