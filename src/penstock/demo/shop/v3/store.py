"""What the shop remembers, in one SQLite file that all of its instances share."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
    price_cents INTEGER NOT NULL, votes INTEGER NOT NULL, stars INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, product INTEGER NOT NULL REFERENCES products,
    quantity INTEGER NOT NULL, total_cents INTEGER NOT NULL
);
"""
CATALOGUE = Path(__file__).with_name("catalogue.csv")
FIRST_ORDERS = 20

Row = dict[str, Any]


class Store:
    """Products and orders. Every method is one short transaction."""

    def __init__(self, path: str) -> None:
        # Two instances may start at once, and each waits for the other's write.
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._fill()

    def products(self) -> list[Row]:
        """Every product, by id."""
        return self._rows("SELECT id, name, price_cents FROM products ORDER BY id")

    def product(self, number: int) -> Row | None:
        """All that is known of one product."""
        return self._row(
            "SELECT id, name, description, price_cents, votes, stars FROM products WHERE id = ?", number
        )

    def search(self, words: str) -> list[Row]:
        """Products with the words in their name or description; first those whose name begins so."""
        return self._rows(
            "SELECT id, name, price_cents FROM products"
            " WHERE name LIKE '%' || ?1 || '%' OR description LIKE '%' || ?1 || '%'"
            " ORDER BY name NOT LIKE ?1 || '%', id LIMIT 10",
            words,
        )

    def bestsellers(self) -> list[Row]:
        """The five products that were ordered most among the last 500 orders."""
        return self._rows(
            "WITH latest AS (SELECT product, quantity FROM orders ORDER BY id DESC LIMIT 500)"
            " SELECT p.id, p.name, p.price_cents, SUM(latest.quantity) AS sold"
            " FROM latest JOIN products p ON p.id = latest.product"
            " GROUP BY p.id ORDER BY sold DESC, p.id LIMIT 5"
        )

    def place(self, product: int, quantity: int) -> Row | None:
        """A new order; None when there is no such product."""
        return self._row(
            "INSERT INTO orders (product, quantity, total_cents)"
            " SELECT id, ?2, ?2 * price_cents FROM products WHERE id = ?1"
            " RETURNING id, product, quantity, total_cents",
            product,
            quantity,
        )

    def order(self, number: int) -> Row | None:
        """An order that was placed."""
        return self._row("SELECT id, product, quantity, total_cents FROM orders WHERE id = ?", number)

    def _fill(self) -> None:
        with CATALOGUE.open(newline="", encoding="utf-8") as file:
            products = list(csv.DictReader(file))
        self._db.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.executemany(
            "INSERT OR IGNORE INTO products VALUES (:id, :name, :description, :price_cents, :votes, :stars)",
            products,
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO orders SELECT id, id, 1, price_cents FROM products WHERE id = ?",
            [(number,) for number in range(1, FIRST_ORDERS + 1)],
        )
        self._db.execute("COMMIT")

    def _rows(self, sql: str, *values: Any) -> list[Row]:
        return [dict(row) for row in self._db.execute(sql, values)]

    def _row(self, sql: str, *values: Any) -> Row | None:
        row = self._db.execute(sql, values).fetchone()
        return dict(row) if row else None
