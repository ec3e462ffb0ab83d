"""Checks a bundle of evidence with joserfc as the bundle itself says how, and holds the program's verdicts against it."""
import base64
import hashlib
import json
import pathlib
import random
import subprocess
import sys

from joserfc import jwk, jws
from joserfc.errors import JoseError

PROGRAM, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2])


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_right(bundle, keys):
    """What the bundle's own `howToCheck` says, by a library that knows nothing of this project."""
    known = {key.thumbprint(): key for key in jwk.KeySet.import_key_set(keys).keys}
    previous, first, last = None, None, ""
    for sequence, compact in enumerate(bundle["records"], 1):
        kid = json.loads(decoded(compact.split(".")[0]))["kid"]
        if kid not in known:
            return False
        registry = jws.JWSRegistry(algorithms=["ES256"])
        record = json.loads(jws.deserialize_compact(compact.encode(), known[kid], registry=registry).payload)
        first = first or record
        same = all(record[name] == first[name] for name in ("document", "sender", "recipient", "contentDigest"))
        if record["sequence"] != sequence or record.get("previous") != previous or not same or record["at"] < last:
            return False
        previous, last = base64url(hashlib.sha256(compact.encode()).digest()), record["at"]
    parts = b"".join(decoded(part["digest"]) if "digest" in part else bytes(32) for part in bundle["document"]["parts"])
    return base64url(hashlib.sha256(parts).digest()) == first["contentDigest"] == bundle["document"]["contentDigest"]


def by_program(raw, *more):
    path = SCRATCH / "changed.json"
    path.write_bytes(raw)
    ran = subprocess.run([PROGRAM, "evidence", "verify", str(path), *more], capture_output=True, text=True, timeout=30)
    if ran.returncode not in (0, 1) or ran.stderr:
        sys.exit(f"evidence: {ran.returncode} {ran.stderr}")
    return ran.returncode == 0, ran.stdout


def main():
    raw = (SCRATCH / "bundle.json").read_bytes()
    bundle, keys = json.loads(raw), json.loads((SCRATCH / "keys.json").read_text())
    key_file = ("--key", str(SCRATCH / "keys.json"))
    if [key["kid"] for key in keys["keys"]] != [key.thumbprint() for key in jwk.KeySet.import_key_set(keys).keys]:
        sys.exit("evidence: a key is not named by its thumbprint")
    if not is_right(bundle, keys) or not by_program(raw, *key_file)[0]:
        sys.exit("evidence: a good bundle is not right")
    if "The keys in the bundle itself were trusted" in by_program(raw, *key_file)[1]:
        sys.exit("evidence: it says that it trusted the bundle's keys, and was given others")
    if "The keys in the bundle itself were trusted" not in by_program(raw)[1]:
        sys.exit("evidence: it does not say that it trusted the bundle's keys")
    start, end = raw.index(b'"records"'), raw.index(b'"keys"')
    places = [place for place in range(start, end) if raw[place : place + 1].strip()]
    random.seed(7)
    tried = random.sample(places, 150)
    for place in tried:
        changed = bytearray(raw)
        changed[place] ^= random.choice([1, 2, 4, 8, 16, 32])
        right, told = by_program(bytes(changed), *key_file)
        if right or "BROKEN" not in told:
            sys.exit(f"evidence: a change in place {place} was not found")
        try:
            if is_right(json.loads(bytes(changed)), keys):
                sys.exit(f"evidence: joserfc finds nothing changed in place {place}")
        except (ValueError, KeyError, TypeError, JoseError):
            pass
    print(f"evidence: {len(bundle['records'])} records hold for joserfc and for the program; {len(tried)} changes found by both")


main()
