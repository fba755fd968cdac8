"""Training by several processes, the ranks, that MPI starts: each takes its rows of every batch.

    ranks = nn.parallel.world()                        # mpiexec -n 4 python train.py; alone: one rank
    together = nn.parallel.DataParallel(model, ranks)
    loader = DataLoader(data, batch_size=256, shuffle=True, shard=ranks, rng=np.random.default_rng(0))
    for x, y in loader:
        optimizer.zero_grad()
        minigrad.cross_entropy(model(x), y).backward()
        together.average(len(y))
        optimizer.step()

A rank is a whole program with a model of its own; they stay equal because all start from the same parameters and take
the same steps, by the gradient of the whole batch. Give each one thread of BLAS (`OPENBLAS_NUM_THREADS=1`): ranks and
threads would fight for the cores.
"""

from .data_parallel import DataParallel
from .ranks import Ranks, world

__all__ = ["DataParallel", "Ranks", "world"]
