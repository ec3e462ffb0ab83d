"""SMS segmentation against split-sms (parts) and gsm0338 (alphabet and septets). Seeded."""

import json
import pathlib
import random
import subprocess
import sys

import gsm0338

from comparison import compare, verdicts

COUNT = 40_000
HERE = pathlib.Path(__file__).parent
CODEC = gsm0338.Codec()

PLAIN = "abcdefghijklmnopqrstuvwxyz ABC 0123456789 .,!?:\n\r@$_&%'\"()*+-/#<=>;"
ACCENTS = "éèàùìòÇØøÅåÆæßÉÄÖÑÜäöñü£¥¤§¿¡ΔΦΓΛΩΠΨΣΘΞ"
EXTENDED = "^{}\\[~]|€\f"
OUTSIDE = "ç`êâîôû…’–œÉ\u00a0\t\u200bΑЖ中"
ASTRAL = "😀🇧🇪👩\u200d🚀𝔘"


def texts(rng):
    for character in PLAIN + ACCENTS + EXTENDED + OUTSIDE + ASTRAL + "\x00\x7f\x80\xff":
        yield character
    # Around every limit, with a pair at every place near it.
    for limit in (70, 134, 160, 201, 306, 459):
        for length in range(limit - 3, limit + 4):
            for filler, pair in (("a", "€"), ("a", ""), ("ç", "😀"), ("ç", ""), ("€", "a"), ("😀", "ç")):
                yield filler * length + pair
                yield filler * (length // 2) + pair + filler * (length - length // 2)
    yield ""
    for start in range(140, 161):
        yield "a" * start + "€" + "b" * 100
    for start in range(60, 70):
        yield "ç" * start + "😀" + "b" * 70
    mixes = [PLAIN, PLAIN + ACCENTS, PLAIN + EXTENDED, EXTENDED, PLAIN + OUTSIDE, PLAIN + ASTRAL, ASTRAL]
    for _ in range(COUNT):
        mix = rng.choice(mixes)
        text = "".join(rng.choices(mix, k=rng.randint(0, rng.choice((20, 80, 170, 320, 800)))))
        if rng.random() < 0.05:
            text += rng.choice(OUTSIDE + ASTRAL)
        yield text


def parts_there(lines):
    """What split-sms says of each JSON string."""
    done = subprocess.run(
        ["node", str(HERE / "split.js")], input="\n".join(lines).encode(), stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().split("\n")[:-1]


def septets_there(text):
    try:
        return f"gsm7 {len(CODEC.encode(text)[0])}"
    except UnicodeEncodeError:
        return f"ucs2 {len(text.encode('utf-16-be')) // 2}"


def main():
    rng = random.Random(20260101)
    candidates = list(texts(rng))
    lines = [json.dumps(text) for text in candidates]
    ours = verdicts("segment", lines)
    print("split-sms 0.1.7, gsm0338 1.1.0")
    good = compare("parts (split-sms)", candidates, ours, parts_there(lines), {})
    without_parts = [verdict.rsplit(" ", 1)[0] for verdict in ours]
    good &= compare(
        "alphabet and units (gsm0338)", candidates, without_parts, [septets_there(text) for text in candidates], {}
    )
    sys.exit(0 if good else 1)


main()
