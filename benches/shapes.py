"""The stacks that benches work on, as compose files, and what each service in them waits for.

`flat(n)` is n services on one network that wait for nobody; `reference()` is the shape of a data platform with Airflow: twelve services
that are on, one behind a profile, two gates for health, one job, five services behind all of them.
"""

IMAGE = "stackgen-bench:1"

FLAT_SERVICE = """  s{i:04d}:
    image: {image}
    environment:
      SERVICE_INDEX: "{i}"
      LOG_LEVEL: info
      GENERATION: "{generation}"
    labels:
      com.example.tier: "flat"
    restart: unless-stopped
    networks: [net]
"""

AIRFLOW = """x-airflow-common: &airflow-common
  image: {image}
  environment: &airflow-common-env
    AIRFLOW__CORE__EXECUTOR: CeleryExecutor
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://airflow:airflow@postgres/airflow
    AIRFLOW__CELERY__RESULT_BACKEND: db+postgresql://airflow:airflow@postgres/airflow
    AIRFLOW__CELERY__BROKER_URL: redis://:@redis:6379/0
    AIRFLOW__CORE__FERNET_KEY: ''
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION: 'true'
    AIRFLOW__CORE__LOAD_EXAMPLES: 'true'
    AIRFLOW__API__AUTH_BACKENDS: 'airflow.api.auth.backend.basic_auth'
    AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK: 'true'
    _PIP_ADDITIONAL_REQUIREMENTS: ${{_PIP_ADDITIONAL_REQUIREMENTS:-}}
  volumes:
    - ./dags:/opt/airflow/dags
    - ./logs:/opt/airflow/logs
    - ./config:/opt/airflow/config
    - ./plugins:/opt/airflow/plugins
  user: "${{AIRFLOW_UID:-50000}}:0"
  networks: [net]
  depends_on: &airflow-common-depends-on
    redis: {{condition: service_healthy}}
    postgres: {{condition: service_healthy}}
services:
  postgres:
    image: {image}
    environment: {{POSTGRES_USER: airflow, POSTGRES_PASSWORD: airflow, POSTGRES_DB: airflow}}
    volumes: ["postgres-db-volume:/var/lib/postgresql/data"]
    networks: [net]
    restart: always
{check}  redis:
    image: {image}
    expose: [6379]
    networks: [net]
    restart: always
{check}  airflow-init:
    <<: *airflow-common
    entrypoint: ["/bin/sleep", "0.3"]
    user: "0:0"
"""

AIRFLOW_SERVICE = """  airflow-{name}:
    <<: *airflow-common
    command: ["sleep", "infinity"]
    restart: always
{check}    depends_on:
      <<: *airflow-common-depends-on
      airflow-init: {{condition: service_completed_successfully}}
"""

THE_REST = """  airflow-cli:
    <<: *airflow-common
    profiles: [debug]
    environment:
      <<: *airflow-common-env
      CONNECTION_CHECK_MAX_COUNT: "0"
  elasticsearch:
    image: {image}
    environment: {{discovery.type: single-node, ES_JAVA_OPTS: "-Xms512m -Xmx512m"}}
    volumes: ["es-data:/usr/share/elasticsearch/data"]
    networks: [net]
{check}  kibana:
    image: {image}
    environment: {{ELASTICSEARCH_HOSTS: "http://elasticsearch:9200"}}
    networks: [net]
    depends_on:
      elasticsearch: {{condition: service_healthy}}
  mlflow:
    image: {image}
    environment: {{BACKEND_STORE_URI: "postgresql://airflow:airflow@postgres/mlflow"}}
    networks: [net]
    depends_on:
      postgres: {{condition: service_healthy}}
  fastapi:
    image: {image}
    environment: {{MLFLOW_TRACKING_URI: "http://mlflow:5000"}}
    networks: [net]
    depends_on:
      mlflow: {{condition: service_started}}
      postgres: {{condition: service_healthy}}
networks:
  net: {{driver: bridge}}
volumes:
  postgres-db-volume:
  es-data:
"""

AIRFLOW_SERVICES = ["webserver", "scheduler", "worker", "triggerer", "flower"]
REFERENCE_VOLUMES = ["postgres-db-volume", "es-data"]


def check(interval):
    return f"""    healthcheck:
      test: ["CMD", "true"]
      interval: {interval}
      timeout: 5s
      retries: 5
      start_period: 0s
"""


def reference():
    text = AIRFLOW.format(image=IMAGE, check=check("1s"))
    text += "".join(AIRFLOW_SERVICE.format(name=name, check=check("30s")) for name in AIRFLOW_SERVICES)
    return text + THE_REST.format(image=IMAGE, check=check("1s"))


def reference_order():
    """Returns each service with what it waits for, so that each comes after those."""
    order = [("postgres", []), ("redis", []), ("elasticsearch", [])]
    order.append(("airflow-init", ["redis:healthy", "postgres:healthy"]))
    gates = ["redis:healthy", "postgres:healthy", "airflow-init:completed"]
    order += [(f"airflow-{name}", gates) for name in AIRFLOW_SERVICES]
    order += [("kibana", ["elasticsearch:healthy"]), ("mlflow", ["postgres:healthy"])]
    return order + [("fastapi", ["postgres:healthy", "mlflow:started"])]


def flat(count, changed=None):
    """Returns count services; `changed` is the number of one with another environment."""
    service = lambda i: FLAT_SERVICE.format(i=i, image=IMAGE, generation="changed" if i == changed else "v0")
    return "services:\n" + "".join(map(service, range(count))) + "networks:\n  net:\n    driver: bridge\n"


def flat_order(count):
    return [(f"s{i:04d}", []) for i in range(count)]
