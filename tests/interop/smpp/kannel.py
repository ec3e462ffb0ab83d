"""Debian's `kannel` as a client of the simulated SMSC: submits over its own HTTP face, and tells us the receipt."""
import http.server
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

smsc, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
host, port = smsc.split(":")
reports = []


def free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Reports(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        reports.append(urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


ours = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reports)
threading.Thread(target=ours.serve_forever, daemon=True).start()
admin, box, send = free(), free(), free()
config = scratch / "kannel.conf"
config.write_text(f"""group = core
admin-port = {admin}
admin-password = pw
smsbox-port = {box}
box-allow-ip = 127.0.0.1
dlr-storage = internal
log-level = 1

group = smsc
smsc = smpp
smsc-id = sim
host = {host}
port = {port}
transceiver-mode = true
smsc-username = estafette
smsc-password = sandbox
system-type = ""
interface-version = 34
msg-id-type = 0x00
max-pending-submits = 50

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
log-level = 1

group = sendsms-user
username = u
password = p
max-messages = 10
concatenation = true

group = sms-service
keyword = default
text = ""
max-messages = 0
""")
log = open(scratch / "kannel.log", "w")
boxes = [subprocess.Popen(["bearerbox", str(config)], stdout=log, stderr=log)]
try:
    time.sleep(2)
    boxes.append(subprocess.Popen(["smsbox", str(config)], stdout=log, stderr=log))
    time.sleep(2)
    texts = ["Bonjour", "Une longue histoire. " * 20]
    for number, text in enumerate(texts):
        report = f"http://127.0.0.1:{ours.server_port}/?number={number}&type=%d&reply=%A"
        query = urllib.parse.urlencode({"username": "u", "password": "p", "to": "+32470123456", "from": "ONSS", "text": text,
                                        "dlr-mask": 31, "dlr-url": report})
        for _ in range(20):
            try:
                answer = urllib.request.urlopen(f"http://127.0.0.1:{send}/cgi-bin/sendsms?{query}", timeout=10).read()
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise SystemExit("kannel does not take messages; see kannel.log")
        assert b"Accepted" in answer or b"Queued" in answer, answer
    end = time.monotonic() + 30
    delivered = lambda: {report["number"][0] for report in reports if report["type"] == ["1"]}
    while len(delivered()) < len(texts):
        assert time.monotonic() < end, f"kannel did not tell of each delivery: {reports}"
        time.sleep(0.2)
finally:
    for running in reversed(boxes):
        running.terminate()
    for running in boxes:
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
print(f"kannel as client of our SMSC: {len(texts)} messages sent, each reported as delivered")
