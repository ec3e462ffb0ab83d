"""What the peers are given: statements for pgbench, a CSV for COPY and a body for Redis, of the size that Estafette is given."""
import argparse
import json
import pathlib

NISS = 10_000_000_000
NAMES = ["Marie", "Luc", "Fatima", "Jan", "Sofie", "Ahmed", "Nathalie", "Pieter"]


def row(number):
    """As `estafette-loadtest broadcast` makes it: key, mobile, language and two variables."""
    mobile = f"+32{470_000_000 + number * 7_654_321 % 30_000_000}"
    return f"r{number:09}", mobile, "fr", NAMES[number % 8], f"{number % 28 + 1:02}/{number % 12 + 1:02}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--rows", type=int, required=True)
    arguments.add_argument("--register-persons", type=int, required=True)
    arguments.add_argument("--register-rows", type=int, required=True)
    given = arguments.parse_args()
    given.folder.mkdir(mode=0o755)
    body = json.dumps({
        "recipient": {"mobile": "+32470000000"},
        "strategy": "sms-only",
        "content": {"text": {
            "fr": "Votre rendez-vous est demain a 10 h. Repondez STOP pour ne plus rien recevoir.",
            "nl": "Uw afspraak is morgen om 10 u. Antwoord STOP om niets meer te ontvangen.",
        }},
        "sender_reference": "load-10000",
    }, separators=(",", ":"))
    # No index but the primary key, and text only: what costs PostgreSQL least.
    tables = """
drop table if exists message, recipient;
create table message (id bigserial primary key, mobile bigint not null, body text not null);
create table recipient (id bigserial primary key, key text, mobile text, language text, name text, day text);
"""
    single = f"\\set mobile random(32470000000, 32499999999)\ninsert into message (mobile, body) values (:mobile, '{body}');\n"
    thousand = ",\n".join("('%s', '%s', '%s', '%s', '%s')" % row(number) for number in range(1000))
    thousand = f"insert into recipient (key, mobile, language, name, day) values\n{thousand};\n"
    # A register: persons have rows of two types, and get some of a third. It is filled when it is empty.
    persons, rows = given.register_persons, given.register_rows
    dossiers = f"""
set client_min_messages = warning;
create table if not exists dossier (niss bigint, type smallint, begin date, "end" date, primary key (niss, type, begin));
insert into dossier select {NISS} + n * {persons} / {rows} * 7001, n % 2, date '1990-01-01' + (n % 7000)::int, null
    from generate_series(0, {rows - 1}::bigint) n where not exists (select from dossier);
vacuum analyze dossier;
checkpoint;
"""
    # Days up to the year 270,000: so no row is there already.
    inscribe = (f"\\set person random(0, {persons - 1})\n\\set day random(0, 100000000)\n"
                f"insert into dossier values ({NISS} + :person::bigint * 7001, 2, date '2000-01-01' + :day::int, null);\n")
    for name, text in [("dossiers.sql", dossiers), ("inscribe.sql", inscribe), ("body.json", body), ("tables.sql", tables), ("single.sql", single), ("thousand.sql", thousand)]:
        (given.folder / name).write_text(text)
    with open(given.folder / "rows.csv", "w") as out:
        out.write("key,mobile,language,name,day\n")
        for number in range(given.rows):
            out.write("%s,%s,%s,%s,%s\n" % row(number))


main()
