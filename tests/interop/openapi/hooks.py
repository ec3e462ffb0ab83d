"""What schemathesis can't know of the description: how the formats are made, and what two members mean together.

A schema says the form of each member. What follows from others, from the time or from the configuration (a strategy
that is set up, a validity that has not passed) is put right here in cases that are meant to be accepted; cases that are
meant to be refused are left as they are.

No operation is left out. What a case may not do is taken from it: a webhook's address is one that no name
server knows, so that no call leaves the machine; the stream of /v1/events, which never ends, is asked for by no case, since
none names text/event-stream in Accept; a call that would wait for the channel is answered at once.
"""

import base64
import datetime
import hashlib
import json
import os
import re
import urllib.request

import schemathesis
from hypothesis import strategies as st

API = "http://" + os.environ["ESTAFETTE_API"]
KEY = os.environ["KEY"]


def known(path):
    request = urllib.request.Request(API + path, headers={"Authorization": "Bearer " + KEY})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


STRATEGIES = [strategy["name"] for strategy in known("/v1/strategies")]
NAMES = known("/v1/limits")["sender_names"]
# As in the sandbox: the channels, and the providers that call back.
CHANNELS = ["govapp", "sms", "ebox"]
PROVIDERS = ["govapp", "ringring"]
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def niss(number):
    """A number of the National Register: nine digits, and check digits that tell the century of the birth."""
    day, sequence = number
    nine = f"{day:%y%m%d}{sequence:03}"
    check = 97 - int(("2" if day.year >= 2000 else "") + nine) % 97
    return f"{nine}{check:02}"


def written(digits):
    return f"{digits[:2]}.{digits[2:4]}.{digits[4:6]}-{digits[6:9]}.{digits[9:]}"


def jwe(content):
    """Compact form, RSA-OAEP-256 under 2048 bits with A256GCM; nobody has the key."""
    header = json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM"}).encode()
    parts = [header, bytes(256), bytes(12), content, bytes(16)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def uuid_7(number):
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{'89ab'[number % 4]}{digits[17:20]}-{digits[20:]}"


# Births after 1900: numbers of 1 January 1900 are the sandbox's.
NISS = st.tuples(
    st.dates(datetime.date(1901, 1, 1), datetime.date(2020, 12, 31)), st.integers(1, 999)
).map(niss)
CBE = st.integers(1_000_000, 19_999_999).map(lambda eight: f"{eight:08}{97 - eight % 97:02}")
MOBILE = st.integers(0, 9_999_999).map("+3247{:07}".format)
TIMES = st.integers(3_600, 20 * 86_400).map(
    lambda s: (NOW + datetime.timedelta(seconds=s)).isoformat().replace("+00:00", "Z")
)
IDS = st.one_of(st.just(os.environ["KNOWN_ID"]), st.integers(0, 2**128 - 1).map(uuid_7))

schemathesis.openapi.format("niss", st.one_of(NISS, NISS.map(written)))
schemathesis.openapi.format("cbe", CBE)
schemathesis.openapi.format("mobile", st.one_of(MOBILE, MOBILE.map(lambda m: "0" + m[3:])))
schemathesis.openapi.format("jwe", st.binary(min_size=1, max_size=64).map(jwe))
schemathesis.openapi.format(
    "identifier", st.one_of(NISS.map("niss:{}".format), MOBILE.map("mobile:{}".format))
)
schemathesis.openapi.format("page", IDS)
schemathesis.openapi.format("month", st.just(f"{NOW:%Y-%m}"))
schemathesis.openapi.format("place", st.sampled_from(["oldest", "newest"]))
schemathesis.openapi.format("strategy", st.sampled_from(STRATEGIES))
schemathesis.openapi.format("channel", st.sampled_from(CHANNELS))
schemathesis.openapi.format("provider", st.sampled_from(PROVIDERS))
schemathesis.openapi.format("uuid", IDS)
schemathesis.openapi.format("date-time", TIMES)
schemathesis.openapi.format("uri", st.just("https://receiver.invalid/estafette"))
MENDED = {"mobile": "+32470123456", "niss": "85073003328", "cbe": "0403019261"}


def is_right(name, value):
    """Whether the program takes a number, for all that is known here: check digits, or a range of Belgian mobiles."""
    if value is None:
        return True
    if name == "mobile":
        return re.fullmatch(r"(\+32|0)47[0-9]{7}", value) is not None
    digits = re.sub("[^0-9]", "", value)
    if name == "cbe":
        return len(digits) == 10 and int(digits[8:]) == 97 - int(digits[:8]) % 97
    in_20th, in_21st = (int(digits[9:]) == 97 - int(prefix + digits[:9]) % 97 for prefix in ("", "2"))
    known = digits[2:4] <= "12" and digits[4:6] <= "31" and digits[6:9] != "000"
    return known and (in_20th and digits[:2] != "00" or in_21st and digits[:2] <= "20")


def mend_numbers(holder):
    """Check digits and number plans, where a value was made of the pattern alone."""
    for name, right in MENDED.items():
        if name in holder and not is_right(name, holder[name]):
            holder[name] = right


def is_row(text):
    try:
        row = json.loads(text.partition("\n")[0])
    except ValueError:
        return False
    return isinstance(row, dict) and any(name in row for name in MENDED)


@schemathesis.serializer("application/x-ndjson", "text/csv")
def rows(context, value):
    """A text in a schema may be any text: where it should be taken, rows of numbers stand for it."""
    case, text = context.case, value if isinstance(value, str) else json.dumps(value)
    of_broadcast = case.operation.path.startswith("/v1/broadcasts/")
    # An example of rows has variables, and the broadcasts made here have none.
    example = not of_broadcast and is_row(text)
    if example or case.meta is None or not case.meta.generation.mode.is_positive:
        return text.encode(errors="replace")
    seed = int(hashlib.sha256(text.encode(errors="replace")).hexdigest(), 16)
    numbers = [f"+3247{(seed + more) % 10**7:07}" for more in range(1 + seed % 5)]
    if case.media_type == "text/csv":
        return "\r\n".join(["mobile", *numbers]).encode()
    lines = [{"recipient": {"mobile": number}} if of_broadcast else {"mobile": number} for number in numbers]
    return "\n".join(json.dumps(line) for line in lines).encode()


def mend_terms(body):
    """Makes a message or a broadcast one that the program takes, too, and not only the schema."""
    body["not_before"] = body["valid_until"] = None
    if body.get("window"):
        # Open within the day for which a message is valid.
        body["window"] = {"hours": [{"from": "08:00", "until": "20:00"}]}
    if body.get("strategy") not in STRATEGIES:
        body["strategy"] = STRATEGIES[0]
    if body.get("sender_name") not in NAMES:
        body["sender_name"] = None
    content = body["content"]
    # A blank translation would win the choice of language.
    for part in ("title", "text", "html"):
        for language, text in list((content.get(part) or {}).items()):
            if text is not None and not text.strip():
                del content[part][language]
    # HTML is bounded in bytes, and a schema counts characters.
    if any(len((html or "").encode()) > 32_768 for html in (content.get("html") or {}).values()):
        del content["html"]
    # Blank is empty, HTML may be nothing once it is cleaned, and what is encrypted needs words in clear beside it.
    texts = [text for part in ("title", "text") for text in (content.get(part) or {}).values()]
    if content.get("encrypted") or not any(text and text.strip() for text in texts):
        content["text"] = {"fr": "Bonjour"}
    mend_numbers(body.get("recipient") or {})
    if "recipient" not in body:
        # The rows that follow have no variables, and what is to go by SMS must fit into one.
        body["content"] = json.loads(json.dumps(content).replace("{{", "("))
        body["content"]["text"] = {"fr": "Bonjour"}
        body["content"].pop("html", None)


def mend_query(query):
    """One of the three that narrow the feed down; and an id of a message is none of a broadcast."""
    query.pop("broadcast", None)
    if "message" in query:
        query["message"] = os.environ["KNOWN_ID"]
        query.pop("reference", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = f"{case.method.upper()} {case.operation.path}"
    body = case.body
    if operation == "POST /v1/messages":
        # A call that waits for the channel, up to half a minute, tells nothing more.
        case.headers["Prefer"] = "respond-async"
    if operation == "PUT /v1/webhooks/{name}" and isinstance(body, dict) and isinstance(body.get("url"), str):
        body["url"] = re.sub("^https?://[^/]*", "https://receiver.invalid", body["url"])
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if operation in ("POST /v1/messages", "POST /v1/check", "POST /v1/broadcasts") and isinstance(body, dict):
        mend_terms(body)
    if operation in ("PUT /v1/recipients", "PUT /v1/suppressions"):
        for one in body if isinstance(body, list) else [body]:
            if isinstance(one, dict):
                mend_numbers(one)
                if "channel" in one and one["channel"] not in CHANNELS:
                    one["channel"] = None
    if "Idempotency-Key" in (case.headers or {}):
        # A key belongs to one request.
        case.headers["Idempotency-Key"] = hashlib.sha256(repr(body).encode()).hexdigest()
    if operation == "GET /v1/events" and case.query:
        mend_query(case.query)
