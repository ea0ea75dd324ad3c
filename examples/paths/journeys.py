"""The published paths by arithmetic of their own: nothing here is shared with Tributary's code.

Rules, as README.md states them: each path's value is rounded once, half to even, to three decimals; a path's value is split
over its conversions, and a conversion's over its touches, by largest remainder with ties to the earliest.
"""

import csv
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

PLACES = 3
MODELS = ("first_touch", "last_touch", "linear")


class Path:
    """One row of the file."""

    def __init__(self, row_number, row):
        self.row_number = row_number
        self.touches = row["path"].split(" > ")
        self.conversions = int(row["total_conversions"])
        self.others = int(row["total_null"])
        exact = Decimal(row["total_conversion_value"]).scaleb(PLACES)
        self.minor = int(exact.to_integral_value(ROUND_HALF_EVEN))

    def values(self):
        """Minor units of each of the path's conversions."""
        return split(self.minor, [1] * self.conversions)


def read(name):
    """All rows of the file, numbered from 1."""
    with open(name, newline="", encoding="utf-8") as file:
        return [Path(number, row) for number, row in enumerate(csv.DictReader(file), start=1)]


def split(total, weights):
    """Integer parts that sum to the total: floors, then one more for the largest remainders, ties to the earliest."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts


def weights(model, count):
    """Shares of a path's touches under a model."""
    if model == "first_touch":
        return [1] + [0] * (count - 1)
    if model == "last_touch":
        return [0] * (count - 1) + [1]
    return [1] * count


def credits(paths, model):
    """Per channel: exact number of conversions and minor units of value under a model."""
    result = {}
    for path in paths:
        shares = weights(model, len(path.touches))
        for value in path.values():
            parts = split(value, shares)
            for channel, share, minor in zip(path.touches, shares, parts):
                conversions, sum_minor = result.get(channel, (Fraction(0), 0))
                result[channel] = (conversions + Fraction(share, sum(shares)), sum_minor + minor)
    return {channel: credit for channel, credit in sorted(result.items()) if credit[0]}


def decimal_text(minor):
    """Minor units as a decimal text."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 10**PLACES}.{abs(minor) % 10**PLACES:0{PLACES}}"


def minor_units(text):
    """A decimal text as minor units; refuses what is not exact in them."""
    scaled = Decimal(text).scaleb(PLACES)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{text} has more than {PLACES} decimals")
    return int(scaled)
