"""What happens in an experiment: images are read, pipelines fitted, asked, scored, drawn and
written.

Example:
    >>> from scratchclust.experiment import run
    >>> from scratchclust.recipes import Settings
    >>> outcome = run("digits", Settings(seed=1), output="runs/digits")  # doctest: +SKIP
"""

from scratchclust.experiment.cluster import plan_cluster
from scratchclust.experiment.run import Outcome, run

__all__ = ["Outcome", "plan_cluster", "run"]
