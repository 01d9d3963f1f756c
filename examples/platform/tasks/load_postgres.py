#!/usr/bin/env python3
"""Loads the scraped CSV into the table `books` of Postgres and counts what arrived.

  DATA_FILE      the CSV; /data/books.csv if unset
  DATABASE_URL   the database; postgresql://airflow@postgres/airflow if unset
  PASSWORD_FILE  holds the password; /run/secrets/postgres_password if unset. Without that file, it is libpq's business

It can be run again: the rows are replaced in one transaction.
"""

import csv
import os
import sys
from pathlib import Path

import psycopg2

DATA = Path(os.environ.get("DATA_FILE", "/data/books.csv"))
DATABASE = os.environ.get("DATABASE_URL", "postgresql://airflow@postgres/airflow")
PASSWORD = Path(os.environ.get("PASSWORD_FILE", "/run/secrets/postgres_password"))

TABLE = """
create table if not exists books (
  id int primary key,
  title text not null,
  category text not null,
  price numeric(8, 2) not null,
  rating int not null,
  in_stock boolean not null
)
"""


def main() -> str:
    with DATA.open(newline="") as file:
        expected = sum(1 for _ in csv.DictReader(file))
    secret = {"password": PASSWORD.read_text().strip()} if PASSWORD.exists() else {}
    with psycopg2.connect(DATABASE, **secret) as connection, connection.cursor() as cursor, DATA.open() as file:
        cursor.execute(TABLE)
        cursor.execute("truncate books")
        cursor.copy_expert("copy books (id, title, category, price, rating, in_stock) from stdin with (format csv, header)", file)
        cursor.execute("select count(*) from books")
        (count,) = cursor.fetchone()
        if count != expected:
            raise ValueError(f"{count} rows in the table, {expected} in the file")
    return f"loaded {count} rows into postgres"


if __name__ == "__main__":
    try:
        print(main())
    except (OSError, ValueError, psycopg2.Error) as problem:
        sys.exit(f"load-postgres: {problem}")
