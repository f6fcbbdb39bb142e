"""TLS of the API: whoever trusts the certificate's authority speaks to the server as to the host that it names."""

import http.client
import json
import socket
import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.sync.client import connect

from margincall.cli.exchange_board import banner
from margincall.errors import UsageError
from margincall.server.opened import Options, opened
from margincall.server.serving import Ports
from margincall.server.tls import tls_of
from tests.cli.calling import call
from tests.server.running import PATIENCE_S, process, running

HOST, OTHER = "fapi.binance.com", "fstream.binance.com"


def files(folder: Path, authority: trustme.CA, *names: str) -> tuple[Path, Path]:
    """A certificate of an authority for these names, and its key."""
    found = authority.issue_cert(*names)
    certificate, key = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
    found.cert_chain_pems[0].write_to_path(certificate)
    found.private_key_pem.write_to_path(key)
    return certificate, key


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts one authority."""
    found = ssl.create_default_context()
    authority.configure_trust(found)
    return found


class Genuine(http.client.HTTPSConnection):
    """A connection to a host of the venue, whose name leads to the loopback."""

    def __init__(self, port: int, context: ssl.SSLContext, host: str = HOST) -> None:
        """Nothing is opened before the first request."""
        super().__init__(host, port, timeout=PATIENCE_S, context=context)
        self._context_used = context

    def connect(self) -> None:
        """As a resolver would that knows the host as this machine."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        try:
            self.sock = self._context_used.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def test_a_client_that_trusts_the_authority_speaks_to_the_host_that_is_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = files(tmp_path, authority, HOST, OTHER)
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key), "--durability", "none")
    with process(tmp_path / "exchange", *flags) as server:
        assert server.told["is_encrypted"] is True
        connection = Genuine(server.port, trusting(authority))
        connection.request("GET", "/fapi/v1/time")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["x-simulated"]) == (200, "1")
        assert "serverTime" in json.load(answer)
        connection.close()
        address = f"wss://{OTHER}:{server.port}/market/stream?streams=btcusdt@markPrice@1s"
        plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        with connect(address, sock=plain, ssl=trusting(authority), server_hostname=OTHER) as stream:
            assert server.control("POST", "/prices", {"prices": {"BTCUSDT": "60000"}})["marks"] == {"BTCUSDT": "60000"}
            assert json.loads(stream.recv(PATIENCE_S))["data"]["e"] == "markPriceUpdate"
        code, errors = server.end()
    assert (code, HOST in errors, "SIMULATION" in errors) == (0, True, True)


def test_others_are_not_answered(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = files(tmp_path, authority, HOST)
    with running(tmp_path / "exchange", tls_cert=certificate, tls_key=key) as (server, _):
        for context, host in ((ssl.create_default_context(), HOST), (trusting(authority), "api.example")):
            with pytest.raises(ssl.SSLCertVerificationError):
                Genuine(server.port, context, host).request("GET", "/fapi/v1/time")
        unencrypted = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        unencrypted.request("GET", "/fapi/v1/time")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            unencrypted.getresponse()
        unencrypted.close()
        assert server.control("GET", "/clock")["is_simulated"] is False


def test_a_link_to_a_download_is_encrypted_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = files(tmp_path, authority, HOST)
    with (
        running(tmp_path / "exchange", tls_cert=certificate, tls_key=key) as (server, found),
        closing(Genuine(server.port, trusting(authority))) as connection,
    ):
        own, now_ms = server.keys[0], found.built.venue.now_ms()
        span = {"startTime": now_ms - 1000, "endTime": now_ms}
        status, begun = server.ask("GET", "/fapi/v1/income/asyn", span, own, connection=connection)
        assert status == 200
        named = {"downloadId": begun["downloadId"]}
        until = time.monotonic() + PATIENCE_S
        told: dict[str, Any] = {}
        while told.get("status") != "completed" and time.monotonic() < until:
            _, told = server.ask("GET", "/fapi/v1/income/asyn/id", named, own, connection=connection)
        assert told["url"].startswith(f"https://{HOST}:{server.port}/")


def test_what_is_no_certificate_with_its_key_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = files(tmp_path, authority, HOST)
    _, other_key = files(tmp_path, authority, OTHER)
    (tmp_path / "text").write_text("no certificate", encoding="utf-8")
    assert tls_of(None, None) is None
    found = tls_of(certificate, key)
    assert found is not None
    assert found.names == (HOST,)
    wrong = [
        (certificate, None), (None, key), (certificate, other_key), (certificate, tmp_path / "none"),
        (tmp_path / "text", key),
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(UsageError):
            tls_of(*each)
    code, _, errors = call("exchange", "serve", "--tls-cert", str(certificate), "--folder", str(tmp_path / "new"))
    assert (code, "--tls-key" in errors, (tmp_path / "new").exists()) == (3, True, False)


def test_a_banner_says_whom_it_answers_as(tmp_path: Path) -> None:
    certificate, key = files(tmp_path, trustme.CA(), HOST, OTHER)
    options = Options(folder=tmp_path / "exchange", tls_cert=certificate, tls_key=key)
    with opened(options) as found:
        text = "\n".join(banner(found, Ports("127.0.0.1", 443, 8001)))
        found.built.close()
    assert f"{HOST}, {OTHER}" in text
    assert "https://127.0.0.1:443    wss://127.0.0.1:443" in text
    assert "http://127.0.0.1:8001" in text
