#!/usr/bin/env python3
"""Compares Tributary's credit per channel with the published one; exits 1 on any difference.

    compare.py --paths pathdata.csv --published published.json REPORT.json [REPORT.json ...]

A report is what `tributary report credits --model MODEL --format json` prints. Conversions under first and last touch must be
equal, under linear within 1e-9; money must be equal to the last minor unit, per channel and in total, wherever it stands:
in credits, commissions and ledger.
"""

import argparse
import csv
import json
import sys
from decimal import Decimal
from fractions import Fraction

import journeys

TOLERANCE = Fraction(1, 10**9)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--paths", required=True)
    arguments.add_argument("--published", required=True)
    arguments.add_argument("--payout", help="a payout file, whose amounts must sum to the imported total")
    arguments.add_argument("reports", nargs="*")
    options = arguments.parse_args()

    paths = journeys.read(options.paths)
    with open(options.published, encoding="utf-8") as file:
        published = json.load(file)
    imported = sum(path.minor for path in paths)
    faults = check_published(paths, published)
    for name in options.reports:
        with open(name, encoding="utf-8") as file:
            report = json.load(file)
        faults += compare(report, published, journeys.credits(paths, report["model"]), imported)
    if options.payout:
        faults += compare_payout(options.payout, imported)
    print(f"\nimported total {journeys.decimal_text(imported)} KWD in {sum(p.conversions for p in paths)} conversions "
          f"of {sum(p.conversions + p.others for p in paths)} people")
    for fault in faults:
        print(f"DIFFERENT: {fault}")
    print("all equal" if not faults else f"{len(faults)} differences")
    return 1 if faults else 0


def check_published(paths, published):
    """The file at hand is the one that the published numbers speak about."""
    conversions = sum(path.conversions for path in paths)
    people = sum(path.conversions + path.others for path in paths)
    if (conversions, people) == (published["conversions"], published["people"]):
        return []
    return [f"the paths file has {conversions} conversions of {people} people, published are "
            f"{published['conversions']} of {published['people']}"]


def compare(report, published, expected, imported):
    """Prints one model's table and returns what is different in it."""
    model = report["model"]
    exact = model != "linear"
    theirs = {row["partner"]: row for row in report["partners"]}
    reference = published["models"][model]
    faults = []
    print(f"\n{model} ({report['currency']})")
    print(f"  {'channel':<9}{'conversions':>22}{'published':>22}{'value':>14}{'expected':>14}")
    for channel in sorted(set(theirs) | set(reference)):
        row = theirs.get(channel, {"conversions": "0", "value": "0"})
        ours = Fraction(Decimal(row["conversions"]))
        wanted = Fraction(Decimal(repr(reference.get(channel, 0.0))))
        minor, expected_minor = journeys.minor_units(row["value"]), expected.get(channel, (0, 0))[1]
        print(f"  {channel:<9}{row['conversions']:>22}{reference.get(channel, 0.0):>22}"
              f"{row['value']:>14}{journeys.decimal_text(expected_minor):>14}")
        if (ours != wanted) if exact else (abs(ours - wanted) > TOLERANCE):
            faults.append(f"{model}, {channel}: {row['conversions']} conversions, published {reference.get(channel, 0.0)}")
        if minor != expected_minor:
            faults.append(f"{model}, {channel}: value {row['value']}, should be {journeys.decimal_text(expected_minor)}")
        if row.get("commission") is not None and journeys.minor_units(row["commission"]) != expected_minor:
            faults.append(f"{model}, {channel}: commission {row['commission']} at 100 % of {row['value']}")
    return faults + compare_totals(report, imported, published["conversions"])


def compare_payout(name, imported):
    """At 100 % of the value, what is paid out is what was imported."""
    with open(name, encoding="utf-8", newline="") as file:
        paid = sum(journeys.minor_units(row["amount"]) for row in csv.DictReader(file))
    print(f"payout file total {journeys.decimal_text(paid)} KWD")
    if paid == imported:
        return []
    return [f"the payout file sums to {journeys.decimal_text(paid)}, imported {journeys.decimal_text(imported)}"]


def compare_totals(report, imported, conversions):
    """Every total that the report states must be the imported one, and must be the sum of its rows."""
    model, totals, faults = report["model"], report["totals"], []
    if Fraction(Decimal(str(totals["conversions"]))) != conversions:
        faults.append(f"{model}: {totals['conversions']} conversions in total, published {conversions}")
    for field in ("value", "commission", "ledger"):
        stated = totals.get(field)
        if stated is None:
            continue
        print(f"  total {field:<12}{stated:>14}")
        if journeys.minor_units(stated) != imported:
            faults.append(f"{model}: {field} {stated} in total, imported {journeys.decimal_text(imported)}")
    rows = sum(journeys.minor_units(row["value"]) for row in report["partners"])
    if rows != imported:
        faults.append(f"{model}: rows sum to {journeys.decimal_text(rows)}, imported {journeys.decimal_text(imported)}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
