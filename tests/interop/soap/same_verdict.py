"""Requests changed at random: whether they satisfy the schema, PyPI xmlschema and the face have to say alike."""
import copy
import http.client
import os
import random
import sys
from pathlib import Path
from urllib.parse import urlsplit

import xmlschema
from lxml import etree

API, SCRATCH = os.environ["API"], Path(sys.argv[1])
SCHEMA = xmlschema.XMLSchema(str(SCRATCH / "register.xsd"))
KEY, CASES = os.environ["KEY"], 4_000
SEED = random.randrange(1 << 32)
chance = random.Random(SEED)
R = "urn:estafette:register:v1"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

HEAD = """<informationCustomer><ticket>t</ticket><timestampSent>2026-11-23T09:30:00Z</timestampSent><customerIdentification>
<cbeNumber>0403019261</cbeNumber></customerIdentification></informationCustomer><legalContext>LAW</legalContext>"""
PERSON = "<lastName>P</lastName><firstName>A</firstName><birthDate>1985-07-30</birthDate><gender>MALE</gender>"
PERIOD = "<period><beginDate>2026-01-01</beginDate><endDate>2026-12-31</endDate></period>"
ROW = "<ssin>85073003328</ssin><dossierType>PENSION</dossierType>" + PERIOD
WHOLE = [
    ("Inscribe", ROW + f"<person>{PERSON}</person>"),
    ("Remove", ROW),
    ("Consult", "<register><cbeNumber>0403019261</cbeNumber></register>" + ROW + "<after>abc</after><limit>5</limit>"),
    ("SearchPerson", f"<person>{PERSON}</person><birthYears>2</birthYears><limit>5</limit>"),
    ("CreatePerson", f"<person>{PERSON}<language>NL</language><deceasedDate>2020-01-01</deceasedDate></person><althoughAlike>false</althoughAlike>"),
    ("UpdatePerson", f"<ssin>85473003317</ssin><person>{PERSON}<deceasedDate>2020-01-01</deceasedDate></person>"),
    ("FetchMutations", "<sequence>1</sequence>"),
    ("ConfirmMutations", "<sequence>1</sequence>"),
]
VALUES = [
    "", " ", "x", "0", "1", "-1", "+1", "007", "1000", "1001", "100", "101", "10", "11", "-0", "1.0", "999999999999999", "1000000000000000",
    "true", "false", "TRUE", "85073003328", " 85073003328\n", "8507300332", "850730033281", "0403019261", "2026-11-23", "2026-02-29",
    "2024-02-29", "0000-01-01", "0001-01-01", "2026-11-23Z", "2026-13-01", "1985-00-00", "1985-07-00", "1985-99-99", "-2026-11-23",
    "2026-11-23T09:30:00", "2026-11-23T09:30:00.123+01:00", "2026-11-23T24:00:00", "2026-11-23T09:30:00+14:00",
    "2026-11-23T09:30:00-14:01", "2026-11-23T09:30:60", "2026-11-23T09:30:00.", "2026-02-30T09:30:00Z", "MALE", "male", " FEMALE ", "NL", "nl",
    "EN", "PENSION", "a-b_c", "a b", "é", "x" * 32, "x" * 33, "x" * 36, "x" * 37, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "é" * 150, "é" * 151,
    "a  b", "a\u00a0b", "&<>", "\t",
]
NAMES = sorted({tag for _, inside in WHOLE for tag in
                (one.tag for one in etree.fromstring(f"<a>{HEAD}{inside}</a>").iter()) if tag != "a"}) + ["other"]


def change(root):
    every = list(root.iter(etree.Element))
    below = every[1:]
    if not below:
        return
    one = chance.choice(below)
    what = chance.randrange(13)
    if what == 0:
        one.getparent().remove(one)
    elif what == 1:
        one.addnext(copy.deepcopy(one))
    elif what == 2:
        one.addprevious(copy.deepcopy(chance.choice(below)))
    elif what == 3:
        one.tag = chance.choice(NAMES)
    elif what == 4 and one.getnext() is not None:
        one.getnext().addnext(one)
    elif what == 5:
        one.tag = "{" + chance.choice([R, "urn:other", "urn:estafette:common:v1"]) + "}" + etree.QName(one).localname
    elif what == 6:
        chance.choice(every).set(chance.choice(["a", "{urn:o}a", "{%s}nil" % XSI, "{%s}schemaLocation" % XSI, "id"]), "true")
    elif what == 7:
        one.set("{%s}type" % XSI, chance.choice(["c:SsinType", "c:NameType", "c:OpenPeriodType", "c:DateType", "c:CodeType", "SsinType"]))
    elif what == 8:
        chance.choice(every).insert(0, etree.Comment(" c "))
    else:
        leaves = [leaf for leaf in below if len(leaf) == 0]
        chance.choice(leaves or below).text = chance.choice(VALUES)


def valid(root):
    if etree.QName(root).localname.endswith("Response"):
        return False
    try:
        # Comments say nothing to a schema; the validator takes one inside of a value for an element.
        return SCHEMA.is_valid(etree.fromstring(etree.tostring(root), etree.XMLParser(remove_comments=True)))
    except xmlschema.XMLSchemaException:
        return False


address = urlsplit(API)
connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)


def ask(body):
    """Whether the face takes it, and what it says."""
    connection.request("POST", "/soap/register", body, {"Authorization": "Bearer " + KEY, "Content-Type": "text/xml"})
    answer = connection.getresponse()
    text = answer.read().decode()
    # A number that is in form and not the key's is told after the schema was satisfied.
    takes = answer.status == 200 or "NOT_YOUR_INSTITUTION" in text
    assert takes or answer.status == 500, (answer.status, text)
    if answer.status == 200:
        SCHEMA.validate(etree.fromstring(etree.tostring(etree.fromstring(text.encode())[0][0])))
    return takes, text


def enveloped(root):
    inside = etree.tostring(root, encoding="unicode")
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inside}</s:Body></s:Envelope>'


def whole():
    name, inside = chance.choice(WHOLE)
    return etree.fromstring(f'<r:{name} xmlns:r="{R}" xmlns:c="urn:estafette:common:v1" xmlns:xsi="{XSI}">{HEAD}{inside}</r:{name}>')


verdicts = {True: 0, False: 0}
for case in range(CASES):
    root = whole()
    for _ in range(chance.choice([0, 1, 1, 1, 2])):
        change(root)
    says, body = valid(root), enveloped(root)
    takes, text = ask(body.encode())
    assert takes == says, f"seed {SEED}, case {case}: xmlschema says {says}, the face {takes}\n{body}\n{text}"
    verdicts[says] += 1
assert min(verdicts.values()) > CASES / 10, verdicts
print(f"same verdict on {CASES} requests: {verdicts[True]} satisfy the schema, {verdicts[False]} do not")

# Characters changed: what libxml2 can't read may not be taken, and what it reads may only be refused for a reason of ours.
PIECES = list("<>&;\"'=/!-[]?:# \n\0\u0001\u00e9\ufffe") + ["<!--", "-->", "<![CDATA[", "]]>", "&amp;", "&#65;", "&#0;", "&x;", "xmlns", "<?a?>", "<a/>", "</a>"]
broken = 0
for case in range(CASES):
    body = enveloped(whole())
    for _ in range(chance.choice([1, 1, 2, 3])):
        place = chance.randrange(len(body))
        body = body[:place] + chance.choice(PIECES + [""] * 8) + body[place + chance.choice([0, 0, 1, 5]) :]
    try:
        read = etree.fromstring(body.encode(), etree.XMLParser(remove_comments=True, resolve_entities=False))
    except etree.XMLSyntaxError as error:
        # A namespace that is no URI is well-formed XML, and harmless: only ours are compared.
        if "is not a valid URI" in str(error):
            continue
        read = None
    takes, text = ask(body.encode())
    if read is None:
        broken += 1
        assert not takes, f"seed {SEED}, case {case}: no XML to libxml2, and taken\n{body!r}"
    else:
        assert "MALFORMED_XML" not in text, f"seed {SEED}, case {case}: XML to libxml2, and malformed here\n{body!r}\n{text}"
assert CASES / 10 < broken < CASES * 9 / 10, broken
print(f"same verdict on {CASES} texts: {broken} are no XML")
