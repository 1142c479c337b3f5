"""The shop's own tests: `python3 -m unittest`."""

from __future__ import annotations

import json
import tempfile
import unittest
from typing import Any

from shop import build
from web import Request


class ShopTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.app = build(folder.name, "test")

    def ask(
        self, method: str, path: str, query: dict[str, str] | None = None, **body: Any
    ) -> tuple[int, Any]:
        return self.app.answer(Request(method, path, query or {}, json.dumps(body).encode()))

    def test_health_names_the_revision(self) -> None:
        status, health = self.ask("GET", "/health")
        self.assertEqual((200, "healthy", "test"), (status, health["status"], health["version"]))

    def test_products_can_be_listed(self) -> None:
        self.assertEqual(40, len(self.ask("GET", "/products")[1]["items"]))

    def test_a_product_has_a_page(self) -> None:
        status, product = self.ask("GET", "/products/1")
        self.assertEqual((200, "Teapot"), (status, product["name"]))

    def test_search_finds_by_name(self) -> None:
        self.assertEqual(
            ["Teapot"], [p["name"] for p in self.ask("GET", "/search", {"q": "teap"})[1]["items"]]
        )

    def test_an_order_is_kept(self) -> None:
        status, order = self.ask("POST", "/orders", product=3, quantity=2)
        self.assertEqual(201, status)
        self.assertEqual((200, order), self.ask("GET", f"/orders/{order['id']}"))

    def test_a_bad_order_is_refused(self) -> None:
        self.assertEqual(400, self.ask("POST", "/orders", product=3, quantity=0)[0])
        self.assertEqual(404, self.ask("POST", "/orders", product=999)[0])


if __name__ == "__main__":
    unittest.main()
