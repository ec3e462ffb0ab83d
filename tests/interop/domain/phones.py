"""Mobile numbers against phonenumbers, the Python port of libphonenumber, of the same metadata version. Seeded."""

import random
import re
import sys

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from comparison import compare, verdicts

COUNT = 10_000
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
TYPES = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]


def dressed(rng, text):
    """The number with separators put in, as people write it."""
    if rng.random() < 0.5:
        return text
    plus = text.startswith("+")
    digits = text.lstrip("+")
    pieces = []
    while digits:
        size = rng.randint(1, 4)
        pieces.append(digits[:size])
        digits = digits[size:]
    return "+" * plus + rng.choice((" ", ".", "-", "/")).join(pieces)


def belgian(rng):
    national = rng.choice(
        (
            f"4{rng.randrange(10**8):08}",
            f"4{rng.randint(5, 9)}{rng.randrange(10**7):07}",
            f"{rng.randint(1, 9)}{rng.randrange(10**7):07}",
            f"{rng.choice((2, 3, 9, 42, 70, 78, 80, 90, 800, 900))}{rng.randrange(10**8):08}"[:8],
            f"{rng.randrange(10 ** rng.randint(1, 11))}",
        )
    )
    return dressed(rng, rng.choice(("0", "0", "", "+32", "+320", "0032", "32", "00320", "+3200")) + national)


def foreign(rng, regions):
    region = rng.choice(regions)
    example = phonenumbers.example_number_for_type(region, rng.choice(TYPES))
    if example is None:
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        return "+" + str(phonenumbers.country_code_for_region(region))
    text = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    kept = rng.randint(4, len(text))
    text = text[:kept] + "".join(str(rng.randrange(10)) for _ in range(len(text) - kept))
    if rng.random() < 0.1:
        text = text[:-1] if rng.random() < 0.5 else text + str(rng.randrange(10))
    if rng.random() < 0.1:
        code = str(example.country_code)
        text = f"+{code}0{text[len(code) + 1:]}"
    return dressed(rng, text if rng.random() < 0.8 else "00" + text[1:])


def garbage(rng):
    return rng.choice(
        (
            lambda: "".join(rng.choice("0123456789+ .-/()xABe;,#\u00a0é") for _ in range(rng.randint(0, 25))),
            lambda: f"0470{rng.randrange(10**6):06} {rng.choice(('ext', 'x', '#', ';ext='))} {rng.randrange(99)}",
            lambda: f"0470-{rng.choice(('MOBILE', 'FLOWER', 'abcdef'))}",
            lambda: f"tel:+32470{rng.randrange(10**6):06}",
            lambda: f"+{rng.choice(('+', '0', '00', '0032', '000'))}470{rng.randrange(10**6):06}",
            lambda: f"call 0470{rng.randrange(10**6):06}!",
            lambda: str(rng.randrange(10**30)),
        )
    )()


def candidates(rng):
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    # Every Belgian mobile prefix, and one mobile number of every region.
    numbers = [f"04{prefix:02}123456" for prefix in range(100)]
    for region in regions:
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if example:
            numbers.append(phonenumbers.format_number(example, PhoneNumberFormat.E164))
    while len(numbers) < COUNT:
        draw = rng.random()
        numbers.append(belgian(rng) if draw < 0.4 else foreign(rng, regions) if draw < 0.85 else garbage(rng))
    return numbers


def there(text):
    try:
        number = phonenumbers.parse(text, "BE")
    except phonenumbers.NumberParseException:
        return "invalid"
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        return "invalid"
    return "valid " + phonenumbers.format_number(number, PhoneNumberFormat.E164)


RULES = {
    "E.164 has digits only": (
        "letters, extensions and other characters are refused, not skipped or translated",
        lambda text, our, their: their.startswith("valid ")
        and our == "invalid character"
        and not re.fullmatch(r"[ ./()\-]*\+?[0-9 ./()\-]*", text),
    ),
    "a country code after +": (
        "no country code starts with 0: a + before a national number or 00 is a mistake to be told",
        lambda text, our, their: their.startswith("valid ")
        and our == "invalid no_such_number"
        and re.match(r"\W*\+\W*0", text) is not None,
    ),
}


def main():
    rng = random.Random(20260101)
    print(f"phonenumbers {phonenumbers.__version__}")
    numbers = candidates(rng)
    good = compare("mobile numbers", numbers, verdicts("mobile", numbers), [there(text) for text in numbers], RULES)
    sys.exit(0 if good else 1)


main()
