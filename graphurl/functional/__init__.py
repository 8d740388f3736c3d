"""The mathematics in plain tensors: no graph object, no trainer, no estimator is needed to use it.

* ``kernel``: t and Gaussian kernels in log form.
* ``distance``: squared distances, in blocks and along edges.
* ``neighbors``: nearest neighbours, exact or (``approximate``) from an inverted file.
* ``paths``: shortest paths, truncated or not.
* ``calibration``: the bandwidth of every row.
* ``symmetry``: edge lists, CSR, symmetric and normalised weights.
* ``clustering``: spherical k-means.
* ``projection``: principal coordinates.
* ``spread``: how much of its space an embedding uses.
* ``sparse``: rows of sparse matrices.
* ``sampling``: sampled and whole neighbourhoods of some nodes of a large graph.
"""
