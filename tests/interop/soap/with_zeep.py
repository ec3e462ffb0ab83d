"""Each operation and fault by PyPI zeep in strict mode, from the live WSDL; each reply is held against the live schemas. Of a
program in trouble, EXPECTS is the one fault to be met."""
import base64
import datetime
import hashlib
import os
import sys
import urllib.request
from pathlib import Path

import xmlschema
import zeep
from lxml import etree
from requests import Session
from requests.auth import HTTPBasicAuth
from zeep.exceptions import Fault
from zeep.plugins import HistoryPlugin
from zeep.transports import Transport

API, SCRATCH = os.environ["API"], Path(sys.argv[1])
WSDL = API + "/soap/register?wsdl"
CBE, KEY = "0403019261", os.environ["KEY"]
KNOWN, REPLACED, CANCELLED, DEAD = "85073003328", "85073006197", "40000000163", "17073003384"
BCSS, UNKNOWN, WRONG = "85473003317", "05200000179", "85073003329"
DAY = datetime.date

# The schemas as they are served, for this and for what runs after it.
for name in ("common", "register", "mutations"):
    with urllib.request.urlopen(f"{API}/soap/register?xsd={name}") as answer:
        text = answer.read().decode()
    assert f'"{API}/soap/register?xsd=' in text or name == "common", text
    for other in ("common", "register", "mutations"):
        text = text.replace(f'"{API}/soap/register?xsd={other}"', f'"{other}.xsd"')
    (SCRATCH / f"{name}.xsd").write_text(text)
REGISTER = xmlschema.XMLSchema(str(SCRATCH / "register.xsd"))
COMMON = xmlschema.XMLSchema(str(SCRATCH / "common.xsd"))
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def client(auth=None, bearer=None):
    session, history = Session(), HistoryPlugin()
    session.auth = auth
    session.trust_env = False
    if bearer:
        session.headers["Authorization"] = "Bearer " + bearer
    return zeep.Client(WSDL, transport=Transport(session=session), plugins=[history], settings=zeep.Settings(strict=True)), history


basic, history = client(auth=HTTPBasicAuth(CBE, KEY))
bearer, _ = client(bearer=KEY)
assert basic.service._binding_options["address"] == API + "/soap/register"
HEAD = {
    "informationCustomer": {
        "ticket": "zeep-1",
        "timestampSent": datetime.datetime(2026, 11, 23, 9, 30, tzinfo=datetime.timezone.utc),
        "customerIdentification": {"cbeNumber": CBE},
    },
    "legalContext": "LAW:1990",
}
asked = set()


def ask(operation, value, code, anomalies=(), **given):
    asked.add(operation)
    reply = basic.service[operation](**HEAD, **given)
    sent, received = history.last_sent["envelope"], history.last_received["envelope"]
    for envelope in (sent, received):
        REGISTER.validate(etree.fromstring(etree.tostring(envelope.find(SOAP + "Body")[0])))
    assert (reply.status.value, reply.status.code) == (value, code), (operation, reply)
    assert reply.informationCustomer.ticket == "zeep-1" and reply.legalContext == "LAW:1990"
    assert reply.informationCBSS.timestampReply >= reply.informationCBSS.timestampReceive
    found = reply.businessAnomalies.businessAnomaly if reply.businessAnomalies else []
    assert [one.code for one in found] == list(anomalies), reply
    return reply


def row(ssin, code="PENSION", begin=DAY(2026, 1, 1), end=None, **more):
    return {"ssin": ssin, "dossierType": code, "period": {"beginDate": begin, "endDate": end}, **more}


OK, NOK, FOUND, NONE, NO = "OK", "NOK", "DATA_FOUND", "NO_DATA_FOUND", "NO_RESULT"
DONE = "MSG00000"

# Faults, whose detail zeep reads by the type of the WSDL
faults = set()


def refused(code, reason, call):
    try:
        call()
    except Fault as fault:
        assert fault.code == "soap:" + code or fault.code.endswith(":" + code), fault.code
        detail = fault.detail[0]
        COMMON.validate(etree.fromstring(etree.tostring(detail)))
        told = basic.get_element("{urn:estafette:common:v1}fault").parse(detail, basic.wsdl.types)
        assert told.detail[0].reasonCode == reason and told.detail[0].severity == "FATAL", told
        assert told.detail[0].diagnostic == fault.message[:256]
        faults.add(reason)
        return told
    raise AssertionError(f"no fault {reason}")


def changed(change, headers=None):
    """What zeep would send, changed, and what it makes of the answer."""
    envelope = basic.create_message(basic.service, "Inscribe", **HEAD, **row(KNOWN))
    text = change(etree.tostring(envelope).decode())
    operation = basic.service._binding.get("Inscribe")
    sent = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', **(headers or {})}
    answer = basic.transport.post(API + "/soap/register", text if isinstance(text, bytes) else text.encode(), sent)
    return basic.service._binding.process_reply(basic, operation, answer)


def replaced(old, new):
    def change(text):
        assert old in text, text
        return text.replace(old, new)

    return change


if "EXPECTS" in os.environ:
    refused("Server", os.environ["EXPECTS"], lambda: basic.service.Inscribe(**HEAD, **row(KNOWN)))
    print(f"zeep: {os.environ['EXPECTS']}")
    sys.exit()

# Inscribe
reply = ask("Inscribe", OK, DONE, **row(KNOWN, end=DAY(2026, 1, 31)))
assert reply.inscription.outcome == "ADDED" and reply.inscription.period.endDate == DAY(2026, 1, 31)
reply = ask("Inscribe", OK, DONE, **row(KNOWN, begin=DAY(2026, 1, 20)))
assert reply.inscription.outcome == "MERGED" and reply.inscription.merged[0].endDate == DAY(2026, 1, 31)
assert reply.inscription.period.endDate is None
ask("Inscribe", OK, DONE, ["REG00007"], **row(KNOWN, begin=DAY(2026, 2, 1)))
reply = ask("Inscribe", OK, DONE, ["MSG00006", "REG00007"], **row(REPLACED, begin=DAY(2026, 2, 1)))
assert reply.businessAnomalies.businessAnomaly[0].information[0].fieldValue == KNOWN and reply.inscription.ssin == KNOWN
ask("Inscribe", OK, DONE, ["MSG00009"], **row(DEAD, begin=DAY(2020, 1, 1)))
same = {"lastName": "Peeters", "firstName": "Jan", "birthDate": "1985-07-30", "gender": "MALE"}
ask("Inscribe", OK, DONE, ["REG00007"], **row(KNOWN, begin=DAY(2026, 2, 1), person=same))
other = {"lastName": "Janssens", "gender": "FEMALE"}
reply = ask("Inscribe", NOK, "REG00002", ["REG00002"], **row(KNOWN, person=other))
assert [one.fieldName for one in reply.status.information] == ["lastName", "gender"]
for ssin, code, begin, end, expected in [
    (UNKNOWN, "PENSION", DAY(2026, 1, 1), None, "MSG00005"),
    (WRONG, "PENSION", DAY(2026, 1, 1), None, "MSG00008"),
    (DEAD, "PENSION", DAY(2026, 1, 1), None, "MSG00009"),
    (CANCELLED, "PENSION", DAY(2026, 1, 1), None, "REG00001"),
    (KNOWN, "NONE", DAY(2026, 1, 1), None, "REG00003"),
    (KNOWN, "OLD", DAY(2026, 1, 1), None, "REG00004"),
    (KNOWN, "PENSION", DAY(2026, 1, 2), DAY(2026, 1, 1), "REG00010"),
]:
    ask("Inscribe", NOK, expected, [expected], **row(ssin, code, begin, end))

# Consult
reply = ask("Consult", FOUND, DONE, ssin=KNOWN)
assert reply.row[0].dossierType == "PENSION" and reply.row[0].ssin == KNOWN
reply = ask("Consult", FOUND, DONE, limit=1)
rest = ask("Consult", FOUND, DONE, after=reply.next, limit=1)
assert {reply.row[0].ssin, rest.row[0].ssin} == {KNOWN, DEAD} and rest.next is None
ask("Consult", NONE, "REG00009", dossierType="SHARED")
ask("Consult", NO, "REG00006", ["REG00006"], register={"cbeNumber": "0206731645"})
ask("Consult", NO, "REG00016", ["REG00016"], after="AAAA")
ask("Consult", NO, "MSG00008", ["MSG00008"], ssin=WRONG)

# Remove
reply = ask("Remove", OK, DONE, **row(KNOWN, begin=DAY(2026, 3, 1), end=DAY(2026, 3, 31)))
assert len(reply.removal.touched) == 1 and [one.endDate for one in reply.removal.left] == [DAY(2026, 2, 28), None]
reply = ask("Remove", OK, DONE, ssin=KNOWN, dossierType="PENSION")
assert len(reply.removal.touched) == 2 and not reply.removal.left
ask("Remove", NOK, "REG00003", ["REG00003"], ssin=KNOWN, dossierType="NONE")

# Persons
reply = ask("SearchPerson", FOUND, DONE, person={"lastName": "Peeters"}, birthYears=2, limit=10)
assert [(one.ssin, one.replacedBy) for one in reply.hit] == [(KNOWN, None)] and reply.hit[0].person.language == "NL"
ask("SearchPerson", NONE, "REG00009", person={"lastName": "Zzz"})
person = {"lastName": "Peeters", "firstName": "Jan", "birthDate": "1985-00-00"}
reply = ask("CreatePerson", NOK, "REG00008", ["REG00008"], person=person)
assert [one.ssin for one in reply.alike] == [KNOWN]
created = ask("CreatePerson", OK, DONE, person=person, althoughAlike=True).ssin
ask("CreatePerson", NOK, "REG00014", ["REG00014"], person={"lastName": "Жуков", "birthDate": "1985-00-00"})
ask("CreatePerson", NOK, "REG00011", ["REG00011"], person={"lastName": "A", "birthDate": "1985-02-30"})
reply = ask("UpdatePerson", OK, DONE, ssin=created, person={"firstName": "Anna & <é>", "deceasedDate": DAY(2026, 11, 1)})
assert reply.person.firstName == "Anna & <é>" and reply.person.birthDate == "1985-00-00"
ask("UpdatePerson", NOK, "REG00005", ["REG00005"], ssin=KNOWN, person={"firstName": "A"})
ask("UpdatePerson", NOK, "REG00018", ["REG00018"], ssin=BCSS, person={})

# Mutations
reply = ask("FetchMutations", FOUND, DONE)
assert [one.sequence for one in reply.voucher] == [1, 2]
for voucher in reply.voucher:
    file = ask("FetchMutations", FOUND, DONE, sequence=voucher.sequence)
    assert hashlib.sha256(file.content).hexdigest() == voucher.sha256 and len(file.content) == voucher.bytes
    assert file.voucher[0].cbeNumber == CBE and file.content.count(b"<mutation>") == voucher.count
ask("FetchMutations", NO, "REG00012", ["REG00012"], sequence=99)
ask("ConfirmMutations", NOK, "REG00013", ["REG00013"], sequence=2)
assert ask("ConfirmMutations", OK, DONE, sequence=1).voucher.confirmedAt is not None
assert [one.sequence for one in ask("FetchMutations", FOUND, DONE).voucher] == [2]
assert bearer.service.Consult(**HEAD).status.value == FOUND

ENVELOPE, LAW = "http://schemas.xmlsoap.org/soap/envelope/", "LAW:1990"
for key in ("wrong", ""):
    refused("Client", "UNAUTHORIZED", lambda: client(auth=HTTPBasicAuth(CBE, key))[0].service.Consult(**HEAD))
refused("Client", "FORBIDDEN", lambda: client(bearer=os.environ["STRANGER_KEY"])[0].service.Consult(**HEAD))
refused("Client", "NOT_YOUR_INSTITUTION", lambda: client(bearer=os.environ["OTHERS_KEY"])[0].service.Consult(**HEAD))
refused("Client", "MALFORMED_XML", lambda: changed(replaced("</legalContext>", "</legal>")))
refused("Client", "FORBIDDEN_XML", lambda: changed(lambda text: "<!DOCTYPE a [<!ENTITY b 'c'>]>" + text.replace(LAW, "&b;")))
refused("Client", "ENCODING", lambda: changed(lambda text: text.encode("utf-16")))
refused("Client", "TOO_LARGE", lambda: changed(replaced(LAW, "x" * 300_000)))
refused("Client", "TOO_MUCH_XML", lambda: changed(lambda text: text.replace("Envelope xmlns", "Envelope " + "".join(f"xmlns:n{at}='u' " for at in range(40)) + "xmlns")))
refused("Client", "WRONG_NAMESPACE", lambda: changed(replaced("urn:estafette:register:v1", "urn:other")))
refused("Client", "UNKNOWN_OPERATION", lambda: changed(replaced(":Inscribe", ":Insert")))
told = refused("Client", "INVALID_CONTENT", lambda: changed(replaced("<ssin>", "<ssin>1")))
assert told.detail[0].information[0].fieldValue == "/Envelope/Body/Inscribe/ssin"
assert told.informationCustomer.ticket == "zeep-1"
refused("Client", "MEDIA_TYPE", lambda: changed(lambda text: text, {"Content-Type": "application/soap+xml"}))
refused("Client", "SOAP_ACTION", lambda: changed(lambda text: text, {"SOAPAction": '"urn:estafette:register:v1:Remove"'}))
refused("VersionMismatch", "VERSION_MISMATCH", lambda: changed(replaced(ENVELOPE, "http://www.w3.org/2003/05/soap-envelope")))
understand = f'<h:a xmlns:h="urn:h" xmlns:s="{ENVELOPE}" s:mustUnderstand="1"/>'
refused("MustUnderstand", "MUST_UNDERSTAND", lambda: basic.service.Consult(**HEAD, _soapheaders=[etree.fromstring(understand)]))
assert asked == set(basic.service._operations), asked
print(f"zeep: {len(asked)} operations, {len(faults)} kinds of faults")
