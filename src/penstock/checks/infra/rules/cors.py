"""CORS that lets every page on the web ask in a user's name."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.checks.infra.resource import Hit, Setting, Stack, in_words

_CHANGES = {"POST", "PUT", "PATCH", "DELETE", "*", "ANY"}


def open_cors(stack: Stack, setting: Setting) -> Iterator[Hit]:
    """Every origin is allowed, with credentials or for methods that change something."""
    for one in stack.of("api", "route", "function_url", "bucket", "bucket_cors"):
        said = one.facts.get("cors")
        for cors in said if isinstance(said, list) else [said]:
            if not cors or not any(
                origin.strip("'\"") in ("*", "https://*", "http://*", "null") for origin in cors["origins"]
            ):
                continue
            methods = set(cors["methods"]) or ({str(one.facts.get("method", "*"))} if one.kind == "route" else {"*"})
            if one.kind == "route" and methods == {"OPTIONS"}:
                methods = {"*"}  # the answer to a preflight stands for the others
            changing = sorted(methods & _CHANGES)
            if not cors["credentials"] and not changing:
                continue
            how = (
                "with credentials"
                if cors["credentials"]
                else f"for {', '.join('every method' if m in ('*', 'ANY') else m for m in changing)}"
            )
            severe = bool(cors["credentials"]) or "cors" in setting.require
            yield Hit(
                "open-cors", "high" if severe else "medium", one.name, f"`{one.name}` allows every origin (*) {how}",
                "any page that a user opens can ask in that user's name",
                in_words(one.dialect, "AllowOrigins: [https://shop.example]", 'allow_origins = ["https://shop.example"]',
                         "cors: {origins: [https://shop.example]}"),
                one.place("CorsConfiguration", "Cors", "FunctionUrlConfig", "cors", "cors_configuration"),
            )  # fmt: skip


RULES = (open_cors,)
