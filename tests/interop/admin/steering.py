"""Every command of the admin port with redis-cli, for its true answer, in both versions of the protocol.

Starts `estafette simulate`, and `estafette serve` with a configuration file, an operator's and a viewer's
password, and SMS over SMPP. Nothing passes on an error that is not the one expected. Argument: the program.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PROGRAM = sys.argv[1]
OPERATOR, VIEWER = "operator-pass", "viewer-pass"
INSTITUTION = "0206731645"
UNREACHED = "00000000-0000-7000-8000-000000000000"
checked = 0
started: list[subprocess.Popen] = []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen:
    process = subprocess.Popen(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**CLEAN, **(environment or {})},
    )
    started.append(process)
    return process


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("ESTAFETTE")}


def told(process: subprocess.Popen, *names: str) -> list[str]:
    """The values of the lines `Name  value` with which a program says where it listens, in this order."""
    values = []
    for name in names:
        for line in process.stdout:
            if line.startswith(name):
                values.append(line[len(name):].split()[0])
                break
        else:
            raise SystemExit(f"steering: the program ended before it said {name}")
    return values


def until(what: str, attempt, seconds: float = 30):
    """Asks until there is an answer, for a bounded time."""
    end = time.monotonic() + seconds
    while True:
        found = attempt()
        if found:
            return found
        if time.monotonic() > end:
            raise SystemExit(f"steering: {what}: it never came to that")
        time.sleep(0.05)


class Port:
    def __init__(self, port: int):
        self.port = port

    def cli(self, *words: str, password: str | None = OPERATOR, flags: tuple[str, ...] = ("-2",), lines: str | None = None) -> str:
        who = ["-a", password, "--no-auth-warning"] if password else []
        command = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *who, *flags, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, **({"input": lines} if lines else {"stdin": subprocess.DEVNULL})
        )
        # With -3 it says HELLO by itself, which is refused before AUTH: that is on its error stream.
        return (done.stdout or done.stderr).strip()

    def both(self, wanted: str, *words: str, password: str | None = OPERATOR) -> None:
        """The whole of the answer in both versions."""
        global checked
        for version in ("-2", "-3"):
            answer = self.cli(*words, password=password, flags=(version,))
            if not re.fullmatch(wanted, answer, re.DOTALL):
                raise SystemExit(f"steering: {version} {' '.join(words)}: not {wanted!r} but: {answer}")
            checked += 1

    def data(self, *words: str, password: str = OPERATOR):
        """The answer as data, which version 3 gives; the plain one must have the same words in the same order."""
        global checked
        answer = self.cli(*words, password=password, flags=("-3", "--json"))
        try:
            data = json.loads(answer)
        except ValueError:
            raise SystemExit(f"steering: {' '.join(words)}: {answer}") from None
        checked += 1
        return data

    def plain_has(self, wanted: str, *words: str) -> None:
        """A line of the plain answer in version 2."""
        global checked
        answer = self.cli(*words)
        if not re.search(wanted, answer, re.MULTILINE) or re.match("ERR|NOPERM|NOAUTH", answer):
            raise SystemExit(f"steering: {' '.join(words)}: no line is {wanted!r} in: {answer}")
        checked += 1


def check(what: str, is_so: bool, seen=None) -> None:
    global checked
    if not is_so:
        raise SystemExit(f"steering: {what}: {seen}")
    checked += 1


class Api:
    def __init__(self, base: str, key: str):
        self.base, self.key = base, key

    def ask(self, method: str, path: str, body=None, kind: str = "application/json"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.key}", "Prefer": "respond-async", "Content-Type": kind}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def message(self, mobile: str) -> str:
        body = {"recipient": {"mobile": mobile}, "strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}}
        return self.ask("POST", "/v1/messages", body)["id"]

    def broadcast(self, rows: int) -> str:
        made = self.ask("POST", "/v1/broadcasts", {"strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}})
        lines = "key,mobile\n" + "".join(f"{row},+3247012{row:04}\n" for row in range(rows))
        self.ask("PUT", f"/v1/broadcasts/{made['id']}/recipients", lines, "text/csv")
        self.ask("POST", f"/v1/broadcasts/{made['id']}/start", {})
        return made["id"]


def config(folder: str, admin: int, smsc: str, more: str = "", window: int = 64) -> str:
    host_port = smsc
    text = f"""
[http]
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:{admin}"
password = "{OPERATOR}"
viewer_password = "{VIEWER}"
[data]
folder = "{folder}/data"
[backup]
folder = "{folder}/backups"
[sandbox]
simulated = true
[delivery.sms]
window = {window}
[[channels.sms.providers]]
name = "gate"
provider = "smpp"
address = "{host_port}"
system_id = "estafette"
password = "sandbox"
{more}
[[institution]]
cbe = "{INSTITUTION}"
name = "An institution"
"""
    path = f"{folder}/estafette.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def who_may(port: Port) -> None:
    port.both("NOAUTH .*", "PING", password=None)
    port.both("OK", "AUTH", OPERATOR, password=None)
    port.both("OK", "AUTH", "viewer", VIEWER, password=None)
    port.both("WRONGPASS the password is not right", "AUTH", "wrong", password=None)
    port.both("WRONGPASS the password is not right", "AUTH", "viewer", OPERATOR, password=None)
    port.both("NOAUTH .*", "HELLO", "3", password=None)
    port.both(r"(?s).*server.estafette.*proto.3.*", "HELLO", "3", "AUTH", "operator", OPERATOR, password=None)
    port.both("WRONGPASS .*", "HELLO", "3", "AUTH", "operator", "wrong", password=None)
    port.both("NOPROTO .*", "HELLO", "4")
    port.both("PONG", "PING", password=VIEWER)
    for words in (("CHANNEL", "sms", "PAUSE"), ("CONFIG", "RELOAD"), ("BACKUP", "no"), ("RETRY", UNREACHED), ("SHUTDOWN",)):
        port.both("NOPERM .*", *words, password=VIEWER)
    check("a viewer sees the channels", port.data("CHANNELS", password=VIEWER)[0]["channel"] == "sms")


def channels(port: Port, api: Api) -> None:
    until("the bind", lambda: port.data("CHANNELS")[0]["providers"][0]["binds"] == {"bound": 1, "wanted": 1})
    gate = port.data("CHANNEL", "sms")["providers"][0]
    check("the provider is shown", (gate["name"], gate["state"], gate["share"]) == ("gate", "up", 16), gate)
    port.plain_has("^sms_provider_gate:provider=smpp,state=up,weight=1,share=16/16,binds=1/1", "INFO", "channels")
    port.both("OK", "CHANNEL", "sms", "PAUSE")
    check("it is paused", port.data("CHANNEL", "sms")["state"] == "paused")
    held = api.message("+32470120001")
    until("it waits for the channel", lambda: port.data("WHY", held).get("reason") == "paused")
    port.plain_has("^paused$", "WHY", held)
    until("the queue", lambda: [row["messages"] for row in port.data("QUEUES")] == [1])
    until("what binds", lambda: [(row["where"], row["limit"]) for row in port.data("BOTTLENECK")] == [("sms", "paused")])
    port.plain_has("^paused$", "BOTTLENECK")
    port.both("OK", "CHANNEL", "sms", "RESUME")
    until("it goes", lambda: port.data("STATUS", held)["status"] == "delivered")
    check("over whom", port.data("STATUS", held)["attempts"][0]["provider"] == "gate")
    port.both("OK", "CHANNEL", "sms", "RATE", "5000")
    check("the rate holds", port.data("CHANNEL", "sms")["rate"] == 5000)
    port.both("ERR a rate is a whole number.*", "CHANNEL", "sms", "RATE", "0")
    port.both("ERR no such channel.*", "CHANNEL", "fax", "PAUSE")
    drained = port.data("CHANNEL", "sms", "DRAIN")
    check("drained", drained == {"channel": "sms", "drained": True, "under_way": 0}, drained)
    port.plain_has("^drained$", "CHANNEL", "sms", "DRAIN")
    check("drained is paused", port.data("CHANNEL", "sms")["state"] == "paused")
    port.both("OK", "CHANNEL", "sms", "RESUME")
    latency = {row["what"]: row["count"] for row in port.data("LATENCY", "sms")}
    check("latencies were counted", latency["channel"] >= 1 and latency["end_to_end"] >= 1, latency)
    check("of all", {row["what"] for row in port.data("LATENCY")} == {"accept", "commit", "channel", "end_to_end"})
    port.plain_has("^p999_us$", "LATENCY")
    until("nothing binds", lambda: port.data("BOTTLENECK") == [])


def messages(port: Port, api: Api) -> None:
    # Reserved: the SMSC refuses it for good.
    dead = api.message("+32460000201")
    until("it fails", lambda: port.data("STATUS", dead)["status"] == "failed")
    until("it is dead", lambda: dead in [row["id"] for row in port.data("DEAD")["messages"]])
    check("at its channel", dead in [row["id"] for row in port.data("DEAD", "sms")["messages"]])
    port.plain_has(f"^{dead}$", "DEAD")
    port.both("ERR .*", "DEAD", "fax")
    again = port.cli("RETRY", dead)
    check("a new message", re.fullmatch(r"[0-9a-f-]{36}", again) and again != dead, again)
    check("names the old one", port.data("STATUS", again)["retry_of"] == dead)
    again = port.cli("RETRY", dead, flags=("-3",))
    check("in version 3 too", re.fullmatch(r"[0-9a-f-]{36}", again), again)
    done = api.message("+32470120002")
    until("it is delivered", lambda: port.data("STATUS", done)["status"] == "delivered")
    port.both("ERR .*(sent|delivered|failed|expired|cancelled).*", "RETRY", done)
    port.both("ERR .*", "RETRY", UNREACHED)
    port.both("OK", "CHANNEL", "sms", "PAUSE")
    for version in ("-2", "-3"):
        waiting = api.message("+32470120003")
        answer = port.cli("CANCEL", waiting, flags=(version,))
        check("it is cancelled", answer == "cancelled", answer)
        check("and stays so", port.data("STATUS", waiting)["status"] == "cancelled")
    port.both("OK", "CHANNEL", "sms", "RESUME")
    port.both("ERR .*", "CANCEL", UNREACHED)
    port.both("ERR .*", "CANCEL", "no-id")
    check("settled is settled", port.data("WHY", done)["status"] == "delivered", port.data("WHY", done))
    check("its trail", port.data("TRAIL", done)[0]["what"] == "accepted")


def broadcasts(port: Port, api: Api) -> None:
    port.both("OK", "CHANNEL", "sms", "RATE", "20")
    sent = api.broadcast(2_000)
    until("it is known", lambda: sent in [row["id"] for row in port.data("BROADCASTS")["broadcasts"]])
    port.both("OK", "BROADCAST", sent, "PAUSE")
    check("it is paused", port.data("BROADCAST", sent)["phase"] == "paused")
    port.both("OK", "BROADCAST", sent, "RESUME")
    check("it goes on", port.data("BROADCAST", sent)["phase"] == "started")
    port.both("ERR use it as BROADCAST .*", "BROADCAST", sent, "STOP")
    answer = port.cli("BROADCAST", sent, "CANCEL")
    check("it is cancelled", answer == "OK", answer)
    until("most of it is", lambda: port.data("BROADCAST", sent)["by_status"].get("cancelled", 0) > 1_000)
    other = api.broadcast(2_000)
    answer = until("another", lambda: port.cli("BROADCAST", other, "CANCEL", flags=("-3",)))
    check("in version 3 too", answer == "OK", answer)
    port.both("ERR .*", "BROADCAST", "no-id", "PAUSE")
    port.both("OK", "CHANNEL", "sms", "RATE", "5000")


def monitor(port: Port, api: Api) -> None:
    for version in ("-2", "-3"):
        command = ["redis-cli", "-p", str(port.port), "-a", OPERATOR, "--no-auth-warning", version, "MONITOR"]
        watching = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        started.append(watching)
        check("monitoring", watching.stdout.readline().strip() == "OK")
        sent = api.message("+32470120004")
        signal.alarm(30)
        seen = []
        while not any(f"message {sent} moved" in line for line in seen):
            seen.append(watching.stdout.readline())
        signal.alarm(0)
        watching.kill()
        watching.wait()
        check("all of it", any(f"message {sent} accepted" in line for line in seen), seen)
        check("no number", not any("32470120004" in line for line in seen))


def configuration(port: Port, folder: str, smsc: str, simulated: list[str]) -> None:
    shown = port.data("CONFIG", "GET")
    check("the keys", shown["delivery.sms.window"] == 64 and shown["admin.password"] == "(secret)", shown)
    check("a pattern", set(port.data("CONFIG", "GET", "delivery.sms.win*")) == {"delivery.sms.window"})
    port.plain_has("^delivery.sms.window$", "CONFIG", "GET", "*.window")
    check("no password is shown", not {OPERATOR, VIEWER} & set(map(str, shown.values())))
    began = time.monotonic()
    check("stars hang nobody", port.data("CONFIG", "GET", "*a" * 40 + "*zz") == {} and time.monotonic() - began < 5)
    port.both("ERR give at most .*", "CONFIG", "GET", "*" * 101)
    check("nothing changed", port.data("CONFIG", "RELOAD") == {"changed": [], "in_force": 0, "after_a_restart": 0})
    admin = port.port
    second = f"""[[channels.sms.providers]]
name = "web"
provider = "ringring"
base_url = "{simulated[0]}"
api_key = "sandbox-ringring-key"
[journal]
cache_mib = 32
"""
    config(folder, admin, smsc, second, window=65)
    changed = port.data("CONFIG", "RELOAD")
    when = {one["key"]: one["applies"] for one in changed["changed"]}
    check("the window", when["delivery.sms.window"] == "now", when)
    check("a provider", when["channels.sms.providers.web.base_url"] == "now", when)
    check("the journal", when["journal.cache_mib"] == "restart", when)
    check("counted", changed["after_a_restart"] == 1, changed)
    names = [one["name"] for one in port.data("CHANNEL", "sms")["providers"]]
    check("both providers", names == ["gate", "web"], names)
    port.plain_has("^journal.cache_mib$", "CONFIG", "RELOAD")
    config(folder, admin, smsc, window=0)
    port.both("ERR .*delivery.sms.window.*", "CONFIG", "RELOAD")
    check("changes nothing", port.data("CHANNEL", "sms")["window"] == 65)
    port.both("ERR use it as CONFIG .*", "CONFIG", "SET", "a", "b")


def backup(port: Port, folder: str) -> None:
    made = port.data("BACKUP", "first")
    check("a backup", made["name"] == "first" and made["files"] > 0 and made["bytes"] > 0, made)
    check("is there", os.path.isdir(f"{folder}/backups/first"))
    port.both("ERR .*exists already.*", "BACKUP", "first")
    port.both("ERR .*", "BACKUP", "../elsewhere")
    port.plain_has("^position$", "BACKUP", "second")
    check("the journal", port.data("JOURNAL", "VERIFY")["wrong"] == 0)


def the_end(port: Port, serve: subprocess.Popen) -> None:
    port.both(r"ERR use it as SHUTDOWN \[NOW\]", "SHUTDOWN", "LATER")
    answer = port.cli("SHUTDOWN")
    check("it ends", answer == "OK", answer)
    check("well", serve.wait(timeout=60) == 0, serve.returncode)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        simulate = start("simulate", "--address", "127.0.0.1:0", "--smsc", "127.0.0.1:0")
        ringring, smsc = told(simulate, "SMS", "SMPP")
        path = config(folder, free_port(), smsc)
        made = subprocess.run(
            [PROGRAM, "key", "new", "--institution", INSTITUTION, "--name", "interop", "--data", f"{folder}/data"],
            capture_output=True, text=True, timeout=60, check=True, env=CLEAN,
        )
        key = re.search(r"est_live_\S+", made.stdout).group()
        for turn in ("with -2", "with -3"):
            serve = start("serve", "--config", path)
            base, admin = told(serve, "API", "Admin")
            port, api = Port(int(admin.rsplit(":", 1)[1])), Api(base, key)
            if turn == "with -2":
                who_may(port)
                channels(port, api)
                messages(port, api)
                broadcasts(port, api)
                monitor(port, api)
                configuration(port, folder, smsc, [ringring])
                backup(port, folder)
                the_end(port, serve)
                path = config(folder, port.port, smsc)
            else:
                until("it answers", lambda: port.cli("PING") == "PONG")
                answer = port.cli("SHUTDOWN", "NOW", flags=("-3",))
                check("it ends now", answer == "OK", answer)
                check("well", serve.wait(timeout=60) == 0, serve.returncode)
    print(f"admin: {checked} checks of steering with redis-cli")


try:
    main()
finally:
    for process in reversed(started):
        if process.poll() is None:
            process.kill()
            process.wait()
