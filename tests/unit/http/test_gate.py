"""Who is let in: the right host, the right page, a key, and a body of the right kind; for every route."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from application.serving.presence import Whereabouts
from domain.errors import AccessDenied, KeyMissing
from domain.serving.server_instance import ServerInstance
from entrypoints.http.app import create_app
from entrypoints.http.gate import Doors
from entrypoints.http.keys import KeyRing
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from tests.support.fakes.http_services import FakeServices

CHAT = "/v1/chat/completions"
BODY = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
KEYS = ("first-key-0001", "second-key-002")
HERE = Address("127.0.0.1", 8000)
EVERYWHERE = Address("0.0.0.0", 8000)  # noqa: S104
LAN = Address("192.168.1.7", 8000)
PAGE = "http://localhost:3000"


class House:
    def __init__(self, address: Address = HERE, **doors: Any) -> None:
        self.services = FakeServices()
        self.app = create_app(self.services, HttpLimits(), doors=Doors.at(address, **doors), share=True)
        self.client: FlaskClient = self.app.test_client()

    def get(self, path: str = "/v1/models", **headers: str) -> TestResponse:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def status(self, path: str = "/v1/models", **headers: str) -> int:
        return self.get(path, **headers).status_code


def told(response: TestResponse) -> dict[str, Any]:
    error: dict[str, Any] = response.get_json()["error"]
    return error


def each_route(house: House) -> list[tuple[str, str]]:
    values = {"owner": "o", "name": "n", "revision": "main", "path": "f", "folder": "f", "model_id": "o/n"}
    found = []
    for rule in house.app.url_map.iter_rules():
        _, path = rule.build({name: values[name] for name in rule.arguments}) or ("", "")
        found += [(method, path) for method in (rule.methods or ())]
    return found


# Keys


def test_every_route_but_health_wants_a_key() -> None:
    house = House(keys=KEYS)
    routes = each_route(house)
    assert ("POST", CHAT) in routes
    assert ("GET", "/o/n/resolve/main/f") in routes
    for method, path in routes:
        response = house.client.open(path, method=method)
        if path == "/health":
            assert response.status_code == 200
            continue
        assert (method, path, response.status_code) == (method, path, 401)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert method == "HEAD" or told(response)["code"] == KeyMissing.code


def test_what_is_no_route_wants_a_key_too() -> None:
    assert House(keys=KEYS).status("/nothing") == 401
    assert House().status("/nothing") == 404


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", ["bearer", "lower-case bearer", "x-api-key"])
def test_any_of_the_keys_opens_in_either_way(key: str, way: str) -> None:
    headers = {"bearer": ("Authorization", f"Bearer {key}"), "x-api-key": ("x-api-key", key)}
    name, value = headers.get(way, ("Authorization", f"bearer  {key} "))
    assert House(keys=KEYS).client.get("/v1/models", headers={name: value}).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {KEYS[0]}x",
        f"Bearer {KEYS[0][:-1]}",
        f"Basic {KEYS[0]}",
        KEYS[0],
        "Bearer \xe9",
    ],
)
def test_nothing_else_opens(value: str) -> None:
    assert House(keys=KEYS).status(Authorization=value) == 401


def test_a_refusal_does_not_repeat_the_key() -> None:
    response = House(keys=KEYS).get(Authorization="Bearer wrong-key-wrong")
    assert "wrong-key-wrong" not in response.get_data(as_text=True)


def test_a_ring_compares_all_keys_and_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(KEYS)
    compared: list[bytes] = []

    def compare(known: bytes, offered: bytes) -> bool:
        compared.append(known)
        return known == offered

    monkeypatch.setattr("entrypoints.http.keys.hmac.compare_digest", compare)
    for offered in (KEYS[0], KEYS[1], "no key at all"):
        compared.clear()
        ring.knows(offered)
        assert len(set(compared)) == len(KEYS)
    assert not any(key in repr(ring) + str(ring.__dict__) for key in KEYS)


# A command of the same user


def passed(path: str = "/v1/models", instance: str = "a secret", port: int = 8000) -> dict[str, str]:
    nonce = "0f" * 16
    return {"Authorization": f"mlxk {nonce}:{ServerInstance(instance).pass_for(nonce, port, 'GET', path)}"}


def test_a_command_that_has_read_the_servers_entry_needs_no_key() -> None:
    house = House(keys=KEYS)
    assert house.status(**passed()) == 401, "it has no entry yet"
    house.services.presence().begin(Whereabouts("127.0.0.1", 8000, 7, 7, private=True))
    assert house.status(**passed()) == 200


def test_its_pass_is_good_for_one_method_and_path_of_one_server() -> None:
    house = House(keys=KEYS)
    house.services.presence().begin(Whereabouts("127.0.0.1", 8000, 7, 7, private=True))
    assert house.status("/ready", **passed()) == 401
    assert house.client.post("/v1/models", headers=passed()).status_code == 401
    assert house.status(**passed(port=8001)) == 401
    assert house.status(**passed(instance="another")) == 401
    assert house.status(Authorization="mlxk :") == 401


# Hosts


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1", "127.8.9.1:1", "[::1]", "[::1]:8000"]
)
def test_a_server_of_this_machine_answers_to_its_loopback_names(host: str) -> None:
    assert House().status(Host=host) == 200


REBOUND = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.7",
           "0.0.0.0", "localhost:8000:1", "localhost:x", "[::1", "user@localhost", "", "2130706433"]  # fmt: skip # noqa: S104


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_and_to_no_other(host: str, method: str) -> None:
    response = House().client.open(CHAT, method=method, json=BODY, headers={"Host": host})
    assert response.status_code in ((403, 400) if not host else (403,))
    assert told(response)["code"] in (AccessDenied.code, "bad_request")


def test_further_names_are_named() -> None:
    house = House(hosts=("mac.lan",))
    assert house.status(Host="Mac.lan:8000") == 200
    assert house.status(Host="other.lan") == 403


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        (LAN, "192.168.1.7:8000", 200),
        (EVERYWHERE, "192.168.1.7:8000", 200),
        (EVERYWHERE, "[fe80::1]:8000", 200),
        (EVERYWHERE, "evil.example", 403),
        (LAN, "evil.example:8000", 403),
    ],
)
def test_where_others_may_come_without_keys_addresses_are_good_and_strange_names_are_not(
    address: Address, host: str, status: int
) -> None:
    assert House(address).status(Host=host) == status


def test_where_others_may_come_the_machines_own_name_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.http.visitors.socket.gethostname", lambda: "Studio.lan")
    house = House(EVERYWHERE)
    assert [house.status(Host=host) for host in ("studio.lan:8000", "studio.local", "studio.evil")] == [200, 200, 403]


def test_the_name_it_was_bound_by_is_its_own() -> None:
    house = House(Address("192.168.1.7", 8000, "Mac.lan"))
    assert (house.status(Host="mac.lan:8000"), house.status(Host="other.lan")) == (200, 403)


def test_with_keys_any_name_will_do_unless_some_are_named() -> None:
    key = {"x-api-key": KEYS[0]}
    assert House(EVERYWHERE, keys=KEYS).status(Host="mac.lan", **key) == 200
    narrow = House(EVERYWHERE, keys=KEYS, hosts=("mac.lan",))
    assert narrow.status(Host="mac.lan", **key) == 200
    assert narrow.status(Host="evil.example", **key) == 403


# Pages


@pytest.mark.parametrize("origin", [PAGE, "https://evil.example", "null", "file://", "http://localhost.evil:8000"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_is_refused(origin: str, method: str) -> None:
    response = House().client.open(CHAT, method=method, json=BODY, headers={"Host": "localhost:8000", "Origin": origin})
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://LOCALHOST", "localhost:80"),
        ("https://127.0.0.1", "127.0.0.1"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_our_own_pages_may_ask(origin: str, host: str) -> None:
    response = House().get(Origin=origin, Host=host)
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_page_that_names_no_origin_is_known_by_its_site() -> None:
    house = House()
    assert house.status(Sec_Fetch_Site="cross-site") == 403
    assert [house.status(Sec_Fetch_Site=site) for site in ("same-origin", "none")] == [200, 200]


def test_named_pages_may_ask_and_read() -> None:
    house = House(origins=(PAGE,))
    response = house.get(Origin=PAGE, Sec_Fetch_Site="cross-site")
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert house.status(Origin="http://localhost:3001") == 403


def test_a_named_page_reads_errors_too() -> None:
    response = House(origins=(PAGE,), keys=KEYS).get(Origin=PAGE)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (401, PAGE)


def test_a_preflight_needs_no_key_and_gives_what_was_asked_for() -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
        "Access-Control-Request-Private-Network": "true",
    }
    response = House(origins=(PAGE,), keys=KEYS).client.options(CHAT, headers=asked)
    assert (response.status_code, response.get_data()) == (204, b"")
    assert response.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Private-Network"] == "true"


def test_a_star_lets_every_page_in_even_a_nameless_one() -> None:
    house = House(origins=("*",))
    assert house.status(Origin="https://any.example") == 200
    assert house.status(Origin="null", Sec_Fetch_Site="cross-site") == 200
    assert house.status(Sec_Fetch_Site="cross-site") == 200


# Bodies


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_every_route_that_takes_a_body_takes_json_alone(kind: str) -> None:
    house = House()
    house.app.add_url_rule("/later", "later", lambda: "heard", methods=["POST"])
    taking = [path for method, path in each_route(house) if method in ("POST", "PUT", "PATCH", "DELETE")]
    assert {CHAT, "/later"} <= set(taking)
    for path in taking:
        response = house.client.post(path, data=b'{"model": "demo"}', content_type=kind)
        assert (path, response.status_code) == (path, 415)
