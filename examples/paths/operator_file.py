#!/usr/bin/env python3
"""Writes the operator's own statement of the period: one row per order, as his shop would export it.

    operator_file.py pathdata.csv > operator.csv

Worked out from the published file alone, so that reconciling it against Tributary compares two independent computations.
"""

import csv
import sys

import journeys


def main():
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["transaction_id", "amount", "currency", "status"])
    for path in journeys.read(sys.argv[1]):
        for number, minor in enumerate(path.values(), start=1):
            rows.writerow([f"path-{path.row_number}-{number}", journeys.decimal_text(minor), "KWD", "approved"])


if __name__ == "__main__":
    main()
