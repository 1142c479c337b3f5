"""`verdict.metrics`: where the readings of the arms come from, when they are not the target's own."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from penstock.manifest.section import Duration, Section, wrong
from penstock.manifest.service import token, whole_url

_TEXT = r'"(?:[^"\\]|\\.)*"'
_MATCHER = rf"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*{_TEXT}\s*"
_SELECTOR = re.compile(rf"([A-Za-z_][A-Za-z0-9_]*)\s*(?:\{{(?:{_MATCHER}(?:,{_MATCHER})*,?)?\s*\}})?")
_LABELS = re.compile(_MATCHER)
_COUNTER = 'http_requests_total{app="shop"}'
_NAME = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")
_OF_PROMETHEUS = ("requests", "errors", "latency", "arm", "instance", "latency_in")


def _selector(text: str) -> str:
    if _SELECTOR.fullmatch(text):
        return text
    if re.match(r"[A-Za-z_:][A-Za-z0-9_]*:", text):
        what, why = (
            f"`{text[:60]}` is what a rule recorded",
            "a sum of many processes cannot be told from a restart of one",
        )
    else:
        what, why = (
            f"`{text[:60]}` is no plain selector",
            "Penstock takes the differences itself, of each series by itself",
        )
    raise wrong(what, why, _COUNTER)


def _path(text: str) -> str:
    if not text.startswith(("/", "$")):
        raise wrong(
            f"`{text[:60]}` is no whole path", "it is read beside the release, not in the commit", "/srv/shop/readings"
        )
    return text


Selector = Annotated[str, AfterValidator(_selector)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


class MetricsSource(Section):
    """A `prometheus` or a `json` endpoint at `url`, or a `file` at `path`.

    `step_s` is how long one reading is, `lag_s` how much later all of it is there. Of a Prometheus, `requests`, `errors`
    and `latency` select counters; the label `arm` says whose they are, and `instance` which process counted them.
    """

    specimen: ClassVar[str] = (
        "{is: prometheus, url: http://prometheus:9090, requests: http_requests_total,"
        " errors: 'http_requests_total{code=~\"5..\"}'}"
    )

    kind: Literal["prometheus", "json", "file"] = Field(alias="is")
    url: Annotated[str, AfterValidator(whole_url)] | None = None
    path: Annotated[str, AfterValidator(_path)] | None = None
    bearer: Annotated[str, AfterValidator(token)] | None = None
    requests: Selector | None = None
    errors: Selector | None = None
    latency: Selector | None = None
    latency_in: Literal["s", "ms"] = "s"
    arm: Label = "revision"
    instance: Label = "instance"
    step_s: Duration = Field(default=15.0, alias="step", ge=0.1, le=300)
    lag_s: Duration = Field(default=10.0, alias="lag", ge=0, le=300)
    within_s: Duration = Field(default=5.0, alias="within", gt=0, le=8)

    needs: ClassVar[dict[str, dict[str, str]]] = {
        "prometheus": {
            "url": "http://prometheus:9090",
            "requests": _COUNTER,
            "errors": 'http_requests_total{code=~"5.."}',
        },
        "json": {"url": "https://shop/readings"},
        "file": {"path": "/srv/shop/readings"},
    }

    def names(self) -> frozenset[str]:
        """Every `$NAME` that a release must know to ask this source."""
        texts = (self.url, self.path, self.bearer)
        return frozenset(name.strip("${}") for text in texts if text for name in _NAME.findall(text))

    @model_validator(mode="after")
    def _whole(self) -> MetricsSource:
        needs = self.needs[self.kind]
        for key, example in needs.items():
            if getattr(self, key) is None:
                raise wrong(
                    f"`metrics` lacks `{key}`", f"`{self.kind}` needs it", f"{key}: {example}", code="missing-key"
                )
        other = {"path": {"file"}, "url": {"prometheus", "json"}, "bearer": {"prometheus", "json"}}
        other |= {key: {"prometheus"} for key in _OF_PROMETHEUS}
        for key, kinds in other.items():
            if self.kind not in kinds and getattr(self, key) != type(self).model_fields[key].default:
                raise wrong(f"`{key}` is nothing to `{self.kind}`", "it would be ignored", "leave it out", at=key)
        if self.latency is not None and not metric_of(self.latency).endswith("_bucket"):
            what = f"`{metric_of(self.latency)}` is no series of buckets"
            why = "a summary's quantiles cannot be added up, and native histograms are not read"
            raise wrong(what, why, "http_request_duration_seconds_bucket", at="latency")
        return self


def metric_of(selector: str) -> str:
    """The metric's name in a selector."""
    return selector.partition("{")[0].strip()


def labels_in(selector: str) -> frozenset[str]:
    """The labels that a selector's matchers name."""
    return frozenset(_LABELS.findall(selector.partition("{")[2].rpartition("}")[0]))
