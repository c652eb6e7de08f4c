"""Where rows live, and the workers that share their blocks.

`memory` is this process, `sparse` its compressed rows, `streamed` a device that X does not fit on,
`dask` the partitions of a cluster. The objective and the curvature call them.
"""
