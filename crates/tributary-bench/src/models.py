"""Other implementations on the paths of a CSV file: seconds and conversions per channel, one JSON object a line.

Reading the file is not counted; everything from each path's text to the result is, as it is for Tributary.
"""

import json
import sys
import time

import pandas

data = pandas.read_csv(sys.argv[1])


def measure(name, call):
    begun = time.perf_counter()
    values = call()
    seconds = time.perf_counter() - begun
    values = {channel: float(value) for channel, value in values.items()}
    print(json.dumps({"name": name, "seconds": seconds, "values": values}), flush=True)


def channelattribution(cores):
    import ChannelAttribution

    result = ChannelAttribution.markov_model(
        data, "path", "total_conversions", var_value="total_conversion_value", var_null="total_null", order=1, seed=1, ncore=cores
    )
    frame = result["result"] if isinstance(result, dict) else result
    return dict(zip(frame["channel_name"], frame["total_conversions"]))


def mta():
    from mta import MTA

    return MTA(data, allow_loops=True, add_timepoints=False).shapley(normalize=False).attribution["shapley"]


def simplified():
    from shapley_attribution import SimplifiedShapleyAttribution

    journeys = [path.split(" > ") for path in data["path"]]
    return SimplifiedShapleyAttribution(normalize=False).fit(journeys, converted).get_attribution()


for cores in (1, 2):
    measure(f"channelattribution {cores}", lambda: channelattribution(cores))
converted = data["total_conversions"].to_numpy()
measure("shapley-attribution", simplified)
measure("mta", mta)
