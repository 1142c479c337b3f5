"""The keeper with a real Envoy and a tiny service: splits, drains, previews, and what it passes on."""

from __future__ import annotations

import json
import socket
import threading
import time

from penstock.testing.load import Load
from tests.providers.local.kept import Kept


def test_a_split_moves_and_no_request_fails(kept: Kept) -> None:
    """From nothing to r1, by half and half to r2: a strict client sees no failure, and what left is gone."""
    kept.settled({"r1": 2}, {"r1": 1000})
    running = Load(f"http://127.0.0.1:{kept.port}", rps=100, connections=16).start()
    kept.settled({"r1": 2, "r2": 1}, {"r1": 1000})
    half = kept.settled({"r1": 2, "r2": 1}, {"r1": 500, "r2": 500})
    assert {"web": {"r1": 500, "r2": 500}} == half["split"]
    kept.settled({"r1": 2, "r2": 2}, {"r2": 1000})
    done = kept.settled({"r2": 2}, {"r2": 1000})
    summary = running.stop()
    assert 0 == summary.failed, summary
    assert {"web-r2-1", "web-r2-2"} == set(kept.pids())
    assert {"web": {"r2": {"wanted": 2, "ready": 2}}} == done["units"]
    assert "r2" == kept.get()[1]


def test_a_preview_reaches_a_revision_without_traffic(kept: Kept) -> None:
    """With its header a request reaches the candidate, without it stable; it ends with `preview`."""
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000}, preview="r2")
    assert (200, "r2") == kept.get(x_penstock_preview="r2")[:2]
    assert (200, "r1") == kept.get(x_penstock_preview="r1")[:2]
    assert "r1" == kept.get()[1]
    kept.settled({"r1": 1, "r2": 1}, {"r1": 1000})
    assert "r1" == kept.get(x_penstock_preview="r2")[1]


def test_a_retired_instance_ends_its_requests_first(kept: Kept) -> None:
    """A request that is on its way when its instance is retired gets its answer."""
    kept.settled({"r1": 1}, {"r1": 1000})
    answers: list[tuple[int, str, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(kept.get("/?wait_s=1.5", timeout_s=10)))
    asking.start()
    time.sleep(0.2)
    kept.settled({"r2": 1}, {"r2": 1000})
    asking.join()
    assert (200, "r1") == answers[0][:2]


def test_a_drain_ends_at_its_deadline(kept: Kept) -> None:
    """A request longer than `drain_s` does not keep its instance for ever."""
    kept.settled({"r1": 1}, {"r1": 1000})
    asking = threading.Thread(target=lambda: kept.get("/?wait_s=8", timeout_s=12))
    asking.start()
    time.sleep(0.2)
    kept.settled({"r2": 1}, {"r2": 1000}, drain_s=0.5, stop_s=0.5)
    assert {} == kept.pids("r1")
    asking.join()


def test_a_split_waits_for_capacity(kept: Kept) -> None:
    """While a candidate is not ready the split stays as it was; after `start_within_s` it is failed."""
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.programs["r2"] = kept.program("r2", env={"START_AFTER_S": "60"})
    generation = kept.want({"r1": 1, "r2": 1}, {"r1": 500, "r2": 500}, start_within_s=1)
    seen = kept.until(lambda o: o["generation"] == generation and o["phase"] == "failed")
    assert {"web": {"r1": 1000}} == seen["split"]
    assert "within 1 s" in seen["reason"]
    back = kept.settled({"r1": 1}, {"r1": 1000})
    assert ["r1"] == [i["revision"] for i in back["instances"]]


def test_another_version_on_the_port_is_not_ready(kept: Kept) -> None:
    """An instance whose health names another version gets no traffic, and it is said."""
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.programs["r2"] = kept.program("r2", version="r9")
    kept.want({"r1": 1, "r2": 1}, {"r2": 1000})
    kept.until(lambda o: any("another version" in i["health"] for i in o["instances"]))
    assert {"web": {"r1": 1000}} == kept.seen()["split"]


def test_down_ends_everything(kept: Kept) -> None:
    """With nothing placed and nothing listened on, instances, Envoy and the keeper end, and the port is
    free.
    """
    kept.settled({"r1": 1}, {"r1": 1000})
    kept.want({}, {}, listen={}, units={"web": {"placed": {"r1": 0}, "split": {}}})
    seen = kept.until(lambda o: o["phase"] == "settled" and not o["instances"])
    assert seen["envoy"]["pid"] is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", kept.port)) != 0


def test_a_taken_port_names_who_holds_it(kept: Kept) -> None:
    """A port that somebody listens on is a failure that names the process; once it is free, Envoy
    listens there.
    """
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", kept.port))
        other.listen()
        kept.want({"r1": 1}, {"r1": 1000})
        kept.start()
        seen = kept.until(lambda o: o["phase"] == "failed")
        assert f"port {kept.port} is taken by process" in seen["reason"]
    kept.until(lambda o: o["phase"] == "settled")
    assert 200 == kept.get()[0]


def test_an_instance_sees_its_own_environment_only(kept: Kept) -> None:
    """Words are filled in; of the secrets only those it sees; of the keeper's environment nothing."""
    secrets = kept.folder.root / "secrets.json"
    secrets.write_text(json.dumps({"DSN": "postgres://shop", "OTHER": "hidden"}))
    kept.programs["r1"] = kept.program("r1", "--level=$LEVEL", env={"LEVEL": "info"}, sees=["DSN"])
    kept.want({"r1": 1}, {"r1": 1000})
    data = kept.data({"r1": 1}, {"r1": 1000})
    data["revisions"]["r1"] |= {"secrets_file": str(secrets), "path": ["/opt/shop/bin"]}
    kept.settled({"r1": 1}, {"r1": 1000}, revisions=data["revisions"])
    found = json.loads(kept.get("/env")[2])
    env = {name: value for name, value in found["env"].items() if name not in ("LC_CTYPE", "PENSTOCK_INSTANCE", "PORT")}
    assert "--level=info" == found["argv"][2]
    assert str(kept.folder.root) == found["cwd"]
    assert env == {
        "LEVEL": "info", "DSN": "postgres://shop", "DATA": str(kept.folder.data),
        "HOME": str(kept.folder.instance("web-r1-1") / "home"),
        "PATH": "/opt/shop/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PENSTOCK_ENVIRONMENT": "test", "PENSTOCK_REVISION": "r1", "PENSTOCK_SERVICE": "shop",
    }  # fmt: skip


def test_units_without_traffic_are_started_and_kept(kept: Kept) -> None:
    """A unit with neither listener nor split runs as many instances as are placed, and none of its
    traffic is awaited.
    """
    jobs = {"argv": ["sleep", "300"], "env": {}, "sees": [], "health": None}
    data = kept.data({"r1": 1}, {"r1": 1000})
    data["revisions"]["r1"]["units"]["jobs"] = jobs
    units = {**data["units"], "jobs": {"placed": {"r1": 2}, "split": {}}}
    seen = kept.settled({"r1": 1}, {"r1": 1000}, revisions=data["revisions"], units=units)
    assert {
        "jobs": {"r1": {"wanted": 2, "ready": 2}},
        "web": {"r1": {"wanted": 1, "ready": 1}},
    } == seen["units"]
