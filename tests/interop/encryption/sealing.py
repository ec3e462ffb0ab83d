"""The program with simulators of its own: JWEs of jwcrypto, of Node and of the command, opened by jwcrypto."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from jwcrypto import jwe, jwk

from seal import seal

PROGRAM, SCRATCH, DOCUMENT = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
HERE = pathlib.Path(__file__).parent
INSTITUTION = "0403019261"
SECRETS = ["secret-of-python-été", "secret-of-node-été", "secret-of-the-command-été"]
checked = 0


def check(what, truth):
    global checked
    if not truth:
        sys.exit(f"encryption: {what}")
    checked += 1


def ask(method, url, body=None, key=None):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"encryption: a program ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"encryption: nothing listens on {port}")


def helpers_are_the_documents():
    text = DOCUMENT.read_text()
    for name, language in [("seal.py", "python"), ("seal.mjs", "javascript")]:
        shown = re.search(f"```{language}\n(.*?)```", text, re.S).group(1)
        check(f"{name} is not what the document shows", (HERE / name).read_text().split("\n", 1)[1] == shown)


def by_node(texts, receivers):
    script = f"import {{ seal }} from {json.dumps(str(HERE / 'seal.mjs'))};" + (
        "import { readFileSync } from 'node:fs';"
        "const [texts, receivers] = JSON.parse(readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(seal(texts, receivers)));"
    )
    given = json.dumps([texts, receivers])
    command = ["node", "--input-type=module", "--eval", script]
    return json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=30).stdout)


def main():
    helpers_are_the_documents()
    device = jwk.JWK.generate(kty="RSA", size=2048)
    modulus = device.export_public(as_dict=True)["n"]
    modulus += "=" * (-len(modulus) % 4)
    there, http, admin = free_port(), free_port(), free_port()
    (SCRATCH / "simulators.toml").write_text(f'[govapp]\nreachable = 1.0\ndevices = 2\npublic_key = "{modulus}"\n')
    (SCRATCH / "estafette.toml").write_text(
        f'[http]\naddress = "127.0.0.1:{http}"\n[admin]\naddress = "127.0.0.1:{admin}"\n'
        f'[data]\nfolder = "{SCRATCH}/data"\n[log]\nlevel = "trace"\n'
        f'[[institution]]\ncbe = "{INSTITUTION}"\nname = "Sealing"\n'
        f'[channels.govapp]\nbase_url = "http://127.0.0.1:{there}/govapp"\ntoken = "sandbox-govapp-token"\n'
    )
    made = [PROGRAM, "key", "new", "--data", f"{SCRATCH}/data", "--institution", INSTITUTION, "--name", "k", "--output", "json"]
    key = json.loads(subprocess.run(made, capture_output=True, text=True, check=True).stdout)["key"]
    log = (SCRATCH / "log").open("wb")
    simulate = [PROGRAM, "simulate", "--address", f"127.0.0.1:{there}", "--config", f"{SCRATCH}/simulators.toml"]
    started = []
    try:
        for command, port in [(simulate, there), ([PROGRAM, "serve", "--config", f"{SCRATCH}/estafette.toml"], http)]:
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
            wait_for(port, started[-1])
        run(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{there}", key, device)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)
    log.close()
    for path in [SCRATCH / "log", *(path for path in (SCRATCH / "data").rglob("*") if path.is_file())]:
        check(f"a plaintext is in {path.name}", not any(secret.encode() in path.read_bytes() for secret in SECRETS))
    print(f"encryption: {checked} checks passed")


def run(api, simulators, key, device):
    who = "/v1/recipients/receivers?recipient=mobile:%2B32470123456"
    status, receivers = ask("GET", api + who, key=key)
    check(f"receivers: {status}", status == 200 and len(receivers["receivers"]) == 2)
    message = {"recipient": {"mobile": "+32470123456"}, "strategy": "govapp-only"}
    for secret, make in [(SECRETS[0], seal), (SECRETS[1], by_node)]:
        content = {"title": {"fr": "Avis"}, "encrypted": make({"fr": secret}, receivers)}
        status, answer = ask("POST", f"{api}/v1/messages", message | {"content": content}, key)
        check(f"a submission: {status} {answer}", status == 200 and answer["attempts"][0]["status"] == "sent")
    send = [PROGRAM, "send", "--mobile", "+32470123456", "--strategy", "govapp-only", "--text", SECRETS[2], "--encrypt"]
    sent = subprocess.run(send, env=os.environ | {"ESTAFETTE_API": api, "ESTAFETTE_KEY": key}, capture_output=True, text=True)
    check(f"the command: {sent.stderr}", sent.returncode == 0)

    _, kept = ask("GET", f"{simulators}/sealed")
    opened = []
    for sealed in kept["sealed"]:
        token = jwe.JWE(algs=["RSA-OAEP-256", "A256GCM"])
        token.deserialize(sealed["encryptedBody"], device)
        opened.append(json.loads(token.payload)["fr"])
    check(f"opened {len(opened)} of 6", sorted(opened) == sorted(SECRETS * 2))

    public = jwk.JWK(**device.export_public(as_dict=True))
    for alg, enc, more in [("RSA-OAEP", "A256GCM", {}), ("RSA-OAEP-256", "A128GCM", {}), ("RSA-OAEP-256", "A256CBC-HS512", {}),
                           ("RSA-OAEP-256", "A256GCM", {"zip": "DEF"})]:
        token = jwe.JWE(b"x" * 100_000, protected=json.dumps({"alg": alg, "enc": enc} | more))
        token.allowed_algs = [alg, enc]
        token.add_recipient(public)
        content = {"encrypted": {receivers["receivers"][0]["id"]: token.serialize(compact=True)}}
        status, _ = ask("POST", f"{api}/v1/messages", message | {"content": content}, key)
        check(f"{alg} with {enc} and {more} was answered with {status}", status in (413, 422))


main()
