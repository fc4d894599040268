"""A request is taken only from who shares the secret, unchanged, now, and once per header."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import BadRequest
from connector.signatures import SCHEMES, Options, Signed, problem_with, strong_enough, verify

NOW = datetime.fromtimestamp(1772433030, UTC)
SECONDS, MILLISECONDS = "1772433030", "1772433030000"
SECRET = "not-a-real-secret-of-thirty-two-characters"
KEY = b"not a real key, 24 bytes"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"objectId":904}'
URL = "https://calls.example.test/hooks/crm?a=1"


def b64(raw):
    return base64.b64encode(raw).decode()


def b64url(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def mac(message=BODY, key=None):
    return hmac.new(SECRET.encode() if key is None else key, message, hashlib.sha256).digest()


def a_token(claims, head='{"alg":"HS256","typ":"JWT"}'):
    claims = claims if isinstance(claims, str) else json.dumps(claims)
    signed = f"{b64url(head.encode())}.{b64url(claims.encode())}"
    return f"{signed}.{b64url(mac(signed.encode()))}"


def with_token(*tokens):
    return replace(
        PLAIN, url="https://calls.example.test/hooks/crm?" + "&".join(f"token={t}" for t in tokens)
    )


PLAIN = Signed("POST", URL, None, (), BODY)
CLAIMS = {"userId": 7, "companyId": 9, "exp": int(SECONDS) + 300}


def signed(**headers):
    return replace(PLAIN, headers=[(name.replace("_", "-"), value) for name, value in headers.items()])


@dataclass(frozen=True)
class Case:
    """One good request of a scheme, and what of it the signature covers."""

    scheme: str
    request: Signed
    secret: str = SECRET
    options: Options = field(default_factory=Options)
    #: Headers that may be changed nowhere.
    guarded: tuple[str, ...] = ()
    body: bool = True
    url: bool = False
    stamp: str | None = None
    #: What the refusal of a wrong secret says of it.
    unfit: str = ""

    def verify(self, request=None, secrets=None, now=NOW):
        secrets = [self.secret] if secrets is None else secrets
        return verify(self.scheme, request or self.request, secrets, now, self.options)


def webhooks(delivery="msg_1", stamp=SECONDS, body=BODY):
    return signed(
        webhook_id=delivery,
        webhook_timestamp=stamp,
        webhook_signature="v1," + b64(mac(f"{delivery}.{stamp}.".encode() + body, KEY)),
    )


def hubspot(stamp=MILLISECONDS):
    signature = b64(mac(f"POST{URL}".encode() + BODY + stamp.encode()))
    return signed(X_HubSpot_Request_Timestamp=stamp, X_HubSpot_Signature_v3=signature)


def bitrix(*tokens):
    """A form as Bitrix24 posts it: nothing in it is signed, the token stands among the other fields."""
    fields = [("event", "ONEXTERNALCALLSTART"), *(("auth[application_token]", token) for token in tokens)]
    return urlencode(fields).encode()


V2 = hashlib.sha256(SECRET.encode() + f"POST{URL}".encode() + BODY).hexdigest()
CASES = {
    "token": Case(
        "token", replace(PLAIN, path_token=SECRET), body=False, unfit="the token in the path is not ours"
    ),
    "bearer": Case(
        "bearer",
        signed(Authorization=f"Bearer {SECRET}"),
        body=False,
        guarded=("Authorization",),
        unfit="the bearer token is not ours",
    ),
    "basic": Case(
        "basic",
        signed(Authorization="Basic " + b64(b"asha:passw\xc3\xb6rd")),
        secret="asha:passwörd",
        body=False,
        guarded=("Authorization",),
        unfit="the user or password is not ours",
    ),
    "header": Case(
        "header",
        signed(X_Api_Key=SECRET),
        body=False,
        guarded=("X-Api-Key",),
        unfit="the header X-Api-Key does not hold our secret",
    ),
    "header, named": Case(
        "header",
        signed(X_Ours=SECRET),
        options=Options("X-Ours"),
        body=False,
        guarded=("X-Ours",),
        unfit="the header X-Ours does not hold our secret",
    ),
    "standard-webhooks": Case(
        "standard-webhooks",
        webhooks(),
        secret=WHSEC,
        guarded=("webhook-id", "webhook-timestamp", "webhook-signature"),
        stamp="webhook-timestamp",
        unfit="the header webhook-signature does not fit the request",
    ),
    "hubspot-v3": Case(
        "hubspot-v3",
        hubspot(),
        guarded=("X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3"),
        stamp="X-HubSpot-Request-Timestamp",
        url=True,
        unfit="the header X-HubSpot-Signature-v3 does not fit the request",
    ),
    "hubspot-v2": Case(
        "hubspot-v2",
        signed(X_HubSpot_Signature=V2, X_HubSpot_Signature_Version="v2"),
        guarded=("X-HubSpot-Signature",),
        url=True,
        unfit="the header X-HubSpot-Signature does not fit the request",
    ),
    "frappe": Case(
        "frappe",
        signed(X_Frappe_Webhook_Signature=b64(mac())),
        guarded=("X-Frappe-Webhook-Signature",),
        unfit="the header X-Frappe-Webhook-Signature does not fit the request",
    ),
    "espo": Case(
        "espo",
        signed(Signature=b64(b"6b03:" + mac().hex().encode())),
        unfit="the header Signature does not fit the request",
    ),
    "espo, before 9": Case(
        "espo",
        signed(X_Signature=b64(b"6b03:" + mac())),
        unfit="the header X-Signature does not fit the request",
    ),
    "espo, both": Case(
        "espo",
        signed(Signature=b64(b"6b:" + mac().hex().encode()), X_Signature=b64(b"6b:" + mac())),
        unfit="the header Signature does not fit the request",
    ),
    "hmac-sha256": Case(
        "hmac-sha256",
        signed(X_Signature=mac().hex()),
        guarded=("X-Signature",),
        unfit="the header X-Signature does not fit the request",
    ),
    "hmac-sha256, upper": Case(
        "hmac-sha256",
        signed(X_Signature=mac().hex().upper()),
        guarded=("X-Signature",),
        unfit="the header X-Signature does not fit the request",
    ),
    "hmac-sha256, github": Case(
        "hmac-sha256",
        signed(X_Hub_Signature_256="sha256=" + mac().hex()),
        options=Options("X-Hub-Signature-256"),
        guarded=("X-Hub-Signature-256",),
        unfit="the header X-Hub-Signature-256 does not fit the request",
    ),
    "hmac-sha256, base64": Case(
        "hmac-sha256",
        signed(X_Signature=b64(mac())),
        options=Options(encoding="base64"),
        guarded=("X-Signature",),
        unfit="the header X-Signature does not fit the request",
    ),
    "jwt": Case("jwt", with_token(a_token(CLAIMS)), body=False, unfit="the token's signature does not fit"),
    "bitrix24": Case(
        "bitrix24",
        replace(PLAIN, body=bitrix(SECRET)),
        body=True,
        unfit="the field auth[application_token] is not ours",
    ),
}

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def refused(scheme, request, secrets=(SECRET,), now=NOW, options=None):
    """The sentence of the one refusal there is, checked to show nothing secret."""
    with pytest.raises(BadRequest) as error:
        verify(scheme, request, secrets, now, options or Options())
    assert (error.value.code, error.value.status) == ("signature_invalid", 401)
    assert error.value.message.startswith("This request is not signed as agreed: ")
    assert not any(secret and secret in error.value.message for secret in secrets)
    assert "None" not in error.value.message
    return error.value.message


def refuses(case, request, **kwargs):
    return refused(case.scheme, request, kwargs.pop("secrets", [case.secret]), options=case.options, **kwargs)


def changed_headers(request, name, change):
    return replace(
        request, headers=[(key, change(value) if key == name else value) for key, value in request.headers]
    )


def one_change_each(text):
    """Every text that differs from `text` in one character, once flipped and once left out."""
    for at, char in enumerate(text):
        yield text[:at] + chr(ord(char) ^ 1) + text[at + 1 :]
        yield text[:at] + text[at + 1 :]


# -- Every scheme ------------------------------------------------------------------------------------------


def test_it_has_a_case_for_every_scheme():
    assert {case.scheme for case in CASES.values()} == set(SCHEMES)


@every_case
def test_it_takes_a_good_request(case):
    case.verify()


@every_case
def test_it_takes_any_of_several_secrets(case):
    other = "whsec_" + b64(b"another key of 24 bytes.") if case.secret is WHSEC else "another:secret"
    case.verify(secrets=[case.secret, other])
    case.verify(secrets=[other, case.secret])
    assert f": {case.unfit}. Check" in refuses(case, case.request, secrets=[other])


@every_case
def test_it_takes_nothing_without_a_secret(case):
    assert "no secret" in refuses(case, case.request, secrets=[])
    assert "no secret" in refuses(case, case.request, secrets=["", ""])


def test_it_never_signs_with_an_empty_secret():
    request = signed(X_Signature=mac(key=b"").hex())
    refused("hmac-sha256", request, ["", SECRET])
    refused("token", replace(PLAIN, path_token=""), [""])
    refused("standard-webhooks", webhooks(), ["whsec_"])


@every_case
def test_it_refuses_a_request_without_its_signature(case):
    refuses(case, replace(PLAIN, body=BODY))


@every_case
def test_it_refuses_each_header_when_it_is_missing_empty_or_doubled(case):
    for name, value in case.request.headers:
        if case.scheme == "espo" and len(case.request.headers) == 2:
            continue
        others = [pair for pair in case.request.headers if pair[0] != name]
        if name != "X-HubSpot-Signature-Version":
            missing = "Signature" if case.scheme == "espo" else name
            assert f"the header {missing} is missing" in refuses(case, replace(case.request, headers=others))
        refuses(case, replace(case.request, headers=[*others, (name, "")]))
        assert f"the header {name} comes more than once" in refuses(
            case, replace(case.request, headers=[*case.request.headers, (name.upper(), value)])
        )
        # As a server joins them.
        refuses(case, replace(case.request, headers=[*others, (name, f"{value}, {value}")]))


@every_case
def test_it_reads_header_names_in_any_case(case):
    case.verify(
        replace(case.request, headers=[(name.upper(), value) for name, value in case.request.headers])
    )


def test_it_strips_blanks_from_a_header_and_nothing_else():
    secret = "X-marks-the-ends-of-this-secret-X"
    verify("header", signed(X_Api_Key=secret), [secret], NOW)
    verify("header", signed(X_Api_Key=f" \t{secret}\t "), [secret], NOW)
    for sign in ("\x0b", "\x0c", "\x1f", "\x85", "\xa0"):
        refused("header", signed(X_Api_Key=secret + sign), [secret])


def test_it_refuses_text_that_is_no_proper_unicode():
    refused("token", replace(PLAIN, path_token="\ud800" + SECRET))


@every_case
def test_it_refuses_a_change_of_any_byte_of_the_body(case):
    if case.scheme == "bitrix24":
        pytest.skip("its body is not signed, but holds the secret: see the next test")
    for at in range(len(BODY)):
        body = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        if case.body:
            refuses(case, replace(case.request, body=body))
            refuses(case, replace(case.request, body=BODY[:at] + BODY[at + 1 :]))
        else:
            case.verify(replace(case.request, body=body))


def test_it_refuses_a_bitrix24_form_without_just_one_good_token():
    for body in (bitrix(), bitrix(SECRET, SECRET), bitrix("other"), bitrix(""), b"\xff", b"{}", b"&" * 500):
        refused("bitrix24", replace(PLAIN, body=body))
    for token in one_change_each(SECRET):
        refused("bitrix24", replace(PLAIN, body=bitrix(token)))
    refused("bitrix24", replace(PLAIN, body=bitrix(SECRET) + b"&a=1" * 200))


@every_case
def test_it_refuses_a_change_of_any_character_of_a_header(case):
    for name, value in case.request.headers:
        if name not in case.guarded:
            continue
        for other in one_change_each(value):
            refuses(case, changed_headers(case.request, name, lambda _, other=other: other))


@every_case
def test_it_refuses_a_change_of_any_character_of_address_and_method_where_they_are_signed(case):
    for other in one_change_each(URL):
        if case.url:
            refuses(case, replace(case.request, url=other))
    if case.url:
        refuses(case, replace(case.request, method="PUT"))


@every_case
def test_it_keeps_to_the_window_on_both_sides(case):
    for seconds in (-300, 300):
        if case.scheme != "jwt":
            case.verify(now=NOW + timedelta(seconds=seconds))
    for seconds in (-301, 301):
        if case.stamp:
            assert f"the header {case.stamp} is not" in refuses(
                case, case.request, now=NOW + timedelta(seconds=seconds)
            )


@pytest.mark.parametrize("scheme", SCHEMES)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted({name for case in CASES.values() for name, _ in case.request.headers}))
            | st.text(),
            st.text(st.characters())
            | st.sampled_from([SECONDS, MILLISECONDS, "Basic ====", "Bearer ü", "v1,\ud800", "v1," * 9]),
        ),
        max_size=5,
    ),
    st.none() | st.text(st.characters()),
    st.text(st.characters()) | st.text("token=&?;%.eyJ", max_size=40),
    st.binary(max_size=50),
)
def test_it_raises_nothing_but_its_refusal_whatever_comes(scheme, headers, path_token, url, body):
    with pytest.raises(BadRequest) as error:
        verify(scheme, Signed("POST", url, path_token, headers, body), [SECRET, WHSEC, "not base64 ü"], NOW)
    assert error.value.code == "signature_invalid"


def test_its_reprs_hold_nothing_secret():
    request = replace(CASES["bearer"].request, path_token=SECRET, url=f"{URL}&token={SECRET}")
    assert repr(request) == "Signed(method='POST')"


# -- Vectors made by others --------------------------------------------------------------------------------


def test_it_takes_the_published_standard_webhooks_vector():
    request = replace(
        signed(
            webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            webhook_timestamp="1614265330",
            webhook_signature="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        body=b'{"test": 2432232314}',
    )
    now = datetime.fromtimestamp(1614265330, UTC)
    found = verify("standard-webhooks", request, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], now)
    assert found.delivery == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize(
    ("scheme", "url", "signature"),
    [
        ("hubspot-v3", "?a=1", "mhyfMemd3O1xeepqpJEb83e1uyO2BFeekbiJ9sWaN+k="),
        (
            "hubspot-v3",
            "?name=Asha%2C%20%28x%29%20%40%3A%2f%3F%21%24%27%2A%3b",
            "pS3+LM+clwmmhYP2y1QAZYoIQd6VSQoLK1PcYPj6S4E=",
        ),
        ("hubspot-v2", "?a=1", "f9b421a528410c21c973bc39ff8163546f04ff5bc66ded14f1d0896c58b6ede6"),
    ],
)
def test_it_takes_what_hubspots_own_library_signed(scheme, url, signature):
    """Made with hubspot-api-client 12.0.0; for the second the address was decoded by hand, but for %20."""
    name = {"hubspot-v3": "X-HubSpot-Signature-v3", "hubspot-v2": "X-HubSpot-Signature"}[scheme]
    headers = [(name, signature), ("X-HubSpot-Request-Timestamp", MILLISECONDS)]
    request = Signed("POST", "https://calls.example.test/hooks/hubspot" + url, None, headers, BODY)
    verify(scheme, request, ["not-a-real-secret"], NOW)


def test_it_takes_a_token_made_by_pyjwt():
    token = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        ".eyJ1c2VySWQiOjcsImNvbXBhbnlJZCI6OSwiZXhwIjoxNzcyNDMzMzMwfQ"
        ".ZeuElEpIuh6J8-8r4Wy0VOoo66OFNd8AEWY2hVIXkxM"
    )
    assert verify("jwt", with_token(token), [SECRET], NOW).claims == {
        "userId": 7,
        "companyId": 9,
        "exp": 1772433330,
    }


# -- Standard Webhooks -------------------------------------------------------------------------------------


def test_it_gives_the_delivery_of_a_standard_webhook():
    assert CASES["standard-webhooks"].verify().delivery == "msg_1"


def test_it_finds_the_good_signature_in_a_list():
    request = changed_headers(webhooks(), "webhook-signature", lambda good: f"v1a,AAAA v1,bad  {good} v2,x")
    verify("standard-webhooks", request, [WHSEC], NOW)
    verify("standard-webhooks", request, [WHSEC.removeprefix("whsec_")], NOW)


@pytest.mark.parametrize("between", ["\t", "\n", ", "])
def test_it_takes_no_list_but_one_of_single_blanks(between):
    request = changed_headers(webhooks(), "webhook-signature", lambda good: f"{good}{between}{good}")
    assert "the header webhook-signature does not fit" in refused("standard-webhooks", request, [WHSEC])


def test_it_takes_no_key_of_less_than_128_bits():
    for length, strong in ((15, False), (16, True)):
        key = b"a key of bytes.."[:length]
        request = signed(
            webhook_id="msg_1",
            webhook_timestamp=SECONDS,
            webhook_signature="v1," + b64(mac(f"msg_1.{SECONDS}.".encode() + BODY, key)),
        )
        assert (problem_with("standard-webhooks", "whsec_" + b64(key)) is None) is strong
        if strong:
            verify("standard-webhooks", request, ["whsec_" + b64(key)], NOW)
        else:
            refused("standard-webhooks", request, ["whsec_" + b64(key)])


@pytest.mark.parametrize("delivery", ["a.1700000000", "a b", "ü", "x" * 256, "a\x00"])
def test_it_refuses_an_id_that_could_be_read_in_two_ways(delivery):
    assert "webhook-id" in refused("standard-webhooks", webhooks(delivery=delivery), [WHSEC])


@pytest.mark.parametrize(
    "stamp",
    [
        "1772433030.7",
        "+1772433030",
        "01772433030",
        "1_772433030",
        "1772433030000",
        "-1",
        "1e9",
        "１７７２４３３０３０",
    ],
)
def test_it_refuses_a_time_that_is_no_whole_second(stamp):
    assert "webhook-timestamp" in refused("standard-webhooks", webhooks(stamp=stamp), [WHSEC])


@pytest.mark.parametrize("secret", ["whsec_!", "whsec_c2hvcnQ=", "whsec_ü", "short", WHSEC + "="])
def test_it_takes_no_standard_webhook_by_a_secret_that_is_none(secret):
    refused("standard-webhooks", webhooks(), [secret])
    verify("standard-webhooks", webhooks(), [secret, WHSEC], NOW)


# -- HubSpot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stamp", ["1772433030", "17724330300000", "1772433030000.0", "177243303000O"])
def test_it_refuses_a_hubspot_time_that_is_no_whole_millisecond(stamp):
    assert "Timestamp" in refused("hubspot-v3", hubspot(stamp=stamp))


def test_it_lets_no_digit_move_between_hubspots_body_and_time():
    request = replace(hubspot(), body=BODY + b"1")
    refused("hubspot-v3", changed_headers(request, "X-HubSpot-Request-Timestamp", lambda stamp: stamp[1:]))


def test_it_takes_no_other_version_for_hubspots_second():
    request = replace(signed(X_HubSpot_Signature=V2), body=BODY)
    verify("hubspot-v2", request, [SECRET], NOW)
    version_1 = ("X-HubSpot-Signature-Version", "v1")
    assert "not v2" in refused("hubspot-v2", replace(request, headers=[*request.headers, version_1]))


def test_it_falls_back_to_no_weaker_scheme():
    request = replace(PLAIN, headers=CASES["hubspot-v2"].request.headers)
    refused("hubspot-v3", request)
    refused("hmac-sha256", CASES["bearer"].request)
    refused("basic", CASES["bearer"].request)
    refused("bearer", CASES["basic"].request)


# -- EspoCRM -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Signature", "X-Signature"])
def test_it_wants_each_of_espos_signatures_right_that_is_there(name):
    both = CASES["espo, both"].request
    for wrong in ("", "!", b64(b"6b"), b64(b"6b:"), b64(b"6b:" + mac(b"other")), b64(mac())):
        refused("espo", changed_headers(both, name, lambda _, wrong=wrong: wrong))


@pytest.mark.parametrize("name", ["espo", "espo, before 9"])
def test_it_refuses_a_change_of_any_byte_of_espos_hmac(name):
    case = CASES[name]
    ((header, value),) = case.request.headers
    raw = base64.b64decode(value)
    for at in range(raw.index(b":"), len(raw)):
        other = b64(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        refuses(case, replace(case.request, headers=[(header, other)]))


def test_it_takes_an_espo_hmac_that_holds_a_colon():
    body = next(body for body in map(str.encode, map(str, range(10_000))) if b":" in mac(body))
    request = replace(signed(X_Signature=b64(b"6b03:" + mac(body))), body=body)
    verify("espo", request, [SECRET], NOW)


# -- JWT ---------------------------------------------------------------------------------------------------


def test_it_refuses_a_change_of_any_character_of_a_token():
    for other in one_change_each(a_token(CLAIMS)):
        refused("jwt", with_token(other.replace("#", "%23").replace("&", "%26")))


def test_it_refuses_every_other_spelling_of_a_tokens_base64():
    head, claims, signature = a_token(CLAIMS).split(".")
    # The last character of 32 bytes holds two bits that mean nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(signature[-1]) ^ 1]
    assert base64.urlsafe_b64decode(signature[:-1] + last + "=") == base64.urlsafe_b64decode(signature + "=")
    refused("jwt", with_token(f"{head}.{claims}.{signature[:-1]}{last}"))
    refused("jwt", with_token(f"{head}.{claims}.{signature}%3D"))


def test_it_wants_just_one_token():
    good = a_token(CLAIMS)
    assert "one `token`" in refused("jwt", with_token(good, good))
    assert "one `token`" in refused("jwt", PLAIN)
    assert "one `token`" in refused("jwt", with_token(a_token({**CLAIMS, "x": "y" * 8192})))
    assert "one `token`" in refused("jwt", with_token("", good))
    refused("jwt", with_token(""))
    # Neither another question mark nor a fragment belongs to it.
    verify("jwt", replace(PLAIN, url=f"{with_token(good).url}&back=/a?b"), [SECRET], NOW)
    verify("jwt", replace(PLAIN, url=f"{with_token(good).url}#top"), [SECRET], NOW)
    refused("jwt", replace(PLAIN, url=f"{URL}&token={good}" + "&a=1" * 100))


def test_it_reads_tokens_of_up_to_8192_characters():
    tokens = [a_token({**CLAIMS, "x": "y" * size}) for size in range(6000, 6100)]
    assert {8192, 8193} <= {len(token) for token in tokens}
    for token in tokens:
        if len(token) <= 8192:
            verify("jwt", with_token(token), [SECRET], NOW)
        else:
            assert "one `token`" in refused("jwt", with_token(token))


@pytest.mark.parametrize(
    "head",
    [
        '{"alg":"none"}',
        '{"alg":"HS512"}',
        '{"alg":"RS256"}',
        '{"alg":"hs256"}',
        '{"typ":"JWT"}',
        '{"alg":"HS256","crit":["exp"]}',
        '{"alg":"none","alg":"HS256"}',
        '["HS256"]',
        '"HS256"',
        "HS256",
        "",
    ],
)
def test_it_takes_no_other_algorithm_even_well_signed(head):
    refused("jwt", with_token(a_token(CLAIMS, head=head)))


def test_it_takes_no_unsigned_token():
    head, claims = b64url(b'{"alg":"none"}'), b64url(json.dumps(CLAIMS).encode())
    for token in (f"{head}.{claims}.", f"{head}.{claims}", f"{claims}", "..", "."):
        refused("jwt", with_token(token))
    signed_parts = f"{head}.{claims}.{claims}"
    refused("jwt", with_token(f"{signed_parts}.{b64url(mac(signed_parts.encode()))}"))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(SECONDS) + 1},
        {"exp": int(SECONDS) + 86_400},
        {"exp": int(SECONDS) + 300.5, "iat": int(SECONDS) - 86_400, "nbf": int(SECONDS)},
        {"iat": int(SECONDS) - 300},
        {"iat": int(SECONDS) + 300},
        {"exp": int(SECONDS) + 60, "nbf": int(SECONDS) + 300, "iat": None},
    ],
)
def test_it_takes_a_token_of_now(claims):
    assert verify("jwt", with_token(a_token(claims)), [SECRET], NOW).claims == claims


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"userId": 7},
        {"exp": int(SECONDS)},
        {"exp": int(SECONDS) - 1, "iat": int(SECONDS)},
        {"exp": int(SECONDS) + 86_401},
        {"exp": 10**400},
        {"exp": "1772433330"},
        {"exp": True},
        {"exp": [1772433330]},
        {"iat": int(SECONDS) - 301},
        {"iat": int(SECONDS) + 301},
        {"iat": 10**400},
        {"exp": int(SECONDS) + 60, "iat": int(SECONDS) + 301},
        {"exp": int(SECONDS) + 60, "nbf": int(SECONDS) + 301},
        '{"exp":NaN}',
        '{"exp":1772433330,"userId":NaN}',
        '{"exp":1e999}',
        '{"exp":Infinity}',
        '{"exp":1772433330,"exp":1772433331}',
        '{"exp":' + "9" * 5000 + "}",
        "[" * 4000,
        "[]",
        "\ufeff{}",
    ],
)
def test_it_refuses_a_token_that_is_not_of_now(claims):
    refused("jwt", with_token(a_token(claims)))


# -- Secrets -----------------------------------------------------------------------------------------------


@every_case
def test_it_has_no_problem_with_a_good_secret(case):
    assert problem_with(case.scheme, case.secret) is None


def test_it_takes_a_password_that_holds_colons():
    assert problem_with("basic", "asha:pass:word:") is None


@pytest.mark.parametrize(
    ("scheme", "secret", "says"),
    [
        ("bearer", "", "empty"),
        ("basic", "no colon", "user:password"),
        ("basic", ":no-user", "user:password"),
        ("basic", "no-password:", "user:password"),
        ("standard-webhooks", "whsec_short", "base64"),
        ("token", "two words", "no spaces"),
        ("bearer", "passwörd", "ASCII"),
        ("header", "line\nbreak", "no spaces"),
    ],
)
def test_it_says_why_a_secret_can_never_work(scheme, secret, says):
    problem = problem_with(scheme, secret)
    assert says in problem
    assert not secret or secret not in problem


@pytest.mark.parametrize(
    ("secret", "strong"),
    [
        ("abcdefghijklmnopqrstuv", True),
        ("abcdefghijklmnopqrstu", False),
        ("Ab-_efghijklmnopqrstuv", True),
        ("0123456789abcdef0123456789abcdef", True),
        ("0123456789abcdef0123456789abcde", False),
        ("012345678901234567890123456789012345678", True),
        ("01234567890123456789012345678901234567", False),
        ("1b4e28ba-2fa1-41d2-883f-0016d3cca427", False),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", False),
        ("abcdefghabcdefghabcdef", True),  # eight different characters
        ("tuvwxyztuvwxyztuvwxyztuv", False),  # seven
        ("with.other/signs+of=64bits", True),
        ("with.other/signs+of=22", True),
        ("with.other/signs+of=2", False),
        ("", False),
    ],
)
def test_it_knows_a_secret_of_128_bits_by_its_length(secret, strong):
    assert strong_enough(secret) is strong
