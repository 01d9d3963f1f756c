"""The stack's pipeline by hand: three tasks in containers of their own, started by the Celery worker, and two in the worker.

    scraping -> postgre
    scraping -> elastic -> fastapi
    scraping -> mlflow
"""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.docker.operators.docker import DockerOperator
from docker.types import Mount

CURL = "curl --fail --silent --show-error"
DATA = Mount(source="scraped-data", target="/data", type="volume")


def in_container(task_id: str, command: str) -> DockerOperator:
    return DockerOperator(
        task_id=task_id,
        image="scraper:local",
        command=command,
        docker_url="unix://var/run/docker.sock",
        network_mode="es-net",
        auto_remove="success",
        mount_tmp_dir=False,
        mounts=[DATA],
        environment={"DATABASE_URL": "postgresql://airflow:airflow@postgres/airflow"},
    )


with DAG("reference_dag", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["reference"]):
    scraping = in_container("scraping", "scrape")
    postgre = in_container("postgre", "load-postgres")
    elastic = in_container("elastic", "load-elastic")
    fastapi = BashOperator(task_id="fastapi", bash_command=f"{CURL} --json '[1]' http://fastapi:8000/predict")
    mlflow = BashOperator(task_id="mlflow", bash_command=f"{CURL} http://mlflow_service:5000/health")

    scraping >> [postgre, elastic, mlflow]
    elastic >> fastapi
