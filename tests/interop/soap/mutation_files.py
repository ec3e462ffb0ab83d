"""Files of mutations and their vouchers, over REST and over SOAP, from the real program: the same bytes, as the voucher says, by
the published schema. Writes schemas, files and vouchers for `xmllint`."""
import base64
import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path

import xmlschema
import zeep
from lxml import etree
from requests import Session
from requests.auth import HTTPBasicAuth
from zeep.plugins import HistoryPlugin
from zeep.transports import Transport

API, KEY, SCRATCH = os.environ["API"], os.environ["KEY"], Path(sys.argv[1])
CBE, M = "0403019261", "urn:estafette:mutations:v1"
for schema in ("common", "mutations"):
    with urllib.request.urlopen(f"{API}/soap/register?xsd={schema}") as answer:
        text = answer.read().decode()
    (SCRATCH / f"{schema}.xsd").write_text(text.replace(f'"{API}/soap/register?xsd=common"', '"common.xsd"'))
SCHEMA = xmlschema.XMLSchema(str(SCRATCH / "mutations.xsd"))

session, history = Session(), HistoryPlugin()
session.auth, session.trust_env = HTTPBasicAuth(CBE, KEY), False
soap = zeep.Client(API + "/soap/register?wsdl", transport=Transport(session=session), plugins=[history])


def over_rest(method, path, accept="application/json"):
    headers = {"Authorization": "Bearer " + KEY, "Legal-Context": "LAW:1990", "Accept": accept}
    with urllib.request.urlopen(urllib.request.Request(f"{API}/v1/register/mutations{path}", headers=headers, method=method)) as answer:
        return answer.headers, answer.read()


def over_soap(operation, **given):
    head = {"informationCustomer": {"customerIdentification": {"cbeNumber": CBE}}, "legalContext": "LAW:1990"}
    reply = soap.service[operation](**head, **given)
    assert reply.status.code == "MSG00000", reply
    return reply, history.last_received["envelope"].find(".//voucher")


def document(voucher):
    """The voucher of a reply as a document of its own, as the schema has one."""
    root = etree.Element(f"{{{M}}}voucher", nsmap={"m": M})
    for member in voucher:
        copy = etree.fromstring(etree.tostring(member))
        etree.cleanup_namespaces(copy)
        root.append(copy)
    return root


def agree(rest, voucher):
    told = {one.tag: one.text for one in voucher.iter() if not len(one)}
    assert [told["cbeNumber"], int(told["sequence"]), int(told["count"]), int(told["bytes"]), told["sha256"]] == [
        CBE, rest["sequence"], rest["count"], rest["bytes"], rest["sha256"]
    ], (rest, told)
    assert [told["beginDate"], told["endDate"], told["madeAt"]] == [rest["from"], rest["until"], rest["made_at"]], (rest, told)
    assert told.get("confirmedAt") == rest["confirmed_at"], (rest, told)


vouchers = json.loads(over_rest("GET", "")[1])["vouchers"]
assert [one["sequence"] for one in vouchers] == list(range(1, len(vouchers) + 1)) and len(vouchers) == 2, vouchers
kinds = set()
for voucher in vouchers:
    sequence = voucher["sequence"]
    headers, file = over_rest("GET", f"/{sequence}", "application/xml")
    digest = hashlib.sha256(file)
    assert (digest.hexdigest(), len(file)) == (voucher["sha256"], voucher["bytes"])
    assert headers["Content-Digest"] == headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    reply, element = over_soap("FetchMutations", sequence=sequence)
    assert reply.content == file, "SOAP and REST give other bytes"
    agree(voucher, element)
    agree(json.loads(over_rest("GET", f"/{sequence}/voucher")[1]), element)
    root = etree.fromstring(file)
    SCHEMA.validate(root)
    head, mutations = root.find("head"), root.findall("mutation")
    assert [head.findtext("cbeNumber"), head.findtext("sequence"), head.findtext("count")] == [CBE, str(sequence), str(voucher["count"])]
    assert [head.findtext("period/beginDate"), head.findtext("period/endDate"), head.findtext("madeAt")] == [
        voucher["from"], voucher["until"], voucher["made_at"]
    ]
    assert len(mutations) == voucher["count"] > 0
    listed = json.loads(over_rest("GET", f"/{sequence}")[1])["mutations"]
    assert [one["niss"] for one in listed] == [one.findtext("ssin") for one in mutations]
    kinds |= {one[-1].tag for one in mutations}
    (SCRATCH / f"file-{sequence}.xml").write_bytes(file)
    # Each is confirmed over another face, and its voucher is as before but for that.
    if sequence % 2:
        over_rest("POST", f"/{sequence}/confirm")
    else:
        over_soap("ConfirmMutations", sequence=sequence)
    confirmed = document(over_soap("FetchMutations", sequence=sequence)[1])
    for number, one in enumerate((document(element), confirmed)):
        SCHEMA.validate(one)
        assert (one.find("confirmedAt") is not None) == bool(number)
        (SCRATCH / f"voucher-{sequence}-{number}.xml").write_bytes(etree.tostring(one, xml_declaration=True, encoding="UTF-8"))
    agree(json.loads(over_rest("GET", f"/{sequence}/voucher")[1]), confirmed)
assert kinds == {"replaced", "restored", "canceled", "identityChanged", "event"}, kinds
print(f"files: {len(vouchers)} with {sum(one['count'] for one in vouchers)} mutations of each kind, the same over REST and SOAP")
