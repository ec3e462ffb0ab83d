"""Writes files with the programs of others, each named for what it is, and in `wrong` some that are named for something else."""
import io
import pathlib
import shutil
import sys
import zipfile

import docx
import openpyxl
import xlwt
from fpdf import FPDF
from odf import draw, opendocument, style, table, text

FOLDER = pathlib.Path(sys.argv[1])
WRONG = FOLDER / "wrong"


class Pipe(io.RawIOBase):
    """What can't be gone back in, so that sizes follow each file."""

    def __init__(self):
        self.raw = b""

    def writable(self):
        return True

    def write(self, piece):
        self.raw += bytes(piece)
        return len(piece)


def office():
    document = docx.Document()
    document.add_heading("Pension", 0)
    for number in range(200):
        document.add_paragraph(f"Ligne {number}: été à Liège")
    document.save(FOLDER / "letter.docx")
    book = openpyxl.Workbook()
    for row in range(2_000):
        book.active.append([row, "Maes", 12.5])
    book.save(FOLDER / "list.xlsx")
    empty = openpyxl.Workbook(write_only=True)
    empty.create_sheet().append([0] * 10_000)
    empty.save(FOLDER / "wide.xlsx")
    old = xlwt.Workbook()
    sheet = old.add_sheet("a")
    for row in range(2_000):
        sheet.write(row, 0, "Maes" * 20)
    old.save(FOLDER / "old.xls")


def open_documents():
    letter = opendocument.OpenDocumentText()
    letter.text.addElement(text.P(text="Uw pensioen"))
    letter.save(FOLDER / "letter.odt")
    sheet = opendocument.OpenDocumentSpreadsheet()
    sheet.spreadsheet.addElement(table.Table(name="a"))
    sheet.save(FOLDER / "list.ods")
    slides = opendocument.OpenDocumentPresentation()
    layout = style.PageLayout(name="L")
    slides.automaticstyles.addElement(layout)
    master = style.MasterPage(name="M", pagelayoutname=layout)
    slides.masterstyles.addElement(master)
    slides.presentation.addElement(draw.Page(masterpagename=master))
    slides.save(FOLDER / "slides.odp")
    drawing = opendocument.OpenDocumentDrawing()
    drawing.save(FOLDER / "drawing.odg")


def others():
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica")
    pdf.cell(text="Pension")
    pdf.output(FOLDER / "letter.pdf")
    with zipfile.ZipFile(FOLDER / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FOLDER.glob("*.*")):
            if path.suffix != ".zip":
                archive.write(path, f"folder/{path.name}")
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hello " * 1_000)
        with archive.open("large.txt", "w", force_zip64=True) as large:
            large.write(b"hello " * 1_000)
    (FOLDER / "streamed.zip").write_bytes(pipe.raw)
    (FOLDER / "list.csv").write_bytes("nom;prénom\r\nMaes;Zoë\r\n".encode("cp1252"))
    (FOLDER / "page.html").write_text("<!DOCTYPE html>\n<html><body>été</body></html>")
    (FOLDER / "data.xml").write_text('<?xml version="1.0" encoding="UTF-8"?>\n<pension/>')
    (FOLDER / "note.txt").write_bytes("\ufeffBonjour à tous".encode())


def zipped(name, method=zipfile.ZIP_DEFLATED, **files):
    with zipfile.ZipFile(WRONG / name, "w", method) as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)


def wrong():
    for source, name in [
        ("letter.docx", "a.xlsx"), ("list.xlsx", "a.docx"), ("letter.odt", "a.ods"), ("old.xls", "a.doc"),
        ("letter.docx", "a.odt"), ("letter.odt", "a.docx"), ("letter.pdf", "a.txt"), ("page.html", "a.csv"),
        ("all.zip", "a.pdf"), ("list.csv", "a.html"), ("old.xls", "b.zip"),
    ]:
        shutil.copy(FOLDER / source, WRONG / name)
    (WRONG / "wide.txt").write_bytes("Bonjour".encode("utf-16"))
    zipped("bomb.zip", zeros=bytes(100 << 20))
    zipped("bzip2.zip", zipfile.ZIP_BZIP2, a="x" * 1_000)
    zipped("climbing.zip", **{"../../etc/cron.d/x": "x"})
    whole = (FOLDER / "all.zip").read_bytes()
    (WRONG / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (WRONG / "behind.zip").write_bytes(b"#!/bin/sh\n" + whole)


office()
open_documents()
others()
wrong()
