#!/usr/bin/env python3
"""Makes features of the scraped CSV and logs them as a run of the MLflow experiment `books`: features.py RUN_ID DAY

  DATA_FILE            the CSV; /data/books.csv if unset
  MLFLOW_TRACKING_URI  the server; http://localhost:5000 if unset
"""

import csv
import math
import os
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

DATA = Path(os.environ.get("DATA_FILE", "/data/books.csv"))
COLUMNS = ("id", "log_price", "title_words", "title_length", "rating", "in_stock", "price_to_category")


def features(books: list[dict[str, str]]) -> list[dict[str, float]]:
    """Returns a row of numbers for each book."""
    prices: dict[str, list[float]] = {}
    for book in books:
        prices.setdefault(book["category"], []).append(float(book["price"]))
    usual = {category: statistics.mean(values) for category, values in prices.items()}
    return [
        {
            "id": int(book["id"]),
            "log_price": round(math.log(float(book["price"])), 4),
            "title_words": len(book["title"].split()),
            "title_length": len(book["title"]),
            "rating": int(book["rating"]),
            "in_stock": int(book["in_stock"] == "true"),
            "price_to_category": round(float(book["price"]) / usual[book["category"]], 4),
        }
        for book in books
    ]


def summary(books: list[dict[str, str]]) -> dict[str, float]:
    """Returns the figures of the whole file."""
    prices = [float(book["price"]) for book in books]
    ratings = [int(book["rating"]) for book in books]
    return {
        "books": len(books),
        "price_mean": statistics.mean(prices),
        "price_median": statistics.median(prices),
        "price_stdev": statistics.pstdev(prices),
        "rating_mean": statistics.mean(ratings),
        "in_stock_share": sum(book["in_stock"] == "true" for book in books) / len(books),
        "price_rating_correlation": correlation(prices, ratings),
    }


def correlation(xs: list[float], ys: list[int]) -> float:
    spread = statistics.pstdev(xs) * statistics.pstdev(ys)
    if spread == 0:
        return 0.0
    x_mean, y_mean = statistics.mean(xs), statistics.mean(ys)
    return statistics.mean((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)) / spread


def main(run_id: str, day: str) -> str:
    import mlflow

    with DATA.open(newline="") as file:
        books = list(csv.DictReader(file))
    if not books:
        raise ValueError(f"there is no book in {DATA}")
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", "http://localhost:5000"))
    mlflow.set_experiment("books")
    with mlflow.start_run(run_name=run_id) as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"day": day, "source": str(DATA), "features": ",".join(COLUMNS)})
        mlflow.log_metrics(summary(books))
        for category, count in Counter(book["category"] for book in books).items():
            mlflow.log_metric(f"books_{category.lower().replace(' ', '_')}", count)
        table = Path(folder) / "features.csv"
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(features(books))
        mlflow.log_artifact(str(table))
    return f"logged {len(COLUMNS) - 1} features of {len(books)} books as run {run.info.run_id}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: features.py RUN_ID DAY")
    try:
        print(main(sys.argv[1], sys.argv[2]))
    except (OSError, ValueError) as problem:
        sys.exit(f"features: {problem}")
