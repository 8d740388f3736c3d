"""Well-known self-supervised node embeddings, one file for each: the contenders of the benchmark on citation graphs.

A contender is a file with four names:

* `NAME`, the row's title, and `PAPER`, where the method and its settings come from;
* `PUBLISHED`, the paper's own test accuracy in percent on the public Planetoid split, {} where it has none. Papers
  that draw their splits anew (GRACE, BGRL) or that only predict links or cluster (GAE, VGAE, ARGVA) have none;
* `embed(x, edge_index, *, seed, data="", epochs=None)`, which returns frozen N x d embeddings. x are raw features,
  edge_index (2, E) holds both directions and no loops, `data` is the lower-case name of the data set for papers that
  tune by data set, and `epochs` replaces the paper's number of epochs.

DGI, GAE, VGAE, ARGVA and Node2Vec are PyTorch Geometric's own models; CCA-SSG, GRACE, BGRL and GraphMAE are written
here from their papers. `views`, `seeding` and `autoencoding` hold what several of them share. No method sees a label.
"""
