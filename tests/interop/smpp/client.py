"""The whole program with npm's `smpp` as its SMSC: throttling, early receipt, dropped link, long messages, STOP, TLS."""
import atexit
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

program, scratch, here, node = (pathlib.Path(argument) for argument in sys.argv[1:5])
INSTITUTION = "0403019261"


def free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(what, reason, limit=20):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(f"did not happen in {limit} s: {reason}")


class World:
    """An SMSC, and a broker whose only channel goes there."""

    def __init__(self, name, tls, more=""):
        self.folder = scratch / name
        self.folder.mkdir()
        self.seen = []
        port, http, admin = free(), free(), free()
        arguments = ["node", str(here / "smsc.js"), str(port)]
        if tls:
            key, cert, authority = (self.folder / name for name in ("key.pem", "cert.pem", "ca.pem"))
            names = self.folder / "names"
            names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
            new = ["-newkey", "rsa:2048", "-nodes"]
            for made in (
                ["req", "-x509", *new, "-days", "2", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", authority],
                ["req", *new, "-subj", "/CN=localhost", "-keyout", key, "-out", "request.pem"],
                ["x509", "-req", "-in", "request.pem", "-CA", authority, "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                 "-extfile", names, "-out", cert],
            ):
                subprocess.run(["openssl", *map(str, made)], check=True, capture_output=True, cwd=self.folder)
            arguments += [str(key), str(cert)]
            more += f'\ntls = true\ntls_name = "localhost"\ntls_ca_file = "{authority}"\n'
        environment = {**os.environ, "NODE_PATH": str(node / "node_modules")}
        self.smsc = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)
        atexit.register(self.smsc.kill)
        threading.Thread(target=self.listen, daemon=True).start()
        config = self.folder / "estafette.toml"
        config.write_text(f"""
[http]
address = "127.0.0.1:{http}"
[admin]
address = "127.0.0.1:{admin}"
[data]
folder = "{self.folder / 'data'}"
[delivery.sms.retry]
first_ms = 200
[channels.sms]
provider = "smpp"
address = "127.0.0.1:{port}"
system_id = "estafette"
password = "secret08"
reconnect_min_ms = 50
sender_id = "8686"
{more}
[[institution]]
cbe = "{INSTITUTION}"
name = "Test"
[[strategy]]
name = "again"
on_unknown = "resend"
[[strategy.step]]
channel = "sms"
""")
        until(lambda: any("listening" in line for line in self.seen), "the SMSC listens")
        self.log = open(self.folder / "log", "w")
        self.broker = subprocess.Popen([str(program), "serve", "--config", str(config)], stdout=self.log, stderr=self.log)
        atexit.register(self.broker.kill)
        self.api = f"http://127.0.0.1:{http}/v1"
        until(lambda: any("bind" in line for line in self.seen), "the broker binds")
        made = subprocess.run([str(program), "key", "new", "--config", str(config), "--institution", INSTITUTION, "--name",
                               "test", "--output", "json"], check=True, capture_output=True, text=True)
        made = json.loads(made.stdout)
        self.key = made.get("key") or made.get("secret") or next(v for v in made.values() if str(v).startswith("est_"))
        time.sleep(1.2)

    def listen(self):
        for line in self.smsc.stdout:
            self.seen.append(json.loads(line))

    def ask(self, path, body=None, headers=()):
        request = urllib.request.Request(self.api + path, None if body is None else json.dumps(body).encode(), dict(headers))
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=40) as answer:
            return json.load(answer)

    def submit(self, text, strategy="again", to="+32470123456"):
        body = {"recipient": {"mobile": to}, "strategy": strategy, "content": {"text": {"fr": text}}}
        return self.ask("/messages", body, {"Prefer": "respond-async"})["id"]

    def status(self, message, wanted, limit=30):
        def look():
            told = self.ask(f"/messages/{message}")
            return told if told["status"] == wanted else None
        return until(look, f"message {wanted}; it is {self.ask(f'/messages/{message}')}", limit)

    def texts(self, beginning):
        return [line for line in self.seen if line.get("text", "").startswith(beginning)]

    def stop(self):
        self.broker.terminate()
        assert self.broker.wait(20) == 0, "the broker ends in order"
        self.smsc.kill()
        log = (self.folder / "log").read_text()
        assert "panicked" not in log and "470123456" not in log, log


def check(world):
    plain = world.status(world.submit("plain é€"), "delivered")
    assert plain["attempts"][0]["provider"] == "smpp", plain
    assert plain["attempts"][0]["channel_reference"].startswith("00"), plain
    assert world.texts("plain")[0]["coding"] == 0
    assert world.texts("plain")[0]["from"] == "8686"
    # The receipt was acknowledged, and only then.
    until(lambda: [line for line in world.seen if line.get("receipt") and line["status"] == 0], "the receipt is acknowledged")

    for word in ("throttle", "full"):
        told = world.status(world.submit(f"{word} me"), "delivered")
        assert len(world.texts(word)) == 2 and len(told["attempts"]) == 1, told

    world.status(world.submit("early bird"), "delivered")

    dropped = world.status(world.submit("drop it"), "delivered")
    assert dropped["attempts"][0]["possible_duplicate"], dropped
    assert len(world.texts("drop")) == 2

    refused = world.status(world.submit("refuse this", to="+32470999777"), "failed")
    assert refused["attempts"][0]["failure"] == "unreachable", refused


def long(world, parts):
    text = "Une longue histoire. " * 20
    before = len(world.seen)
    world.status(world.submit(text), "delivered")
    got = [line for line in world.seen[before:] if "text" in line]
    assert len(got) == parts, got
    assert "".join(line["text"] for line in got) == text, got
    if parts > 1:
        assert [line["part"][1:] for line in got] == [[parts, n + 1] for n in range(parts)], got
        assert [line["wanted"] for line in got] == [2] * (parts - 1) + [1], got


def stop_word(world):
    to = "+32470999888"
    world.status(world.submit("answer me", to=to), "delivered")
    until(lambda: [line for line in world.seen if line.get("inbound") == 0], "STOP is acknowledged")
    events = until(lambda: [event for event in world.ask("/events?limit=500")["events"] if event["type"] == "sms.received"],
                   "the sender is told of it")
    assert events[0]["data"]["sms"] == {"from": to, "to": "8686", "text": "Stop svp", "stop": True}, events
    told = world.status(world.submit("not to be sent", to=to), "failed")
    assert not world.texts("not to be sent"), told


world = World("plain", tls=False)
check(world)
long(world, 3)
stop_word(world)
world.stop()
print("npm smpp as SMSC: throttling, full queue, early receipt, dropped link, long message, STOP")

world = World("tls", tls=True, more='long = "payload"\nbinds = 2')
check(world)
long(world, 1)
world.stop()
print("npm smpp as SMSC over TLS: the same, long message in message_payload")
