"""Starts the real program in a folder of its own, fills its register through its faces only, and runs a command against it.

    filled.py PROGRAM [--then TOML] -- COMMAND...

The command finds API and the keys KEY, OTHERS_KEY and STRANGER_KEY in its environment. The register has the persons of
persons.csv, three types, no rows, and two files of mutations that are not confirmed. A file is made when its day is over, so
the program's clock (and nothing else of it) is moved by Debian's libfaketime: the first night is that of the running program,
before the second one it is stopped, and started again at the machine's own time. TOML goes behind the configuration of one
more start at the end.
"""
import datetime
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
OWNER, OTHER, STRANGER = "0403019261", "0206731645", "0308357159"
# Seconds before midnight at which the first day is looked at, and how long its night may take.
BEFORE, NIGHT = 6, 60


def niss(nine):
    return f"{nine:09}{97 - nine % 97:02}"


# Of whom institutions are told: names with what XML has to escape, and numbers that come and go.
TOLD = [niss(500101001 + 2 * place) for place in range(6)]


class Program:
    """Never outlives this process: whatever ends that kills it."""

    def __init__(self, program, folder):
        self.program, self.folder, self.process, self.api = program, Path(folder), None, None
        self.config = self.folder / "estafette.toml"
        institutions = "".join(
            f'[[institution]]\ncbe = "{cbe}"\nname = "{cbe}"\noperator = {str(cbe == OWNER).lower()}\n' for cbe in (OWNER, OTHER)
        )
        self.config.write_text(
            f'[data]\nfolder = "{self.folder}/data"\n[http]\naddress = "127.0.0.1:0"\nrequests_per_second = 0\n'
            f'[admin]\naddress = "127.0.0.1:0"\n{institutions}'
        )
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ESTAFETTE")}
        self.keys = {cbe: self.key(cbe) for cbe in (OWNER, OTHER, STRANGER)}

    def key(self, cbe):
        command = [self.program, "key", "new", "--institution", cbe, "--name", "soap", "--output", "json", "--config", self.config]
        return json.loads(subprocess.run(command, env=self.environment, check=True, capture_output=True).stdout)["key"]

    def start(self, at=None):
        """At a time of its own, from which it goes on, or at the machine's."""
        environment = dict(self.environment)
        if at:
            library = (glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") or glob.glob("/usr/lib*/faketime/libfaketimeMT.so.1"))
            assert library, "libfaketime is missing: install Debian's faketime"
            utc = at.astimezone(datetime.timezone.utc)
            environment |= {
                "LD_PRELOAD": library[0], "FAKETIME": utc.strftime("@%Y-%m-%d %H:%M:%S"), "TZ": "UTC0",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        (self.folder / "out").write_text("")
        with open(self.folder / "out", "w") as out, open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", "--config", self.config], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=log
            )
        self.until("it is ready", self.is_ready, 60)

    def is_ready(self):
        assert self.process.poll() is None, f"it ended by itself:\n{(self.folder / 'log').read_text()[-4000:]}"
        lines = (self.folder / "out").read_text().splitlines()
        self.api = next((line.split()[1] for line in lines if line.startswith("API ")), None)
        if not self.api:
            return False
        try:
            return urllib.request.urlopen(self.api + "/readyz", timeout=5).status == 200
        except OSError:
            return False

    def until(self, what, is_so, seconds):
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0

    def ask(self, method, path, body=None, media="application/json"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        headers = {"Authorization": "Bearer " + self.keys[OWNER], "Legal-Context": "LAW:1990", "Content-Type": media}
        request = urllib.request.Request(f"{self.api}/v1/register/{path}", body and body.encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def lines(self, method, path, lines):
        told = self.ask(method, path, "".join(json.dumps(line) + "\n" for line in lines), "application/x-ndjson")
        assert (told["accepted"], told["refused"]) == (len(lines), 0), told

    def vouchers(self):
        return [one["sequence"] for one in self.ask("GET", "mutations")["vouchers"]]


def person(number, **more):
    return {"niss": number, "surname": "Van den Broeck", "given_names": "Zoë Éline", "birth_date": "1950-01-01", "sex": "female", **more}


def fill(program):
    brussels = ZoneInfo("Europe/Brussels")
    today = datetime.datetime.now(brussels).date()
    first = today - datetime.timedelta(days=2)
    midnight = datetime.datetime.combine(first + datetime.timedelta(days=1), datetime.time(), brussels)
    program.start(midnight - datetime.timedelta(seconds=BEFORE))
    program.ask("PUT", "persons", (HERE / "persons.csv").read_text(), "text/csv")
    program.lines("PUT", "persons", [person(number) for number in TOLD])
    names = {language: "A role" for language in ("fr", "nl", "de", "en")}
    for code, until, rights in [("OLD", "2009-12-31", []), ("PENSION", None, []), ("SHARED", None, [{"partner": OTHER, "consult": True}])]:
        program.ask("PUT", f"types/{code}", {"names": names, "valid_until": until, "rights": rights})
    program.ask("PUT", "subscriptions/DIMONA", {})
    program.lines("POST", "rows/import", [{"niss": number, "type": "PENSION", "begin": "2020-01-01"} for number in TOLD])
    event = {"niss": TOLD[0], "on": str(first), "kind": "DIMONA"}
    program.lines("POST", "events", [event, event | {"says": {"employer": OTHER, "text": "a \"b\" <c> & 'd' é]]>", "empty": ""}}])
    odd = {"surname": "D'Hoore & <Zoon>", "birth_date": "1950", "sex": None, "language": "fr", "deceased": str(first)}
    program.lines("PUT", "persons", [
        person(TOLD[1], replaced_by=TOLD[0]), person(TOLD[2], cancelled=True), person(TOLD[3], **odd), person(TOLD[4], given_names=None),
    ])
    assert program.vouchers() == [], "the day was not over"
    program.until("the file of the first day", lambda: program.vouchers() == [1], NIGHT)
    program.lines("PUT", "persons", [person(TOLD[1]), person(TOLD[2]), person(TOLD[4], language="de", surname="X" * 140)])
    program.lines("POST", "events", [event | {"says": {f"f{place}": "é" * 256 for place in range(32)}}])
    for number in TOLD:
        program.ask("POST", "removals", {"niss": number, "type": "PENSION"})
    assert program.ask("GET", "counts")["rows"] == 0
    program.stop()
    program.start()
    program.until("the file of the second day", lambda: program.vouchers() == [1, 2], NIGHT)


def main():
    program, *rest = sys.argv[1:]
    options, command = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        here = Program(program, folder)
        try:
            fill(here)
            if options:
                assert options[0] == "--then", options
                here.stop()
                here.config.write_text(here.config.read_text() + options[1])
                here.start()
            keys = {"KEY": here.keys[OWNER], "OTHERS_KEY": here.keys[OTHER], "STRANGER_KEY": here.keys[STRANGER]}
            status = subprocess.run(command, env=os.environ | keys | {"API": here.api}).returncode
            here.stop()
        finally:
            if here.process and here.process.poll() is None:
                here.process.kill()
                here.process.wait()
    sys.exit(status)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
