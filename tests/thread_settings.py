"""What a call may not change in any thread: the numbers of threads of torch, OpenMP and MKL."""

import threadpoolctl
import torch


def settings():
    """Return the numbers as the calling thread has them."""
    return (
        torch.get_num_threads(),
        torch.__config__.parallel_info(),  # of MKL too
        threadpoolctl.threadpool_info(),
    )
