"""Signatures over raw bytes, as clients make them: HMAC, RSA and Ed25519.

The first golden signature is that of the venue's documentation (General Info). Of its second example, parameters in
query and body, the printed signature holds only with the blank that stands in the printed timestamp.
"""

import hashlib
import hmac
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from margincall.errors import UsageError
from margincall.server.errors import ApiError
from margincall.server.keys import ALPHABET, LENGTH, Key, Keys, issue
from margincall.server.request import BODY_MAX, MOST_PARAMETERS, parameters, signed_part
from tests.server.conftest import Opened
from tests.server.desk import BEGIN_MS, SECRET, Desk, base64_of, form, key_name

DOCUMENTED_MS = 1_591_702_613_943
ORDER = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943"
)
ORDER_SIGNED = b"3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
QUERY = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
BODY = b"quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943"
MIXED_SIGNED = b"30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"
PRINTED_MIXED = b"f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2"


def signature(payload: bytes) -> bytes:
    return hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest().encode()


def placed(desk: Desk, *, query: bytes = b"", body: bytes = b"", key: str = "", method: str = "POST") -> int:
    """The code of a request to place an order, 0 where it was placed; what is placed is open then."""
    desk.mark(9000)
    before = len(desk.venue.records.of("alice").live)
    reply = desk.send(method, "/fapi/v1/order", query=query, body=body, key=key or key_name("alice"))
    code = msgspec.json.decode(reply.body).get("code", 0)
    assert len(desk.venue.records.of("alice").live) == before + (code == 0)
    return int(code)


@pytest.fixture
def then(opened: Opened) -> Desk:
    """The desk at the moment of the documented examples."""
    return opened(begin_ms=DOCUMENTED_MS)


def test_the_documented_example(then: Desk) -> None:
    assert signature(ORDER) == ORDER_SIGNED
    assert placed(then, query=ORDER + b"&signature=" + ORDER_SIGNED) == 0


def test_it_may_all_stand_in_the_body(then: Desk) -> None:
    assert placed(then, body=ORDER + b"&signature=" + ORDER_SIGNED) == 0


def test_query_and_body_are_joined_without_an_ampersand(then: Desk) -> None:
    assert signature(QUERY + BODY) == MIXED_SIGNED
    assert placed(then, query=QUERY, body=BODY + b"&signature=" + MIXED_SIGNED) == 0
    assert placed(then, query=QUERY + b"&signature=" + MIXED_SIGNED, body=BODY) == 0
    assert placed(then, query=QUERY, body=BODY + b"&signature=" + signature(QUERY + b"&" + BODY)) == -1022


def test_the_printed_example_of_both_needs_its_blank() -> None:
    assert signature(QUERY + BODY.replace(b"timestamp=", b"timestamp= ")) == PRINTED_MIXED


def test_hexadecimal_letters_of_either_case(then: Desk) -> None:
    assert placed(then, query=ORDER + b"&signature=" + ORDER_SIGNED.upper()) == 0


@pytest.mark.parametrize(
    ("payload", "signed"),
    [
        (ORDER.replace(b"price=9000", b"price=9001"), ORDER_SIGNED), (ORDER, ORDER_SIGNED[:-1]), (ORDER, b"%C3%A9"),
        (ORDER, b"0" + ORDER_SIGNED[1:]), (ORDER, ORDER_SIGNED + b"00"), (ORDER + b"&", ORDER_SIGNED),
    ],
)  # fmt: skip
def test_another_payload_or_signature_is_refused(then: Desk, payload: bytes, signed: bytes) -> None:
    assert placed(then, query=payload + b"&signature=" + signed) == -1022


def test_another_accounts_key_does_not_sign_for_this_one(then: Desk) -> None:
    then.keys.add(Key(key=key_name("bob"), account="bob", secret="other"))
    assert placed(then, query=ORDER + b"&signature=" + ORDER_SIGNED, key=key_name("bob")) == -1022


def test_the_signature_need_not_be_the_last_parameter(then: Desk) -> None:
    assert placed(then, query=b"signature=" + ORDER_SIGNED + b"&" + ORDER) == 0


def test_where_both_name_a_parameter_the_query_counts(desk: Desk) -> None:
    query = form({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": 8999})
    body = form({"quantity": "0.01", "price": 8000, "timestamp": desk.clock.now_ms()})
    assert placed(desk, query=query, body=body + b"&signature=" + signature(query + body)) == 0
    (order,) = desk.venue.records.of("alice").live.values()
    assert str(order.order.price) == "8999.0"


# --- what clients send otherwise than a form ---------------------------------------------------------------


def sent(desk: Desk, method: str, path: str, payload: bytes) -> tuple[int, object]:
    reply = desk.signed(method, f"/fapi/v1/{path}", payload + b"&timestamp=%d" % BEGIN_MS, in_body=method != "GET")
    return reply.status, msgspec.json.decode(reply.body)


@pytest.mark.parametrize(
    "batch",
    [
        b'[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"49000"}]',
        b'[{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", '
        b'"quantity": 0.01, "price": 49000}]',
        b"%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22LIMIT%22%2C%22timeInForce"
        b"%22%3A%22GTC%22%2C%22quantity%22%3A%221e-2%22%2C%22price%22%3A%2249000%22%7D%5D",
    ],
)
def test_json_is_taken_encoded_or_not(desk: Desk, batch: bytes) -> None:
    status, found = sent(desk, "POST", "batchOrders", b"batchOrders=" + batch)
    assert status == 200
    assert isinstance(found, list)
    assert (found[0]["origQty"], found[0]["price"]) == ("0.010", "49000.0")
    assert len(desk.ask("GET", "openOrders")) == 1


def test_numbers_with_an_exponent(desk: Desk) -> None:
    order = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=4.9e4&quantity="
    assert sent(desk, "POST", "order", order + b"1e-02")[0] == 200
    assert desk.ask("GET", "openOrders")[0]["origQty"] == "0.010"
    status, found = sent(desk, "POST", "order", order + b"1e-05")
    assert (status, found) == (400, {"code": -1111, "msg": "Precision is over the maximum defined for this asset."})


@pytest.mark.parametrize("spelt", [b"true", b"True", b"TRUE"])
def test_truth_in_any_case(desk: Desk, spelt: bytes) -> None:
    desk.trade(50000)
    order = b"symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&price=51000&quantity=0.01&reduceOnly="
    assert sent(desk, "POST", "order", order + spelt)[0] == 200
    assert desk.ask("GET", "openOrders")[0]["reduceOnly"] is True
    assert (
        sent(
            desk,
            "POST",
            "order",
            order + spelt.replace(b"rue", b"alse").replace(b"RUE", b"ALSE").replace(b"t", b"f").replace(b"T", b"F"),
        )[0]
        == 200
    )
    assert desk.ask("GET", "openOrders")[1]["reduceOnly"] is False


def test_a_symbol_in_percent_encoded_utf8_is_read_and_signed_as_it_came(desk: Desk) -> None:
    """The venue lists symbols in Chinese since 2025-10-09; this one does not, and says so of the symbol."""
    status, found = sent(desk, "GET", "openOrders", b"symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT")
    assert (status, found) == (400, {"code": -1121, "msg": "Invalid symbol."})


def test_client_ids_may_have_colons_and_slashes(desk: Desk) -> None:
    assert desk.limit("BUY", 49000, newClientOrderId="a.B:/_-9")["clientOrderId"] == "a.B:/_-9"
    assert desk.ask("GET", "openOrders")[0]["clientOrderId"] == "a.B:/_-9"


# --- RSA and Ed25519 ---------------------------------------------------------------------------------------


def rsa_pair() -> tuple[str, Callable[[bytes], bytes]]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return pem, lambda payload: private.sign(payload, padding.PKCS1v15(), hashes.SHA256())


def ed25519_pair() -> tuple[str, Callable[[bytes], bytes]]:
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return pem, private.sign


@pytest.mark.parametrize(("pair", "kind"), [(rsa_pair, "rsa"), (ed25519_pair, "ed25519")])
def test_keys_of_two_halves(then: Desk, pair: Callable[[], tuple[str, Callable[[bytes], bytes]]], kind: str) -> None:
    pem, sign = pair()
    key = issue("alice", public=pem)
    then.keys.add(key)
    assert key.kind == kind
    signed = b"&signature=" + base64_of(sign(ORDER))
    assert placed(then, query=ORDER + signed, key=key.key) == 0
    assert placed(then, body=ORDER + signed, key=key.key) == 0
    assert placed(then, query=ORDER.replace(b"BUY", b"SELL") + signed, key=key.key) == -1022
    assert placed(then, query=ORDER + b"&signature=" + ORDER_SIGNED, key=key.key) == -1022
    assert placed(then, query=ORDER + b"&signature=%21%21", key=key.key) == -1022
    other = base64_of(pair()[1](ORDER))
    assert placed(then, query=ORDER + b"&signature=" + other, key=key.key) == -1022


def test_what_is_no_public_key_is_not_issued() -> None:
    with pytest.raises(UsageError):
        issue("alice", public="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def test_issued_keys_look_like_the_venues_and_are_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    keys, key = Keys(path), issue("alice")
    keys.add(key)
    assert key.key.startswith("SIM")
    assert len(key.key) == len(key.secret) == LENGTH
    assert set(key.key + key.secret) <= set(ALPHABET)
    assert key.secret not in repr(key)
    assert Keys(path).get(key.key) == key
    assert path.stat().st_mode & 0o077 == 0


def test_only_the_signature_itself_is_left_out_of_what_is_signed() -> None:
    assert signed_part(b"a=1&signature=x&b=2", b"") == (b"a=1&b=2", "x")
    assert signed_part(b"a=1", b"b=2&signature=%2B%3D") == (b"a=1b=2", "+=")
    assert signed_part(b"a=1&signatures=x", b"") == (b"a=1&signatures=x", None)


@pytest.mark.parametrize("letter", [b"a", b"=", b"&", b"a=", b"a&"])
def test_a_long_text_is_read_once(letter: bytes) -> None:
    """A time that grew with the square of its length would not end."""
    text = letter * (BODY_MAX // len(letter))
    if text.count(b"&") > MOST_PARAMETERS:
        with pytest.raises(ApiError):
            parameters(b"", text)
    else:
        assert len(parameters(b"", text)) <= 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"a=b&c=d", {"a": "b", "c": "d"}), (b"a=b=c&d=", {"a": "b=c", "d": ""}), (b"&a=b", {"a": "b"}),
        (b"a&b=c", {"a": "", "b": "c"}), (b"=x&b=c", {"": "x", "b": "c"}), (b"a=b&", {"a": "b"}), (b"a", {"a": ""}),
        (b"a==b", {"a": "=b"}), (b"", {}), (b"a=%41&b=c+d", {"a": "A", "b": "c d"}),
    ],
)  # fmt: skip
def test_pairs_are_read_however_they_stand(text: bytes, found: dict[str, str]) -> None:
    assert parameters(text, b"") == parameters(b"", text) == found
