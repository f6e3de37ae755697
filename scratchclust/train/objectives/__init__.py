"""What a network learns without labels: one loss a file, first as a function of arrays, whose
definition is in `scratchclust/reference`, then as the loss of a model that the training loop takes.

| file | what it makes small |
|---|---|
| contrastive | how alike a picture is to all others, against how alike two views of it are |
| coding_rate | how far patches of a picture lie apart; how little room all pictures take |
| sigreg | how far views of a picture lie apart; how far from normal the code is |
| neighbor_consistency | how often neighbours are put into different clusters; uneven clusters |
| self_labels | what clusters of changed pictures miss of the sure ones of unchanged pictures |
| dec | what soft clusters miss of sharper, evener ones |

Every one has two halves: one draws together what belongs together, and would be smallest if
everything became the same; the other keeps that from happening. (Self-labels have no second half:
they sharpen clusters, and cannot save them. `scratchclust/train/collapse.py` sees what happens.)

Losses are computed in float32 at least, with full products, whatever precision the model has
computed in.
"""
