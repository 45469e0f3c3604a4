#!/usr/bin/env python3
"""Writes Tests/Goldens/statistics.json: what scipy says of the laws and tests that claims rest on.

Run by hand (python3 with scipy); the tests read the committed file.
"""
import json
import pathlib

import numpy as np
from scipy import stats

rng = np.random.default_rng(1)
goldens = {"scipy": __import__("scipy").__version__}

goldens["normal_quantile"] = [[p, stats.norm.ppf(p)] for p in (1e-6, 0.005, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9999)]
goldens["student_quantile"] = [
    [p, f, stats.t.ppf(p, f)]
    for p in (0.005, 0.025, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999)
    for f in (1, 2, 2.5, 7, 24, 30, 31, 200, 1e5)
]
goldens["student_probability"] = [
    [x, f, stats.t.cdf(x, f)] for x in (-30, -4.3, -1, 0, 0.3, 2, 9) for f in (1, 2, 3.7, 20, 500)
]
goldens["chi_square_tail"] = [
    [x, f, stats.chi2.sf(x, f)] for x in (0.01, 0.7, 3.84, 11, 40, 150) for f in (1, 2, 5, 17, 60)
]
goldens["noncentral_student_tail"] = [
    [x, f, d, stats.nct.sf(x, f, d)] for x in (1.96, 2.1, 4.303) for f in (2, 4, 12, 60) for d in (0.0, 1.0, 3.0, 6.0)
]

goldens["bartlett"] = []
for sizes, scales in (([3, 3, 3], [1, 1, 1]), ([3, 4, 5, 6], [1, 2, 1, 3]), ([3] * 12, [1] * 11 + [20])):
    groups = [list(scale * rng.standard_normal(size)) for size, scale in zip(sizes, scales)]
    pooled = sum((len(g) - 1) * np.var(g, ddof=1) for g in groups) / sum(len(g) - 1 for g in groups)
    goldens["bartlett"].append({"groups": groups, "p": stats.bartlett(*groups).pvalue, "variance": pooled})

# Two independent means with a pooled variance: the interval and the p-value of their difference.
goldens["difference"] = []
for sizes in ((3, 3), (5, 4)):
    a, b = (list(50 + rng.standard_normal(n)) for n in sizes)
    test = stats.ttest_ind(a, b)
    interval = test.confidence_interval(0.95)
    goldens["difference"].append({"a": a, "b": b, "low": interval.low, "high": interval.high, "p": test.pvalue})

# The slope of a line through one ladder.
x, y = [5.73, 4.81, 3.96, 3.23, 2.96], [52.0, 51.1, 50.7, 49.3, 49.2]
goldens["slope"] = {"x": x, "y": y, "slope": stats.linregress(x, y).slope}

target = pathlib.Path(__file__).resolve().parents[2] / "Tests/Goldens/statistics.json"
target.write_text(json.dumps(goldens, indent=1) + "\n")
print(target)
