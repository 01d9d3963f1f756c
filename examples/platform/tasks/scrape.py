#!/usr/bin/env python3
"""Reads a page of books and writes them as CSV: the first task of the pipeline.

  SOURCE_URL  the page; the catalogue beside this script if unset
  DATA_FILE   where the CSV goes; /data/books.csv if unset

The page marks each book with <article class="book" data-id="…"> and its fields with class names. The file is
replaced in one step, so that a reader never sees half of it.
"""

import csv
import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.request import urlopen

FIELDS = ("id", "title", "category", "price", "rating", "in_stock")


class Catalogue(HTMLParser):
    """Collects the books of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.books: list[dict[str, str]] = []
        self.field: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "article" and given.get("class") == "book":
            self.books.append({"id": given.get("data-id") or ""})
        elif self.books and given.get("class") in FIELDS:
            self.field = given["class"]
            self.books[-1][self.field] = ""

    def handle_data(self, data: str) -> None:
        if self.field:
            self.books[-1][self.field] += data

    def handle_endtag(self, tag: str) -> None:
        self.field = None


def cleaned(book: dict[str, str]) -> dict[str, str]:
    """Checks a book and brings its fields into the shape of the CSV."""
    missing = [name for name in FIELDS if not book.get(name, "").strip()]
    if missing:
        raise ValueError(f"book {book.get('id') or '?'} has no {' and no '.join(missing)}")
    book = {name: " ".join(book[name].split()) for name in FIELDS}
    book["id"] = str(int(book["id"]))
    book["price"] = f"{float(book['price'].lstrip('£€$')):.2f}"
    book["rating"] = str(book["rating"].count("★"))
    book["in_stock"] = "true" if book["in_stock"].lower() == "in stock" else "false"
    return book


def main() -> str:
    source = os.environ.get("SOURCE_URL") or Path(__file__).resolve().with_name("catalogue.html").as_uri()
    target = Path(os.environ.get("DATA_FILE", "/data/books.csv"))
    page = Catalogue()
    with urlopen(source, timeout=30) as answer:
        page.feed(answer.read().decode())
    books = [cleaned(book) for book in page.books]
    if not books:
        raise ValueError(f"there is no book in {source}")
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    with half.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(books)
    half.replace(target)
    return f"wrote {len(books)} rows to {target}"


if __name__ == "__main__":
    try:
        print(main())
    except (OSError, ValueError) as problem:
        sys.exit(f"scrape: {problem}")
