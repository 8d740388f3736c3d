"""Well-known methods for maps of rows, one file for each: the contenders of `graphurl bench dr`.

A contender is a file with

* `NAME`, the row's title, and `PACKAGES`, the distributions whose versions are recorded (and without which it is left
  out; none of them comes with graphurl: `pip install pacmap umap-learn openTSNE torchdr`);
* `embed(x, *, seed, threads, dim)`, which returns the map of the rows x (N, F) float32 as an array (N, dim), and a
  function that places new rows on it, or None. Everything but these three is the package's default.

A package that gives up its parallel parts for a fixed seed gets one with one thread only: with more it is as fast as it
can be, and no two of its runs are equal.
"""
