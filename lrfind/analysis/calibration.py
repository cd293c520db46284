"""Written by `python scripts/choose_calibration.py` on 2026-11-26; not by hand.

Chosen on 61 tasks of 12 families (`.github/oracle/tasks.md`); a further quarter of the
families was locked meanwhile. Distances are in decades. Left out by family, with every number
chosen on the other families; "close" is within 0.2 decades of a rate that costs less than
5%:

| schedule | steps | regret | over 0.5 | refused | interval holds | width | close |
| --- | --- | --- | --- | --- | --- | --- | --- |
| unknown | 300 | 0.115 | 8% | 6% | 91% | 2.2 | 83% |
| unknown | 1200 | 0.152 | 11% | 9% | 90% | 2.9 | 79% |
| unknown | 4800 | 0.178 | 16% | 9% | 91% | 3.7 | 76% |
| unknown | unknown | 0.171 | 14% | 8% | 89% | 3.0 | 78% |
| constant | 300 | 0.122 | 8% | 6% | 91% | 2.2 | 83% |
| constant | 1200 | 0.162 | 14% | 9% | 94% | 2.8 | 81% |
| constant | 4800 | 0.168 | 15% | 8% | 94% | 3.3 | 76% |
| constant | unknown | 0.162 | 13% | 8% | 92% | 2.9 | 77% |
| one_cycle | 300 | 0.100 | 8% | 6% | 86% | 2.0 | 90% |
| one_cycle | 1200 | 0.141 | 13% | 8% | 86% | 2.6 | 83% |
| one_cycle | 4800 | 0.190 | 18% | 10% | 87% | 3.6 | 77% |
| one_cycle | unknown | 0.171 | 15% | 8% | 86% | 2.8 | 77% |
"""

# fmt: off
TASKS = 61
"""Number of tasks that the deviations below were measured on."""

HORIZONS = (300, 1200, 4800)
"""Lengths of the training runs, in optimizer steps."""

COST_AT = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25)
"""Distances below the expected minimum at which costs are given."""

TRANSFERS: dict[tuple[str | None, int | None], tuple[float, float, float, tuple[float, ...]]] = {
    (None, None): (0.700, 0.69, 0.93,
        (0.419, 0.263, 0.178, 0.141, 0.125, 0.124, 0.129, 0.145, 0.178, 0.226, 0.289, 0.362)),
    (None, 300): (0.498, 0.40, 0.65,
        (0.383, 0.230, 0.134, 0.093, 0.078, 0.091, 0.123, 0.182, 0.270, 0.371, 0.474, 0.573)),
    (None, 1200): (1.100, 0.66, 0.89,
        (0.407, 0.254, 0.174, 0.139, 0.122, 0.113, 0.106, 0.109, 0.132, 0.176, 0.249, 0.342)),
    (None, 4800): (1.702, 1.05, 1.12,
        (0.465, 0.305, 0.226, 0.190, 0.175, 0.169, 0.157, 0.143, 0.131, 0.131, 0.146, 0.171)),
    ("constant", None): (1.050, 0.96, 0.86,
        (0.518, 0.343, 0.229, 0.164, 0.135, 0.129, 0.125, 0.132, 0.155, 0.193, 0.250, 0.316)),
    ("constant", 300): (0.608, 0.62, 0.64,
        (0.502, 0.329, 0.200, 0.126, 0.086, 0.085, 0.092, 0.130, 0.208, 0.307, 0.413, 0.515)),
    ("constant", 1200): (1.150, 0.99, 0.82,
        (0.507, 0.333, 0.226, 0.166, 0.139, 0.127, 0.118, 0.111, 0.117, 0.137, 0.192, 0.282)),
    ("constant", 4800): (1.692, 1.33, 0.98,
        (0.545, 0.367, 0.260, 0.200, 0.180, 0.176, 0.165, 0.154, 0.139, 0.135, 0.145, 0.150)),
    ("one_cycle", None): (0.400, 0.38, 0.91,
        (0.306, 0.174, 0.121, 0.114, 0.114, 0.118, 0.133, 0.159, 0.203, 0.262, 0.333, 0.414)),
    ("one_cycle", 300): (0.238, 0.16, 0.59,
        (0.249, 0.121, 0.061, 0.057, 0.070, 0.097, 0.157, 0.240, 0.339, 0.441, 0.541, 0.637)),
    ("one_cycle", 1200): (0.900, 0.30, 0.83,
        (0.296, 0.166, 0.116, 0.109, 0.102, 0.097, 0.094, 0.106, 0.149, 0.220, 0.311, 0.410)),
    ("one_cycle", 4800): (1.562, 0.73, 1.18,
        (0.374, 0.234, 0.187, 0.178, 0.170, 0.161, 0.148, 0.130, 0.122, 0.126, 0.146, 0.196)),
}
"""By schedule and length: the fields of `lrfind.analysis.transfer.Transfer`."""
