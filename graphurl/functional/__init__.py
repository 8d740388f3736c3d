"""The mathematics in plain tensors: no graph object, no trainer, no estimator is needed to use it.

* ``kernel``: t and Gaussian kernels in log form.
* ``distance``: squared distances, in blocks and along edges.
* ``neighbors``: nearest neighbours, exact or (``approximate``) from an inverted file; ``products`` and ``proven``:
  exact ones by all distances, and by a faster search whose result is proved row by row; ``order``: ranks, counted.
* ``interpolate``: where a new point belongs among others whose places are known.
* ``charts``: linear maps side by side, found in closed form.
* ``pairs``: normalisers over all pairs of two sets of rows, in tiles.
* ``field``: sums over all pairs of points in up to three dimensions, on a grid.
* ``columns``: the same in any dimension, estimated from the pairs with some of the points.
* ``undirected``: edges that are the same both ways, each listed once.
* ``paths``: shortest paths, truncated or not.
* ``calibration``: the bandwidth of every row.
* ``symmetry``: edge lists, CSR, symmetric and normalised weights.
* ``clustering``: spherical k-means.
* ``projection``, ``spectral``: principal coordinates, and leading eigenvectors of a graph.
* ``spread``: how much of its space an embedding uses.
* ``sparse``: rows of sparse matrices.
* ``sampling``: sampled and whole neighbourhoods of some nodes of a large graph.
* ``mapped``: tables larger than memory.
* ``ranks``: processes that share one run.
* ``randomness``: starting weights from a generator of the caller's.
"""
