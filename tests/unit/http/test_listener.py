"""Binding comes first, and says clearly what is wrong."""

from __future__ import annotations

import socket

import pytest

from domain.errors import InvalidRequest, PortInUse
from entrypoints.http.listener import Address, listen

EVERY = ".".join("0000")


def test_port_zero_takes_a_free_one_and_tells_which() -> None:
    listener, address = listen("127.0.0.1", 0, 16)
    with listener:
        assert address.port == listener.getsockname()[1] > 0
        assert address.url == f"http://127.0.0.1:{address.port}"
        socket.create_connection((address.host, address.port), timeout=5).close()


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    listener, address = listen("127.0.0.1", 0, 16)
    with listener, pytest.raises(PortInUse) as caught:
        listen("127.0.0.1", address.port, 16)
    assert str(address.port) in caught.value.message
    assert "--port" in str(caught.value.hint)


def test_localhost_means_the_ipv4_loopback() -> None:
    listener, address = listen("localhost", 0, 16)
    with listener:
        assert address.host == "127.0.0.1"


def test_ipv6_is_served_and_spelled_right() -> None:
    try:
        listener, address = listen("::1", 0, 16)
    except InvalidRequest:
        pytest.skip("no IPv6 here")
    with listener:
        assert address.url == f"http://[::1]:{address.port}"
        assert address.is_loopback


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "256.1.1.1", "a" * 300])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"address of this machine|cannot listen") as caught:
        listen(host, 0, 16)
    assert "--host" in str(caught.value.hint)


@pytest.mark.parametrize(("host", "url"), [(EVERY, "http://127.0.0.1:80"), ("::", "http://[::1]:80")])
def test_every_address_is_spelled_as_loopback_for_clients(host: str, url: str) -> None:
    address = Address(host, 80)
    assert address.url == url
    assert not address.is_loopback
