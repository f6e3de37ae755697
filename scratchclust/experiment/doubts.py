"""What is to be said of a result beside its scores."""

from scratchclust.runs.result import Result


def why_untrained(result: Result) -> str | None:
    """Tell why the network of a result has learned nothing, so that its rank says nothing of its
    kind; None where it has.
    """
    error = result.reconstruction_mse
    trivial = result.mean_image_mse
    if error is not None and trivial is not None and error >= trivial:
        return (
            f"its pictures are no nearer to the images (error {error:.3g}) than the mean image is "
            f"({trivial:.3g})"
        )
    known = result.test_accuracy
    largest = result.test_majority
    if known is not None and largest is not None and known <= largest:
        return (
            f"it knows {known:.3f} of the test images, and their largest class is {largest:.3f} "
            "of them"
        )
    return None
