"""NISS and CBE numbers against python-stdnum: a million candidates each, valid, nearly valid and random. Seeded."""

import datetime
import random
import re
import sys
import types

from stdnum.be import bis, nn, vat
from stdnum.exceptions import ValidationError

from comparison import compare, verdicts

COUNT = 1_000_000
TODAY = datetime.date(2026, 1, 1)  # as in the example `verdicts`


class FixedDate(datetime.date):
    """stdnum asks the machine what day it is; both sides must know the same one."""

    @classmethod
    def today(cls):
        return TODAY


nn.datetime = types.SimpleNamespace(date=FixedDate)


def niss_of(year, month, day, sequence):
    nine = f"{year % 100:02}{month:02}{day:02}{sequence:03}"
    check = 97 - int(nine if year < 2000 else "2" + nine) % 97
    return f"{nine}{check:02}"


def wrong(rng, text):
    """One digit changed, or two neighbours exchanged."""
    place = rng.randrange(len(text) - 1)
    if rng.random() < 0.5:
        return text[:place] + str(rng.randrange(10)) + text[place + 1 :]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def written(rng, text, separators, extra):
    """The text with separators or other characters put in, mostly where they don't belong."""
    kind = rng.randrange(8)
    if kind < 4:
        for _ in range(rng.randint(1, 3)):
            place = rng.randint(0, len(text))
            text = text[:place] + rng.choice(separators) + text[place:]
    elif kind == 4:
        place = rng.randint(0, len(text))
        text = text[:place] + rng.choice(extra) + text[place:]
    elif kind == 5:
        text = text[: rng.randrange(len(text))]
    elif kind == 6:
        text += str(rng.randrange(10 ** rng.randint(1, 4)))
    else:
        text = text.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    return text


def niss_candidates(rng):
    for _ in range(COUNT):
        year = rng.randint(1900, 2027)
        month = rng.choice((0, 20, 40)) + rng.randint(0, 12)
        text = niss_of(year, month, rng.randint(0, 31), rng.randint(1, 999))
        draw = rng.random()
        if draw < 0.35:
            yield text
        elif draw < 0.55:
            yield wrong(rng, text)
        elif draw < 0.65:
            yield niss_of(year, rng.randint(0, 99), rng.randint(0, 99), rng.choice((0, 0, 1, 998, 999)))
        elif draw < 0.80:
            yield f"{rng.randrange(10**11):011}"
        elif draw < 0.90:
            spots = (text[:2], text[2:4], text[4:6], text[6:9], text[9:])
            yield rng.choice((f"{'.'.join(spots[:3])}-{spots[3]}.{spots[4]}", " ".join(spots), "-".join(spots)))
        else:
            yield written(rng, text, ".- ", "/,xO\t\u00a0\u2013")


def niss_there(text):
    for module in (nn, bis):
        try:
            return "valid " + module.validate(text)
        except ValidationError:
            pass
    return "invalid"


def person_there(digits):
    module = nn if nn.is_valid(digits) else bis
    born = module.get_birth_date(digits)
    return f"{born or '-'} {module.get_gender(digits) or '-'}"


WRITTEN_NISS = re.compile(r"\d\d[.\- ]?\d\d[.\- ]?\d\d[.\- ]?\d\d\d[.\- ]?\d\d", re.ASCII)


def only_here_refused(kind):
    return lambda our, their: our == f"invalid {kind}" and their.startswith("valid ")


def born_in_future(digits):
    """Whether the check is that of a year from 2000 on and the date lies after the day of the comparison."""
    year, month, day = 2000 + int(digits[:2]), int(digits[2:4]) % 20, int(digits[4:6])
    of_2000 = 97 - int("2" + digits[:9]) % 97 == int(digits[9:])
    return of_2000 and (year, month, day) > (TODAY.year, TODAY.month, TODAY.day)


NISS_RULES = {
    "written form": (
        "separators stand singly between the groups of 85.07.30-033.28, and are . - or space only",
        lambda text, our, their: their.startswith("valid ")
        and our in ("invalid separator", "invalid not_digits")
        and not WRITTEN_NISS.fullmatch(text),
    ),
    "day 00-31": (
        "a day above 31 is no day of any month, known or not",
        lambda text, our, their: only_here_refused("day")(our, their) and int(their[10:12]) > 31,
    ),
    "sequence 001-999": (
        "the National Register gives no sequence 000 (BCSS numbers may have it)",
        lambda text, our, their: only_here_refused("sequence")(our, their)
        and their[12:15] == "000"
        and int(their[8:10]) <= 12,
    ),
    "birth in the future": (
        "a birth date after today is refused, not only a birth year",
        lambda text, our, their: only_here_refused("future_birth")(our, their) and born_in_future(their[6:]),
    ),
}


def cbe_candidates(rng):
    for _ in range(COUNT):
        eight = rng.randrange(20_000_000)
        text = f"{eight:08}{97 - eight % 97:02}"
        draw = rng.random()
        if draw < 0.35:
            yield text
        elif draw < 0.55:
            yield wrong(rng, text)
        elif draw < 0.62:
            # Right remainder, impossible check.
            eight -= eight % 97 - rng.choice((0, 95, 96))
            yield f"{eight:08}{(97 - eight % 97) if eight % 97 in (95, 96) else 0:02}"
            continue
        elif draw < 0.66:
            eight = max(eight - eight % 97, 97)
            check = rng.choice((0, 98, 99))
            yield f"{eight - (check - 97 if check else 0):08}{check:02}"
        elif draw < 0.78:
            yield f"{rng.randrange(10**10):010}"
        elif draw < 0.83:
            eight = rng.randrange(20_000_000, 100_000_000)
            yield f"{eight:08}{97 - eight % 97:02}"
        elif draw < 0.92:
            old = text.removeprefix("0")
            dotted = f"{text[:4]}.{text[4:7]}.{text[7:]}"
            yield rng.choice((old, "BE" + text, "be" + old, dotted, "BE " + dotted, "BE " + text, dotted.replace(".", " ")))
        else:
            yield written(rng, rng.choice(("", "BE", "(0)")) + text, ". -/", ",xO\t\u00a0")


def cbe_there(text):
    try:
        return "valid " + vat.validate(text)
    except ValidationError:
        return "invalid"


WRITTEN_CBE = re.compile(r"(BE[. ]?)?\d([. ]?\d){8,9}", re.ASCII | re.IGNORECASE)

CBE_RULES = {
    "written form": (
        "after BE, digits with single . or space between them",
        lambda text, our, their: their.startswith("valid ")
        and our in ("invalid separator", "invalid not_digits", "invalid length")
        and not WRITTEN_CBE.fullmatch(text),
    ),
    "check 01-97": (
        "a check of 00, 98 or 99 never occurs, though its remainder fits",
        lambda text, our, their: only_here_refused("check_digits")(our, their) and their[-2:] in ("00", "98", "99"),
    ),
}


def main():
    rng = random.Random(20260101)
    print("python-stdnum 2.2")
    candidates = list(niss_candidates(rng))
    ours = verdicts("niss", candidates)
    good = compare("NISS", candidates, ours, [niss_there(text) for text in candidates], NISS_RULES)
    accepted = [verdict.removeprefix("valid ") for verdict in ours if verdict.startswith("valid ")]
    good &= compare(
        "birth date and sex of the accepted NISSs",
        accepted,
        verdicts("person", accepted),
        [person_there(digits) for digits in accepted],
        {},
    )
    candidates = list(cbe_candidates(rng))
    good &= compare("CBE", candidates, verdicts("cbe", candidates), [cbe_there(text) for text in candidates], CBE_RULES)
    sys.exit(0 if good else 1)


main()
