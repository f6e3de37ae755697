"""The rates of this device that estimates and floors divide by, measured three times; the fastest
counts.
"""

from typing import Any

from scratchclust import rates

TIMES = 3


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One table: the rates of all devices together, and of the host by NumPy."""
    found = []
    for _ in range(1 if quick else TIMES):
        rates.forget()
        found.append(rates.device_rates())
    best = rates.Rates(*(max(each) for each in zip(*found, strict=True)))
    rows = [{"rate": name, "value": value} for name, value in best._asdict().items()]
    for row in rows:
        print(f"  {row['rate']:<12} {row['value']:10.3g} a second")
    return [{"problem": "rates of the device, a second", "rates": rows}]
