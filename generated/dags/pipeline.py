# Made by stackgen from stack.toml (sha256:d2d6379fd1eb2dbaaaf201d39c429ef7ced80a4ceac2d1ceeb0b621a4635d46c). Do not edit: the next render writes it anew.
# `stackgen watch` runs the schedule; here it runs when asked.
import io
import json
import os
import shlex
import tarfile
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator
from docker import DockerClient
from docker.types import Mount

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2 without the standard provider
    from airflow.operators.bash import BashOperator

try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:  # Airflow 2 without the standard provider
    from airflow.operators.python import PythonOperator

PROJECT = "data-platform"
DOCKER_URL = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def verbatim(text):
    """A text that Jinja leaves as it is."""
    return text.replace("{", "{{ '{' }}")


def require_env(*names):
    """Fails a task that lacks variables, and no other."""

    def check(context):
        missing = [name for name in names if name not in os.environ]
        if missing:
            raise RuntimeError("set in the environment of the Airflow worker: " + ", ".join(missing))

    return check


def in_stack(path):
    """A path of the Docker host, relative to the stack's folder there."""
    return os.path.normpath(os.path.join(os.environ.get("STACKGEN_FOLDER", "/"), path))


def secret(variable, name):
    """A secret from the environment of the worker, or from the file by which Compose gives it to the worker."""
    if variable in os.environ:
        return os.environ[variable]
    try:
        with open(os.path.join("/run/secrets", name), encoding="utf-8") as file:
            return file.read()
    except OSError:
        raise RuntimeError(f"set {variable} in the environment of the Airflow worker, or give it the secret {name}") from None


def short_mount(text):
    """`source:target[:mode]` as a mount."""
    source, target, *mode = text.split(":")
    if source.startswith((".", "/", "~")):
        return Mount(target=target, source=in_stack(source), type="bind", read_only="ro" in mode)
    return Mount(target=target, source=f"{PROJECT}_{source}", type="volume", read_only="ro" in mode)


class CopyBeforeStart:
    """Docker's API with one difference: files are copied into a container before it is started."""

    def __init__(self, api, files):
        self._api = api
        self._files = files

    def __getattr__(self, name):
        return getattr(self._api, name)

    def start(self, container, *args, **kwargs):
        if self._files:
            self._api.put_archive(container, "/", self._archive())
        return self._api.start(container, *args, **kwargs)

    def _archive(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for file in self._files:
                content = file["content"]
                data = (content() if callable(content) else content).encode()
                entry = tarfile.TarInfo(file["target"].lstrip("/"))
                entry.size, entry.mode = len(data), file["mode"]
                entry.uid, entry.gid = file["uid"], file["gid"]
                archive.addfile(entry, io.BytesIO(data))
        return out.getvalue()


class StackContainer(DockerOperator):
    """A container of the stack: DockerOperator, and configs and secrets as files."""

    template_ext = ()  # a word that ends in .sh is a word, not a file to be read

    def __init__(self, *, files=(), **kwargs):
        super().__init__(**kwargs)
        self.files = list(files)

    @property
    def cli(self):
        return CopyBeforeStart(super().cli, self.files)


class StackBash(BashOperator):
    """BashOperator whose command is the command, also where it ends in .sh."""

    template_ext = ()


def exec_in_service(service, command, environment=None, user="", workdir=None, skip_on_exit_code=()):
    """Runs a command in the running container of a service; its output goes to the log."""
    client = DockerClient(base_url=DOCKER_URL)
    prefix = "com.docker.compose."
    labels = [f"{prefix}project={PROJECT}", f"{prefix}service={service}", f"{prefix}oneoff=False"]
    running = client.containers.list(filters={"label": labels})
    if not running:
        raise RuntimeError(f"no container of service {service} of project {PROJECT} is running")
    running.sort(key=lambda container: int(container.labels.get(f"{prefix}container-number", "1")))
    # A variable without a value takes the worker's own, as with `docker exec --env NAME`.
    values = {name: os.environ.get(name, "") if value is None else value for name, value in (environment or {}).items()}
    api = client.api
    started = api.exec_create(running[0].id, command, environment=values, user=user, workdir=workdir)
    last, rest = "", ""
    for chunk in api.exec_start(started["Id"], stream=True):
        *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
        for last in lines:
            print(last, flush=True)
    if rest:
        last = rest
        print(rest, flush=True)
    code = api.exec_inspect(started["Id"])["ExitCode"]
    if code in skip_on_exit_code:
        from airflow.exceptions import AirflowSkipException

        raise AirflowSkipException(f"exit code {code}")
    if code != 0:
        raise RuntimeError(f"exit code {code}")
    return last


with DAG(
    dag_id="pipeline",
    description="Books: scraped, loaded, indexed, tracked and served",
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, 0, 0, 0, tz="Europe/Paris"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=16,
    default_args={"owner": "data", "retries": 2, "retry_delay": timedelta(seconds=30), "execution_timeout": timedelta(seconds=900)},
    jinja_environment_kwargs={"keep_trailing_newline": True},
) as dag:
    scraping_task = StackContainer(
        task_id="scraping_task",
        image=verbatim(os.environ.get("SCRAPER_IMAGE", "scraper:local")),
        command=["scrape"],
        mounts=[Mount(target="/data", source="data-platform_scraped-data", type="volume")],
        network_mode="data-platform_es-net",
        auto_remove="success",
        docker_url=DOCKER_URL,
        mount_tmp_dir=False,
    )

    # needs postgres healthy
    postgre_task = StackContainer(
        task_id="postgre_task",
        image=verbatim(os.environ.get("SCRAPER_IMAGE", "scraper:local")),
        command=["load-postgres"],
        mounts=[Mount(target="/data", source="data-platform_scraped-data", type="volume")],
        files=[{"target": "/run/secrets/postgres_password", "content": lambda: secret("POSTGRES_PASSWORD", "postgres_password"), "mode": 0o444, "uid": 0, "gid": 0}],
        network_mode="data-platform_es-net",
        auto_remove="success",
        docker_url=DOCKER_URL,
        mount_tmp_dir=False,
    )

    # needs elasticsearch healthy
    elastic_task = StackContainer(
        task_id="elastic_task",
        image=verbatim(os.environ.get("SCRAPER_IMAGE", "scraper:local")),
        command=["load-elastic"],
        mounts=[Mount(target="/data", source="data-platform_scraped-data", type="volume")],
        network_mode="data-platform_es-net",
        auto_remove="success",
        docker_url=DOCKER_URL,
        mount_tmp_dir=False,
    )

    # needs mlflow_service healthy
    mlflow_task = PythonOperator(
        task_id="mlflow_task",
        python_callable=exec_in_service,
        op_kwargs={"service": "mlflow_service", "command": ["python", "/opt/pipeline/features.py", "{{ run_id }}", "{{ (ds if ds is defined else dag_run.run_after.strftime('%Y-%m-%d')) }}"], "environment": {"MLFLOW_TRACKING_URI": "http://localhost:5000"}},
    )

    # needs fastapi healthy
    fastapi_task = StackBash(
        task_id="fastapi_task",
        bash_command="answer=$(mktemp) && trap 'rm -f \"$answer\"' EXIT\nstatus=$(curl --silent --show-error --max-time 60 --request \"$STACKGEN_METHOD\" --header 'Content-Type: application/json' --data-binary \"$STACKGEN_BODY\" --output \"$answer\" --write-out '%{http_code}' \"$STACKGEN_URL\") || exit 1\ncat \"$answer\"\necho\ncase \"$status\" in 2??) ;; *) echo \"status $status\" >&2; exit 1 ;; esac",
        env={"STACKGEN_URL": "http://fastapi:8000/predict", "STACKGEN_METHOD": "POST", "STACKGEN_BODY": json.dumps({"run": "{{ run_id }}", "day": "{{ (ds if ds is defined else dag_run.run_after.strftime('%Y-%m-%d')) }}"})},
        append_env=True,
    )

    scraping_task >> postgre_task
    scraping_task >> elastic_task
    scraping_task >> mlflow_task
    elastic_task >> fastapi_task
