"""The helper of docs/encryption.md, word for word (the run compares them)."""
from jwcrypto import jwe, jwk
import json

def seal(texts, receivers):
    """texts: {"fr": "..."}; receivers: the answer of GET /v1/recipients/receivers. Gives content.encrypted."""
    plain = json.dumps(texts, ensure_ascii=False).encode()
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    sealed = {}
    for receiver in receivers["receivers"]:
        token = jwe.JWE(plain, protected=json.dumps(header))
        token.add_recipient(jwk.JWK(**receiver["jwk"]))
        sealed[receiver["id"]] = token.serialize(compact=True)
    return sealed
