"""A small shop: products to look at, orders to place. `python3 shop.py --port 8080` serves it."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from store import Store
from web import Answer, App, Endpoint, Refused, Request, serve

ID_MAX = 999_999_999
QUANTITY_MAX = 100
CURRENCY = os.environ.get("CURRENCY", "EUR")


class Shop:
    """The endpoints, over one store."""

    def __init__(self, store: Store, revision: str) -> None:
        self._store = store
        self._revision = revision
        self._began = time.monotonic()

    def endpoints(self) -> dict[str, Endpoint]:
        """What the shop answers."""
        return {
            "GET /health": self.health,
            "GET /products": self.products,
            "GET /products/{id}": self.product,
            "GET /search": self.search,
            "GET /bestsellers": self.bestsellers,
            "POST /orders": self.place,
            "GET /orders/{id}": self.order,
        }

    def health(self, _: Request) -> Answer:
        database_is_healthy = bool(self._store.product(1))
        return 200 if database_is_healthy else 503, {
            "status": "healthy" if database_is_healthy else "unhealthy",
            "version": self._revision,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "uptime_s": round(time.monotonic() - self._began, 1),
            "checks": {"database": "healthy" if database_is_healthy else "unhealthy"},
        }

    def products(self, _: Request) -> Answer:
        return 200, {
            "shop": os.environ.get("SHOP_NAME", "Shop"),
            "currency": CURRENCY,
            "items": self._store.products(),
        }

    def product(self, request: Request) -> Answer:
        found = self._store.product(_number(request))
        if not found:
            return 404, {"error": "no such product"}
        rating = round(found["stars"] / found["votes"], 1)
        return 200, found | {"currency": CURRENCY, "rating": rating}

    def bestsellers(self, _: Request) -> Answer:
        return 200, {"items": self._store.bestsellers()}

    def search(self, request: Request) -> Answer:
        return 200, {"items": self._store.search(request.query.get("q", ""))}

    def place(self, request: Request) -> Answer:
        wanted = request.json()
        product = _whole(wanted.get("product"), "product", ID_MAX)
        quantity = _whole(wanted.get("quantity", 1), "quantity", QUANTITY_MAX)
        order = self._store.place(product, quantity)
        return (201, order) if order else (404, {"error": "no such product"})

    def order(self, request: Request) -> Answer:
        found = self._store.order(_number(request))
        return (200, found) if found else (404, {"error": "no such order"})


def build(folder: str, revision: str) -> App:
    """The shop over the data in a folder."""
    return App(Shop(Store(str(Path(folder) / "shop.sqlite")), revision).endpoints(), revision)


def revision_of(environment: dict[str, str]) -> str:
    """The name that this revision was released under."""
    return (
        environment.get("PENSTOCK_REVISION_VERSION") or environment.get("PENSTOCK_REVISION") or "unreleased"
    )


def _number(request: Request) -> int:
    text = request.parts["id"]
    is_number = text.isdecimal() and len(text) <= len(str(ID_MAX))
    return _whole(int(text) if is_number else None, "the id", ID_MAX)


def _whole(value: object, name: str, most: int) -> int:
    if not isinstance(value, int) or not 0 < value <= most:
        raise Refused(400, f"{name} must be a whole number from 1 to {most}")
    return value


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--port", type=int, default=8080)
    app = build(os.environ.get("DATA", "."), revision_of(dict(os.environ)))
    asyncio.run(serve(app, words.parse_args().port))
