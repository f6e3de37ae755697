"""Constants of the definitions, which both twins of an algorithm share. (What says how the fast one
computes stands in its own file.)
"""

# ---- k-means

# Units in the last place of |x|: the mean of equal points is that near to them, so a point that is
# nearer to its centroid lies on it, and moving it elsewhere would gain nothing.
ON_CENTROID_ULPS = 100
# A length: the mean of unit vectors that is shorter is no more than rounding, and has no direction.
NO_DIRECTION_LENGTH = 1e-6
# Rounds of k-means||; the paper finds no gain beyond.
OVERSAMPLING_ROUNDS = 5
# Batches in the sample from which mini-batch k-means draws its start, as in scikit-learn.
INIT_SIZE_BATCHES = 3
# Points, for each centroid, after which mini-batch k-means looks for centroids that win too little.
REASSIGNED_AFTER_POINTS = 10
# Share of the points of a batch that become centroids at once.
MOST_REASSIGNED_SHARE = 0.5

# ---- Gaussian mixtures

# Scikit-learn's words for what covariances may be, and for how EM starts.
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")
# Points that are added to every n_j, as in scikit-learn: a component without any has a mean, too.
# (Ten units in the last place of 1.)
LEAST_COUNT = 10 * 2.0**-52
# By how much given weights may miss the sum of 1: the rounding of float32.
WEIGHT_SUM_TOLERANCE = 1e-6

# ---- DBSCAN

DBSCAN_METRICS = ("euclidean", "cosine", "precomputed")
# Relative, of the chord that belongs to a cosine distance: four roundings of float64, so that what
# lies at exactly eps is near.
CHORD_ROUNDING = 2.0**-50

# ---- Agglomerative clustering

LINKAGES = ("ward", "complete", "average", "single")
AGGLOMERATIVE_METRICS = ("euclidean", "cosine", "manhattan", "precomputed")
# Of the largest distance: what the distances from i to j and from j to i may differ by.
DISTANCE_ASYMMETRY = 1e-8

# ---- Spectral embedding

AFFINITIES = ("nearest_neighbors", "precomputed", "rbf")
EDGE_WEIGHTS = ("self-tuned", "plain")
SCALE_NEIGHBOR = 7  # the neighbour, by number, whose distance is the scale of a point
# An edge is an edge, however long: without this least weight exp would round it to none.
LEAST_EDGE_WEIGHT = 1e-6
SPECTRAL_COORDINATES = ("eigenvectors", "commute-time", "auto")
# Eigenvectors beyond the number of clusters that commute times use: how many hardly matters, as
# their weights fall (4 to 16 did about as well).
COMMUTE_EXTRA = 8
# A random walk that leaves a group of points less than once in 10,000 steps counts as one that
# never does: smaller eigenvalues, and the zeros of separate parts, weigh as this one.
COMMUTE_LEAST_EIGENVALUE = 1e-4
# The share of points on which two clusterings agree from which on they count as the same (0.93 did
# as well), and how much larger the silhouette of those must be that take the place of others. Both
# were chosen on the half of the sets that `benchmarks/spectral_rules.py` names.
SAME_CLUSTERS = 0.95
CLEARER_BY = 0.02
# The silhouette from which on Kaufman and Rousseeuw speak of a reasonable structure: below it, as
# in most codes of photographs, the clearer clusters were the worse ones in 14 fits of 33.
REASONABLE_STRUCTURE = 0.5
# Of the largest affinity: what those of i to j and of j to i may differ by without a warning.
AFFINITY_ASYMMETRY = 1e-10
# Relative difference of two magnitudes in an eigenvector below which they count as equal, so that
# rounding does not choose the one that gets the sign +.
EIGENVECTOR_SIGN_TIE = 1e-5

# ---- PCA

# Where the larger of magnitudes settles a sign, those whose relative difference is less are equal.
SIGN_TIE = 1e-5
# Minka's logarithms are taken of no variance below it, and axes of less are never counted.
LEAST_VARIANCE = 1e-15
VARIANCE_TIE = 1e-12  # of the largest variance: two that differ by no more coincide

# ---- Kernel PCA

KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine")
KERNEL_BYTES = 2**31  # of K in float64, at most: 16,384 points; beyond it landmarks stand for them
N_LANDMARKS = 2048  # points
NEGLIGIBLE_EIGENVALUE = 1e-12  # of the largest: one that is no more is rounding
NEGATIVE_EIGENVALUE = 1e-5  # of the largest: one that is more below zero is no rounding
# eps of the largest entry of K, times sqrt(n): what rounding leaves of an eigenvalue of zero
KERNEL_ROUNDING_EPS = 4

# ---- t-SNE

EXAGGERATED_ITERATIONS = 250  # the first: with exaggeration, and with the first momentum
MOMENTA = (0.5, 0.8)  # during the exaggeration, and after it
GAIN_GROWTH = 0.2  # is added to a gain where step and gradient disagree in sign
GAIN_DECAY = 0.8  # multiplies it elsewhere
LEAST_GAIN = 0.01
LEAST_EXAGGERATION = 4.0  # of few points, unless less was asked for
POINTS_PER_EXAGGERATION = 200  # n points take an exaggeration of n / 200: see `exaggeration`
LEAST_LEARNING_RATE = 10.0  # a dozen points have as far to go as fifty
START_SCALE = 1e-4  # standard deviation of the start along its first axis
JITTER = 0.01 * START_SCALE  # standard deviation of the spread on every axis, as in openTSNE
RECORD_EVERY = 50  # iterations from one entry of the history to the next
# ends of the bisection for log b, b in units of 1 / the mean squared distance
LOG_PRECISION_RANGE = (-20.0, 40.0)
HALVINGS = 40  # of that range
NEIGHBORS_PER_PERPLEXITY = 3  # neighbours to which a point has affinities, where not all are taken
NEW_PERPLEXITY = 5.0  # of new points, as in openTSNE: more neighbours pull them between islands
NEW_STEP = 0.25  # times the gradient: a step of a new point
NEW_ITERATIONS = 100  # of the descent of new points

# ---- Features

# Added to the mass, the spread and the length that are divided by: an empty image has none of
# them. Without unit: pixels are in [0, 1].
EMPTY_IMAGE = 1e-9

# ---- Pictures: how sharp, and how near to each other

LUMA = (0.299, 0.587, 0.114)  # red, green, blue: ITU-R BT.601
# Standard deviation of luma in [0, 1] below which a picture is as good as flat: two levels of 255.
LEAST_CONTRAST = 2 / 255
FINGERPRINT_SIDE = 16  # pixels: what a picture is shrunk to before it is compared with others
FINGERPRINT_UNIT = 1024  # of a fingerprint's whole numbers: squares of distances stay below 2^24
COLOUR_WEIGHT = 0.3  # of the mean colour in [0, 1], beside a pattern of length 1
NEAR_PICTURES = 0.08  # distance of near-duplicates
LOOKED_AT = 0.3  # distance up to which a shift, another size or another sharpness is allowed for
# Of the coefficients of a warp: half a pixel of the 16, that is 3% of a side; and of the sharpness.
MOST_SHIFT = 0.5
MOST_SHARPENED = 0.25

# ---- Views

LEAST_BLUR = 1e-3  # sigma, in pixels: less is the same, the neighbours' weights are zero

# ---- Dictionaries of patches: Coates, Lee and Ng's (2011), on the scale of pixels from 0 to 255

CONTRAST_FLOOR = 10.0  # added to the variance of a patch, so that a flat one stays flat
WHITENING_FLOOR = 0.1  # added to the variances along the axes, so that noise is not blown up
CONSTANT_ACTIVATION = 1e-5  # a feature that deviates by no more is constant but for rounding

# ---- Learning without labels

# A projection that is shorter has no direction: it is divided by this instead of by its length.
LEAST_LENGTH = 1e-4
# Points of the quadrature of the characteristic function, and the last of them: those of the
# program that the authors of LeJEPA publish.
CHARACTERISTIC_KNOTS = 17
CHARACTERISTIC_END = 3.0

# ---- Muon

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of X, (X X^T) X and (X X^T)^2 X: Jordan, 2024
NEWTON_SCHULZ_STEPS = 5
