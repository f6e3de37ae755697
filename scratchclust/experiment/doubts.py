"""What is to be said of a result beside its scores. Reads what is in metrics.json, and loads
nothing.
"""

from collections.abc import Mapping
from typing import Any


def why_untrained(result: Mapping[str, Any]) -> str | None:
    """Why the network of a result has learned nothing, so that its rank says nothing of its kind;
    None where it has.
    """
    error, trivial = result.get("reconstruction_mse"), result.get("mean_image_mse")
    if error is not None and trivial is not None and error >= trivial:
        return f"its pictures are no nearer to the images (error {error:.3g}) than the mean image is ({trivial:.3g})"
    known, largest = result.get("test_accuracy"), result.get("test_majority")
    if known is not None and largest is not None and known <= largest:
        return f"it knows {known:.3f} of the test images, and their largest class is {largest:.3f} of them"
    return None
