"""Each number that the real program creates, over REST, against PyPI python-stdnum: `bis` takes it, `ssn` takes it for one of
these, `nn` does not; birth date and gender that it derives are those that were given, as far as a number can tell them."""
import http.client
import json
import os
import random
from urllib.parse import urlsplit

from stdnum.be import bis, nn, ssn

ADDRESS = urlsplit(os.environ["API"])
SEED = random.randrange(1 << 32)
chance = random.Random(SEED)
connection = http.client.HTTPConnection(ADDRESS.hostname, ADDRESS.port, timeout=30)
HEADERS = {"Authorization": "Bearer " + os.environ["KEY"], "Legal-Context": "LAW:1990", "Content-Type": "application/json"}
# Numbers of one day and sex; then come those with month 00.
SERIES = 500


def ask(path, body):
    connection.request("POST", "/v1/register/persons" + path, json.dumps(body), HEADERS)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def name():
    return "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(7)).capitalize()


def create(birth, sex):
    status, told = ask("", {"surname": name(), "given_names": name(), "birth_date": birth, "sex": sex, "although_alike": True})
    assert status == 201, (status, told)
    return told["niss"]


def check(number, birth, sex, is_whole=True):
    assert bis.validate(number) == ssn.validate(number) == number and ssn.guess_type(number) == "bis", (SEED, number)
    assert not nn.is_valid(number), number
    year, month, day = ([int(part) for part in birth.split("-")] + [None, None])[:3]
    assert bis.get_birth_year(number) == year, (SEED, number, birth)
    assert bis.get_birth_month(number) == (month if is_whole else None), (SEED, number, birth)
    date = bis.get_birth_date(number)
    assert (date and date.isoformat()) == (birth if day and is_whole else None), (SEED, number, birth)
    assert bis.get_gender(number) == {"male": "M", "female": "F", None: None}[sex], (SEED, number, sex)
    assert bis.format(number).replace(".", "").replace("-", "") == number


births = {}
for case in range(900):
    sex = chance.choice(["male", "female", None])
    year = chance.choice([chance.randint(1900, 1999), chance.randint(2000, 2025)])
    birth = chance.choice([f"{year}", f"{year}-{chance.randint(1, 12):02}"] + [f"{year}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"] * 3)
    number = create(birth, sex)
    check(number, birth, sex)
    assert births.setdefault(number, (birth, sex)) == (birth, sex) and len(births) == case + 1, f"seed {SEED}: {case} was given out before"
kinds = {(birth[:2], len(birth), sex) for birth, sex in births.values()}
assert len(kinds) == 2 * 3 * 3, f"seed {SEED}: births of all kinds"

# A day that runs out: the number tells no more than the year, and the program knows the day.
day = "1993-05-17"
series = [create(day, "male") for _ in range(SERIES + 20)]
used = sum(birth == day and sex == "male" for birth, sex in births.values())
for place, number in enumerate(series):
    check(number, day, "male", is_whole=place < SERIES - used)
assert len(set(series) | set(births)) == len(series) + len(births)
status, told = ask("/lookup", {"niss": series[-1]})
assert (status, told["person"]["birth_date"]) == (200, day), told
print(f"stdnum: {len(births)} numbers of all kinds, and {len(series)} of a day that has {SERIES}")
