"""What schemathesis needs to know to make up requests of mailboxes that mean something: numbers with right check digits, the message and
the reference data that are there."""

import base64
import datetime
import hashlib
import os

import schemathesis
from hypothesis import strategies as st

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def niss(number):
    """A number of the National Register: nine digits, and check digits that tell the century of the birth."""
    day, sequence = number
    nine = f"{day:%y%m%d}{sequence:03}"
    return f"{nine}{97 - int(('2' if day.year >= 2000 else '') + nine) % 97:02}"


def iban(account):
    """A Belgian one: ten digits and two that check them, then two that check all."""
    digits = f"{account:010}{account % 97 or 97:02}"
    return f"BE{98 - int(digits + '111400') % 97:02}{digits}"


NISS = st.tuples(st.dates(datetime.date(1901, 1, 1), datetime.date(2020, 12, 31)), st.integers(1, 999)).map(niss)
CBE = st.integers(1_000_000, 19_999_999).map(lambda eight: f"{eight:08}{97 - eight % 97:02}")
MESSAGES = st.one_of(st.just(os.environ["MESSAGE"]), st.uuids(version=4).map(str))
TIMES = st.integers(86_400, 300 * 86_400).map(lambda s: (NOW + datetime.timedelta(seconds=s)).isoformat().replace("+00:00", "Z"))

schemathesis.openapi.format("niss", NISS)
schemathesis.openapi.format("cbe", CBE)
schemathesis.openapi.format("cbe10", st.one_of(st.just("0403019261"), CBE))
schemathesis.openapi.format("ebox-id", st.one_of(st.just("85073003328"), st.just("0206731645"), NISS, CBE))
schemathesis.openapi.format("ref-id", st.sampled_from(["letter", "plain", "tax", "app", "logo", "fps", "unknown"]))
schemathesis.openapi.format("sha256", st.binary(max_size=64).map(lambda b: base64.urlsafe_b64encode(hashlib.sha256(b).digest()).decode().rstrip("=")))
schemathesis.openapi.format("iban", st.integers(1, 9_999_999_999).map(iban))
schemathesis.openapi.format("email", st.just("name@example.be"))
schemathesis.openapi.format("uri", st.just("https://www.example.be/"))
schemathesis.openapi.format("uuid", MESSAGES)
schemathesis.openapi.format("date-time", TIMES)


@schemathesis.serializer("message/rfc822")
def mail(context, value):
    """A mail goes as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", errors="surrogatepass")


# Where a publication should be taken: what the schema can't say, that its files came and one content is the main one.
MAIN = {"/messageRegistry/v2/publishMessage": ("bodyMainContent", "mainContent")}
for path in ("/ebox/messages", "/ebox/{enterpriseNumber}/publications"):
    MAIN["/messageRegistry/v3" + path] = ("isBodyMainContent", "isMainContent")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path not in MAIN or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    message = case.body.get("messageToPublish") if isinstance(case.body, dict) else None
    if not isinstance(message, dict):
        return
    of_body, of_file = MAIN[case.operation.path]
    message.update({of_body: False, "messageTypeId": "letter", "attachments": [{"httpPartName": "upfile1", of_file: True}]})
    for name in ("sender", "senderOrganizationId", "senderApplicationId", "originalMessageId", "messageProviderId", "bodyContent"):
        message.pop(name, None)
    for number in range(2, 7):
        case.body.pop(f"upfile{number}", None)
    case.body["upfile1"] = "%PDF-1.7 made up"
    if case.path_parameters:
        case.path_parameters["enterpriseNumber"] = "0403019261"
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = hashlib.sha256(repr(case.body).encode()).hexdigest()
