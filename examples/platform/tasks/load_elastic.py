#!/usr/bin/env python3
"""Puts the scraped CSV into an Elasticsearch index with one bulk request and counts the documents.

  DATA_FILE    the CSV; /data/books.csv if unset
  ELASTIC_URL  the server; http://elasticsearch:9200 if unset
  INDEX        the index; books if unset

It can be run again: a book's id is its document's id.
"""

import csv
import json
import os
import sys
from pathlib import Path

import requests

DATA = Path(os.environ.get("DATA_FILE", "/data/books.csv"))
ELASTIC = os.environ.get("ELASTIC_URL", "http://elasticsearch:9200")
INDEX = os.environ.get("INDEX", "books")


def document(row: dict[str, str]) -> dict[str, object]:
    return {
        "id": int(row["id"]),
        "title": row["title"],
        "category": row["category"],
        "price": float(row["price"]),
        "rating": int(row["rating"]),
        "in_stock": row["in_stock"] == "true",
    }


def main() -> str:
    with DATA.open(newline="") as file:
        books = [document(row) for row in csv.DictReader(file)]
    lines = []
    for book in books:
        lines += [json.dumps({"index": {"_index": INDEX, "_id": str(book["id"])}}), json.dumps(book)]
    head = {"Content-Type": "application/x-ndjson"}
    answer = requests.post(f"{ELASTIC}/_bulk", data="\n".join(lines) + "\n", headers=head, timeout=60)
    answer.raise_for_status()
    if answer.json()["errors"]:
        raise ValueError(f"the bulk request had errors: {answer.text[:500]}")
    requests.post(f"{ELASTIC}/{INDEX}/_refresh", timeout=30).raise_for_status()
    counted = requests.get(f"{ELASTIC}/{INDEX}/_count", timeout=30)
    counted.raise_for_status()
    count = counted.json()["count"]
    if count < len(books):
        raise ValueError(f"{count} documents in {INDEX}, {len(books)} rows in the file")
    return f"indexed {len(books)} documents, {INDEX} has {count}"


if __name__ == "__main__":
    try:
        print(main())
    except (OSError, ValueError, requests.RequestException) as problem:
        sys.exit(f"load-elastic: {problem}")
