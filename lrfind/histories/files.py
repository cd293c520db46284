"""Tables of learning rates and losses in CSV and JSON files; nothing in them is executed."""

from __future__ import annotations

import csv
import json
from os import PathLike
from typing import Any

from lrfind.support.reading import read_text, refused

LARGEST = 10_000_000
"""Bytes of the largest file that is read; a range test of 300 steps takes 15,000."""

DELIMITERS = ",;\t"


def read_table(path: str | PathLike[str]) -> dict[str, Any]:
    """The columns, by name, of a CSV file with a header, or of a JSON file.

    A JSON file holds a dictionary of columns, or a list of rows.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is no regular file, too large, or holds no table.
    """
    text = read_text(path, LARGEST)
    try:
        if text.lstrip()[:1] in ("{", "["):
            return _from_json(json.loads(text))
        return _from_csv(text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise refused(path, error, "holds no table in JSON or CSV: ") from error


def _from_json(document: Any) -> dict[str, Any]:
    if isinstance(document, dict):
        return document
    if not all(isinstance(row, dict) for row in document):
        raise ValueError("neither a dictionary of columns nor a list of rows")
    names = dict.fromkeys(name for row in document for name in row)
    return {name: [row.get(name) for row in document] for name in names}


def _from_csv(text: str) -> dict[str, Any]:
    header = text.partition("\n")[0]
    rows = csv.DictReader(
        text.splitlines(), delimiter=max(DELIMITERS, key=header.count), restval=""
    )
    table: dict[str, Any] = {name: [] for name in rows.fieldnames or ()}
    for row in rows:
        for name, column in table.items():
            column.append(row[name])
    return table
