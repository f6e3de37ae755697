"""`python -m scratchclust` is `scratchclust`."""

from scratchclust.cli import main

if __name__ == "__main__":
    main()
