"""How good is a clustering? Internal scores see the points alone, agreement scores known labels.

| score | looks at | best | cost |
|---|---|---|---|
| silhouette_score, silhouette_samples, silhouette_estimate | all distances | 1 | O(n^2 d) |
| dunn_index | the two deciding pairs | infinity | O(n^2 d) |
| simplified_silhouette_score | distances to centroids | 1 | O(n k d) |
| calinski_harabasz_score | spread of centroids and points | infinity | O(n d) |
| davies_bouldin_score | spread of centroids and points | 0 | O((n + k^2) d) |
| clustering_accuracy | known labels | 1 | O(n) memory, a sparse matching |
| purity_score, mean_cluster_purity | known labels | 1 | O(n) |
| normalized_mutual_info_score, adjusted_rand_score | known labels | 1 | O(n) |
| homogeneity_score, completeness_score, v_measure_score | known labels | 1 | O(n) |

`internal_scores` gives silhouette and Dunn's index of several labelings from one pass over the
distances.
"""

from scratchclust.metrics.agreement import (
    adjusted_rand_score,
    clustering_accuracy,
    completeness_score,
    contingency_matrix,
    homogeneity_score,
    match_clusters,
    mean_cluster_purity,
    normalized_mutual_info_score,
    purity_score,
    v_measure_score,
)
from scratchclust.metrics.centroids import calinski_harabasz_score, davies_bouldin_score
from scratchclust.metrics.dunn import dunn_index
from scratchclust.metrics.internal import internal_scores
from scratchclust.metrics.silhouette import (
    silhouette_estimate,
    silhouette_samples,
    silhouette_score,
    simplified_silhouette_score,
)

__all__ = [
    "adjusted_rand_score",
    "calinski_harabasz_score",
    "clustering_accuracy",
    "completeness_score",
    "contingency_matrix",
    "davies_bouldin_score",
    "dunn_index",
    "homogeneity_score",
    "internal_scores",
    "match_clusters",
    "mean_cluster_purity",
    "normalized_mutual_info_score",
    "purity_score",
    "silhouette_estimate",
    "silhouette_samples",
    "silhouette_score",
    "simplified_silhouette_score",
    "v_measure_score",
]
