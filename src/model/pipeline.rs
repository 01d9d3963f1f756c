//! DAGs and their tasks, as defined; how they run is the business of the `dag` room.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Condition, ContainerOptions, Cron, Form, NetworkName, ServiceName, TaskName, Words};

/// A pipeline: tasks and the order between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dag<F: Form> {
    /// One line on what it is for.
    pub description: Option<String>,
    /// When it runs by itself.
    pub schedule: Schedule,
    /// The IANA name of the zone that the schedule is read in; default `UTC`.
    pub timezone: String,
    /// The first moment for which it may run, as local time in `timezone`.
    pub start_date: Option<jiff::civil::DateTime>,
    /// The last moment for which it may run.
    pub end_date: Option<jiff::civil::DateTime>,
    /// Whether fires missed since `start_date` are run one by one; default false: only the latest.
    pub catchup: bool,
    /// How many runs may be open at once; Airflow's default is 16.
    pub max_active_runs: u32,
    /// How many of a run's tasks may be at work at once; Airflow's default is 16.
    pub max_active_tasks: u32,
    /// Who fires the schedule.
    pub runner: Runner,
    /// Labels for people.
    pub tags: Vec<String>,
    /// Named values that tasks see as `{{ params.NAME }}`.
    pub params: IndexMap<String, Json<F>>,
    /// The tasks in the file's order; `default_args` are merged in already.
    pub tasks: IndexMap<TaskName, Task<F>>,
}

/// When a DAG runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Only when asked.
    Manual,
    /// At the times of a cron expression.
    Cron(Cron),
    /// Again and again after so much time.
    Every(Duration),
}

/// Who fires a DAG's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Runner {
    /// `stackgen watch`; the Airflow file has `schedule=None`.
    #[default]
    Stackgen,
    /// Airflow; `stackgen watch` leaves it alone.
    Airflow,
}

/// One task of a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task<F: Form> {
    /// The tasks it comes after.
    pub after: Vec<TaskName>,
    /// The services it uses and the state it needs them in.
    pub needs: IndexMap<ServiceName, Condition>,
    /// What it does.
    pub kind: TaskKind<F>,
    /// Who answers for it; Airflow's default is `airflow`.
    pub owner: String,
    /// How many times it is tried again after a failure; default 0.
    pub retries: u32,
    /// How long to wait before it is tried again; Airflow's default is 300 s.
    pub retry_delay: Duration,
    /// Whether the delay doubles with each try.
    pub retry_exponential_backoff: bool,
    /// The most that the delay may grow to.
    pub max_retry_delay: Option<Duration>,
    /// How long one try may take; absent: without end.
    pub execution_timeout: Option<Duration>,
    /// Which ends of the tasks before it let it run.
    pub trigger_rule: TriggerRule,
    /// Of the tasks that may start, the one with the most weight starts first; default 1.
    pub priority_weight: u32,
    /// Exit codes that mean skipped; default 99 for `bash`, none for others.
    pub skip_on_exit_code: Vec<i64>,
}

/// What a task does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskKind<F: Form> {
    /// Runs a container of its own.
    Docker(Box<ContainerOptions<F>>),
    /// Runs a command in a running service.
    Exec(ExecTask<F>),
    /// Runs a command on this machine, by `bash -c` in the stack's folder.
    Bash(BashTask<F>),
    /// Makes one HTTP request.
    Http(HttpTask<F>),
}

impl<F: Form> TaskKind<F> {
    /// Returns the key that the kind has in stack.toml.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Docker(_) => "docker",
            Self::Exec(_) => "exec",
            Self::Bash(_) => "bash",
            Self::Http(_) => "http",
        }
    }
}

/// A command in a running service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecTask<F: Form> {
    /// The service.
    pub service: ServiceName,
    /// The command.
    pub command: Words<F>,
    /// Variables beside those of the service.
    pub environment: IndexMap<String, Option<F::Value<String>>>,
    /// The user; default: the service's.
    pub user: Option<F::Value<String>>,
    /// The folder; default: the service's.
    pub working_dir: Option<F::Value<String>>,
}

/// A command on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BashTask<F: Form> {
    /// The command, for `bash -c`.
    pub command: F::Value<String>,
    /// Variables beside those of stackgen itself.
    pub env: IndexMap<String, F::Value<String>>,
    /// The folder; default: the stack's.
    pub cwd: Option<F::Value<String>>,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTask<F: Form> {
    /// The URL; a service's name as host is reached at the service's address.
    pub url: F::Value<String>,
    /// The method; default GET.
    pub method: F::Value<String>,
    /// Headers.
    pub headers: IndexMap<String, F::Value<String>>,
    /// The body.
    pub body: Option<HttpBody<F>>,
    /// The status codes that mean success; empty: any 2xx.
    pub expect: Vec<u16>,
    /// How long the whole request may take; default 60 s.
    pub timeout: Duration,
    /// The network on which the service is reached; default: the first one they share.
    pub network: Option<NetworkName>,
}

/// The body of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpBody<F: Form> {
    /// A JSON value, sent as `application/json`.
    Json(Json<F>),
    /// A text.
    Text(F::Value<String>),
}

/// A JSON value whose texts may hold `${…}` and `{{ … }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<F: Form> {
    /// `null`, written `{ null = true }` in TOML.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as its JSON text.
    Number(String),
    /// A text.
    Text(F::Value<String>),
    /// A list.
    List(Vec<Json<F>>),
    /// An object, in the file's order.
    Object(IndexMap<String, Json<F>>),
}

/// Airflow's trigger rules, with Airflow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TriggerRule {
    /// All upstream tasks succeeded.
    #[default]
    AllSuccess,
    /// All failed or had a failed upstream.
    AllFailed,
    /// All ended.
    AllDone,
    /// All ended, none skipped, at least one succeeded (Airflow 3).
    AllDoneMinOneSuccess,
    /// All were skipped.
    AllSkipped,
    /// At least one succeeded.
    OneSuccess,
    /// At least one failed.
    OneFailed,
    /// At least one succeeded or failed.
    OneDone,
    /// None failed.
    NoneFailed,
    /// None failed and at least one succeeded.
    NoneFailedMinOneSuccess,
    /// None was skipped.
    NoneSkipped,
    /// At once.
    Always,
}

impl TriggerRule {
    /// Every rule with its name in Airflow and in stack.toml.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::AllSuccess, "all_success"),
        (Self::AllFailed, "all_failed"),
        (Self::AllDone, "all_done"),
        (Self::AllDoneMinOneSuccess, "all_done_min_one_success"),
        (Self::AllSkipped, "all_skipped"),
        (Self::OneSuccess, "one_success"),
        (Self::OneFailed, "one_failed"),
        (Self::OneDone, "one_done"),
        (Self::NoneFailed, "none_failed"),
        (Self::NoneFailedMinOneSuccess, "none_failed_min_one_success"),
        (Self::NoneSkipped, "none_skipped"),
        (Self::Always, "always"),
    ];

    /// Returns the rule's name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(rule, _)| *rule == self)
            .map_or("all_success", |(_, name)| name)
    }
}
