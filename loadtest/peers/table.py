"""Gathers measurements as lines of JSON, and makes a table and a drawing of their medians.

Each line has `row`, `round`, `side`, `count`, `seconds` and `per_second`. A ratio is made of the two sides of one round; the
median of the rounds is given with the smallest and the largest.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import sys
from html import escape

BEGIN, END = "<!-- peers: written by loadtest/peers/run -->", "<!-- peers: end -->"
RAW, OWN, SYNCED, UNSYNCED = "raw", "own", "yes", "no"

# Of each row: its title, what Estafette must do a second at least, and its sides in their order. Of each side: its name in
# the measurements, what the table says of it, whether it syncs before it acknowledges (empty: it keeps nothing), which
# side of Estafette stands beside it, and how many times that must be it.
ESTAFETTE = "**Estafette**"
ROWS = {
    "accept": ("single HTTP submissions, 64 connections, channels paused", None, [
        ("estafette", ESTAFETTE, SYNCED, None, None),
        ("raw", "bare path: actix-web, one redb insert each, group commit", SYNCED, "estafette", 0.85),
        ("postgresql", "PostgreSQL, single-row inserts, 32 clients", SYNCED, "estafette", 2),
        ("redis", "Redis, XADD, 64 connections, appendfsync always", SYNCED, "estafette", None),
        ("nats", "NATS JetStream, 64 in flight, file storage", "no: within two minutes", "estafette", None),
    ]),
    "rows-ndjson": ("broadcast rows with two variables, NDJSON over HTTP", 1_000_000, [
        ("estafette", ESTAFETTE, SYNCED, None, None),
        ("raw", "parsing the same lines alone, one core", "", "estafette", 0.5),
        ("postgresql", "PostgreSQL, 1000 rows an insert, 4 clients", SYNCED, "estafette", 3),
    ]),
    "rows-csv": ("the same rows, CSV over HTTP", 1_000_000, [
        ("estafette", ESTAFETTE, SYNCED, None, None),
        ("raw", "parsing the same lines alone, one core", "", "estafette", 0.5),
        ("postgresql", "PostgreSQL, 1000 rows an insert, 4 clients", SYNCED, "estafette", 3),
        ("postgresql, copy", "PostgreSQL, one COPY of all", "once, at the end", "estafette", None),
    ]),
    "single-smpp": ("single HTTP submissions through to SMPP, no receipts", None, [
        ("estafette", ESTAFETTE, SYNCED, None, None),
        ("raw", "bare loop on the same SMSC, window 100", "", "estafette", None),
        ("kannel", "Kannel, file store", "no", "estafette", 2.5),
    ]),
    "single-receipts": ("single HTTP submissions through to SMPP, with receipts", None, [
        ("estafette, receipts settled", f"{ESTAFETTE}, each receipt settled", SYNCED, None, None),
        ("estafette, sender called", f"{ESTAFETTE}, and the sender called for each", SYNCED, None, None),
        ("raw", "bare loop on the same SMSC, window 100", "", "estafette, receipts settled", None),
        ("kannel", "Kannel, file store, the sender called for each", "no; expected receipts in memory", "estafette, sender called", 6),
    ]),
    "broadcast-smpp": ("a broadcast through to SMPP, from the first byte of its upload, with receipts", 40_000, [
        ("estafette", f"{ESTAFETTE}, to the last receipt settled", SYNCED, None, None),
        ("estafette, handed over", f"{ESTAFETTE}, to the last hand-over", SYNCED, None, None),
        ("raw", "bare loop on the same SMSC, window 100", "", "estafette", None),
    ]),
    "broadcast-govapp": ("a broadcast through to GovApp over HTTP, reachability cached, one callback each", 10_000, [
        ("estafette", f"{ESTAFETTE}, to the last callback settled", SYNCED, None, None),
        ("estafette, handed over", f"{ESTAFETTE}, to the last hand-over", SYNCED, None, None),
        ("raw", "bare loop on the same GovApp, 64 connections", "", "estafette", None),
        ("estafette, one call to many", f"{ESTAFETTE}, one call to many, to the last callback settled", SYNCED, None, None),
        ("estafette, one call to many, handed over", f"{ESTAFETTE}, one call to many, to the last hand-over", SYNCED, None, None),
        ("raw, one call to many", "bare loop on the same GovApp, 250 receivers a call", "", "estafette, one call to many", None),
    ]),
    "register-consult": ("consultations of one NISS in the register over HTTP, 64 connections, each with its line in the audit trail", None, [
        ("estafette", ESTAFETTE, "the trail, within 100 ms", None, None),
        ("raw", "bare path: actix-web, the same answer to all", "", "estafette", 0.7),
    ]),
    "register-inscribe": ("single inscriptions in the register over HTTP, 64 connections, NISSs in random order", None, [
        ("estafette", f"{ESTAFETTE}, the person looked up, with count and audit trail", SYNCED, None, None),
        ("raw", "bare path: actix-web, one redb insert each, group commit", SYNCED, "estafette", None),
        ("postgresql", "PostgreSQL, single-row inserts into a table of as many rows, 32 clients", SYNCED, "estafette", 1),
    ]),
    "mailbox-publish": ("publications of 50 KB into the e-Box over HTTP, 64 connections", None, [
        ("estafette", f"{ESTAFETTE}, checked, with metadata, event and audit trail", SYNCED, None, None),
        ("raw", "bare path: the same bytes streamed from a socket into a file of their own", SYNCED, "estafette", 0.5),
    ]),
}
KINDS = {"raw": RAW, "estafette": OWN}


def fail(what):
    sys.exit(f"peers: {what}")


def sample(side, count, seconds, per_second=None):
    if count <= 0 or seconds <= 0:
        fail(f"{side}: nothing was measured")
    print(json.dumps({"side": side, "count": count, "seconds": seconds, "per_second": per_second or count / seconds}))


def note(given):
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    if not lines:
        fail(f"{given.row}: no measurement came")
    with open(given.samples, "a") as out:
        for line in lines:
            known = [side[0] for side in ROWS[given.row][2]]
            if line["side"] not in known:
                fail(f"{given.row}: there is no side {line['side']}")
            out.write(json.dumps({"row": given.row, "round": given.round, **line}) + "\n")
            print(f"peers:   {line['side']}: {line['per_second']:,.0f} a second", file=sys.stderr)


def pgbench(given):
    """Reads what pgbench told."""
    told = sys.stdin.read()
    failed = re.search(r"number of failed transactions: (\d+)", told)
    done = re.search(r"number of transactions actually processed: (\d+)", told)
    tps = re.search(r"tps = ([\d.]+) \(without", told)
    if not (done and tps) or (failed and failed[1] != "0"):
        fail(f"pgbench told something else:\n{told}")
    each = float(tps[1]) * given.rows
    count = int(done[1]) * given.rows
    sample("postgresql", count, count / each if each else 0, each)


def redis(given):
    """Reads what redis-benchmark told: the seven figures at the end of its last line; what was asked may have commas."""
    lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
    figures = lines[-1].rsplit(",", 7)[1:] if lines else []
    if len(figures) != 7:
        fail("redis-benchmark told something else:\n" + "\n".join(lines))
    rate = float(figures[0].strip('"'))
    if given.seconds:
        print(max(1000, int(rate * given.seconds)))
    else:
        sample("redis", given.count, given.count / rate, rate)


class Figures:
    """The rounds of one figure."""

    def __init__(self, rounds):
        self.rounds = rounds
        # Of an even number the lower one, so that it is a round that happened.
        self.median, self.low, self.high = statistics.median_low(rounds), min(rounds), max(rounds)

    def shown(self, form):
        if len(self.rounds) == 1:
            return form(self.median)
        return f"{form(self.median)} ({form(self.low)} to {form(self.high)})"


def whole(figure):
    return f"{figure:,.0f}"


def times(figure):
    return f"{figure:.2f}" if figure < 10 else f"{figure:.0f}"


def gather(samples):
    """Row -> side -> round -> figure, of rows in the order of the table."""
    found = {}
    for line in pathlib.Path(samples).read_text().splitlines():
        one = json.loads(line)
        found.setdefault(one["row"], {}).setdefault(one["side"], {})[one["round"]] = one["per_second"]
    return {row: found[row] for row in ROWS if row in found}


def verdict(is_met):
    return "met" if is_met else "**missed**"


def table(found):
    lines = ["| path | | syncs before it acknowledges | a second | Estafette is … times it | at least |", "|---|---|---|---|---|---|"]
    for row, sides in found.items():
        title, least, known = ROWS[row]
        for place, (side, label, syncs, beside, target) in enumerate(known):
            if side not in sides:
                continue
            rate = Figures(list(sides[side].values()))
            ratio, aim = "", ""
            if place == 0 and least:
                aim = f"{least:,} a second: {verdict(rate.median >= least)}"
            own = sides.get(beside, {})
            both = [own[turn] / figure for turn, figure in sides[side].items() if turn in own]
            if both:
                ratio = Figures(both)
                aim = f"{target:g}: {verdict(ratio.median >= target)}" if target else ""
                ratio = ratio.shown(times)
            lines.append(f"| {title if place == 0 else ''} | {label} | {syncs or 'keeps nothing'} | {rate.shown(whole)} | {ratio} | {aim} |")
    return "\n".join(lines)


def drawing(found):
    """A group of bars for each row, each group with a scale of its own; a raw limit far beyond all others is cut off."""
    width, left, right, bar, gap = 960, 370, 110, 16, 6
    room, y, parts = width - left - right, 64, []
    fills = {RAW: "#b8bcc4", OWN: "#1f5fbf"}
    for row, sides in found.items():
        title, _, known = ROWS[row]
        shown = [side for side in known if side[0] in sides]
        most = max(max(sides[side[0]].values()) for side in shown)
        others = max(max(sides[side[0]].values()) for side in shown if side[0].split(",")[0] != "raw")
        most = min(most, 2 * others)
        parts.append(f'<text x="16" y="{y}" class="title">{escape(title)}</text>')
        y += 10
        for side, label, syncs, *_ in shown:
            rate = Figures(list(sides[side].values()))
            kind = KINDS.get(side.split(",")[0], "peer")
            fill = fills.get(kind, "#d98e2b")
            x, low, high = (left + room * min(1, figure / most) for figure in (rate.median, rate.low, rate.high))
            label = label.replace("*", "")
            middle = y + bar / 2
            # What is acknowledged before it is synced is drawn hollow.
            hollow = syncs.startswith(UNSYNCED)
            paint = f'fill="#ffffff" stroke="{fill}" stroke-width="2" stroke-dasharray="4 2"' if hollow else f'fill="{fill}"'
            parts.append(f'<text x="{left - 8}" y="{middle + 4}" class="label">{escape(label)}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{max(x - left, 1):.1f}" height="{bar}" {paint}/>')
            if rate.median > most:
                for cut in (30, 22):
                    parts.append(f'<path d="M{left + room - cut} {y - 2}l-8 {bar + 4}" stroke="#ffffff" stroke-width="4"/>')
            else:
                parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8" class="range"/>')
            parts.append(f'<text x="{max(x, high) + 8:.1f}" y="{middle + 4}" class="figure">{whole(rate.median)}</text>')
            y += bar + gap
        y += 26
    legend = [("#1f5fbf", "Estafette", False), ("#b8bcc4", "raw limit", False), ("#d98e2b", "peer", False),
              ("#d98e2b", "peer that acknowledges before it syncs", True)]
    x, head = 16, ['<text x="16" y="22" class="title">A second: median of the rounds, and from the smallest to the largest. Each group has its own scale; // is cut off</text>']
    for colour, name, hollow in legend:
        paint = f'fill="#ffffff" stroke="{colour}" stroke-width="2" stroke-dasharray="4 2"' if hollow else f'fill="{colour}"'
        head.append(f'<rect x="{x}" y="31" width="12" height="12" {paint}/><text x="{x + 18}" y="41" class="figure">{name}</text>')
        x += 34 + 7 * len(name)
    style = ("text{font:12px sans-serif;fill:#1b1f24}.title{font-weight:bold}.label{text-anchor:end}"
             ".range{stroke:#1b1f24;stroke-width:1;fill:none}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" '
            f'aria-label="Estafette beside raw limits and peers"><style>{style}</style><rect width="100%" height="100%" fill="#ffffff"/>'
            + "".join(head + parts) + "</svg>\n")


def write(given):
    found = gather(given.samples)
    if not found:
        fail("no measurement was made")
    rounds = max(len(turns) for sides in found.values() for turns in sides.values())
    today = datetime.date.today().isoformat()
    told = (f"Measured {today}: {os.cpu_count()} cores, {given.disk}, {given.profile} build, {rounds} rounds, {given.seconds} s a timed measurement. "
            f"Median (smallest to largest).")
    peers = f" Peers from Debian: {', '.join(given.versions)}." if given.versions else ""
    text = f"{told}{peers}\n\n{table(found)}\n"
    pathlib.Path(given.table).write_text(text)
    pathlib.Path(given.drawing).write_text(drawing(found))
    if given.docs:
        if missing := [row for row in ROWS if row not in found]:
            fail(f"--docs wants every row; not measured: {', '.join(missing)}")
        page = given.docs / "benchmarks.md"
        before, begin, rest = page.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            fail(f"{page} does not have the lines {BEGIN} and {END}")
        page.write_text(f"{before}{BEGIN}\n{text}\n![Estafette beside raw limits and peers](peers.svg)\n{END}{after}")
        (given.docs / "peers.svg").write_text(drawing(found))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    one = commands.add_parser("note", help="adds lines of standard input to the measurements")
    one.add_argument("--row", choices=ROWS, required=True)
    one.add_argument("--round", type=int, required=True)
    one.add_argument("--samples", required=True)
    one = commands.add_parser("pgbench", help="makes a measurement of what pgbench told")
    one.add_argument("--rows", type=int, required=True, help="rows of a transaction")
    one = commands.add_parser("redis", help="makes a measurement of what redis-benchmark told, or says how many requests take --seconds")
    one.add_argument("--count", type=int)
    one.add_argument("--seconds", type=int)
    one = commands.add_parser("sample", help="makes a measurement of two times")
    one.add_argument("--side", required=True)
    one.add_argument("--count", type=int, required=True)
    one.add_argument("--from", dest="begun", type=float, required=True)
    one.add_argument("--to", dest="ended", type=float, required=True)
    one = commands.add_parser("write", help="makes the table and the drawing")
    one.add_argument("--samples", required=True)
    one.add_argument("--table", required=True)
    one.add_argument("--drawing", required=True)
    one.add_argument("--docs", type=pathlib.Path)
    one.add_argument("--profile", required=True)
    one.add_argument("--disk", required=True)
    one.add_argument("--seconds", required=True)
    one.add_argument("versions", nargs="*")
    given = arguments.parse_args()
    if given.command == "sample":
        sample(given.side, given.count, given.ended - given.begun)
    else:
        {"note": note, "pgbench": pgbench, "redis": redis, "write": write}[given.command](given)


main()
