"""What operations cost, and from where on something dearer pays: `solvers.strategy` decides by it.

They travel with a `Placement`; a test that wants another method passes one with other costs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkingSetSizes:
    """How large working sets are, and how precisely each is fitted."""

    first_share: float  # of the number of rows: as many features to begin with
    precision: float  # in the largest violation of a new feature
    max_share: float  # of all features; beyond, a copy costs more than it saves
    # A choice: so few features cost next to nothing beside the pass over all that follows.
    min_features: int = 100
    # Features of the first set. 20,000 x 50,000 sparse takes 23, 71 and 197 ms with 3,000, at
    # three penalties, and 31, 101 and 221 ms with 200; more than 5,000 were not tried.
    max_first: int = 5000
    # Features within this share of the largest violation of violating join a set too. Otherwise a
    # last set is solved for about 5 of 1,000 features.
    near: float = 0.1


@dataclass(frozen=True)
class Costs:
    """Seconds on one core of 2 GHz with AVX2, of which only the ratios matter, and thresholds.

    Class Hessians of 7 tables, from 2,000 x 500 with two classes to MNIST with ten, float32 and
    float64, take 0.4 to 1.2 times as many passes as is reckoned here.
    """

    # An iteration beside its passes: some 40 small operations.
    iteration_seconds: float = 1.2e-4
    # The quadratic of a proximal step. Without it 2,000 x 30 with three classes takes three times
    # as long, and with half of it 5,000 x 20 with five.
    proximal_seconds: float = 1e-2
    # To read a byte of X; to multiply it, for one output, forth and back; to go through a logit.
    seconds_per_byte: float = 5e-11
    seconds_per_product: float = 6e-12
    seconds_per_logit: float = 2e-8
    # To multiply a stored entry of a sparse X, for one output.
    seconds_per_entry: float = 2e-9
    # To write a byte to new memory, and to multiply it in a product of two large matrices or a
    # factorisation.
    seconds_per_copy: float = 4e-10
    seconds_per_matrix_product: float = 5e-12
    # Each class Hessian beside its product.
    class_seconds: float = 5e-4

    # Class Hessians are due when the passes have cost this many times as much. On MNIST half saves
    # a tenth of a fit of 10,000 rows compared with once, and changes none of all rows.
    class_hessian_ratio: float = 0.5
    # Iterations before class Hessians: the softmax part of the curvature changes much in the first
    # ones, and plain tables are fitted after 6 to 10.
    min_iterations: int = 8
    # And of a small table whose features are correlated: 16 of them, of 1,000 to 5,000 rows and 20
    # to 100 features, take 0.9 times as long as with 8.
    min_correlated_iterations: int = 4
    # Rows drawn for each class Hessian, for each of its columns and at least, and the rows that
    # they are drawn from. On MNIST 2,000 rows drawn so serve as well as 10,000 others. Correlated
    # small tables of 4,000 to 20,000 rows take 0.55 to 0.9 times as long as with all rows; with
    # 512 rows at least, or 2,048, up to 1.3 times as long as with 1,024.
    drawn_rows_per_column: int = 2
    min_drawn_rows: int = 2**10
    max_candidate_rows: int = 2**16
    # How many times as many rows each further Hessian of a small table is made of. With as many
    # each time 5 of 400 random fits take 3 to 9 times as many iterations to tol=1e-8 as with all.
    drawn_rows_growth: int = 4
    # Ten penalties from 1e-4 to 1e4 on five folds of MNIST take 24 iterations each with 2, 3 or 6
    # groups, 32 with one; each group takes as much memory as K Gram matrices.
    max_groups: int = 3

    # The exact Hessian may cost this many times the rest of an iteration: of Newton's method, of a
    # proximal step, and of one in a working set. Plain tables of 900 x 30 take a tenth longer by
    # Newton's method, of 700 x 8 a tenth less time. A set is fitted in two or three iterations
    # with exact Hessians; without, the BFGS matrix starts anew each time. 500 features of 2,000
    # rows take a fifth less time.
    max_newton_ratio: float = 0.7
    max_proximal_ratio: float = 1.0
    max_working_set_ratio: float = 10.0
    # Models that Newton's method takes one after the other. Of grids on 6 tables of 150 to 2,000
    # rows those of 5 take 0.5 to 0.9 times as long as by shared passes, of 20 0.6 to 1.4 times, of
    # 50 1.0 to 1.9 times; 1,000 labels of 569 x 30 12 times.
    max_newton_models: int = 20
    # Passes that the Hessian may cost which a fit of two classes starts with. Correlated tables of
    # 1,000 x 40 to 50,000 x 20 take 4 or 5 iterations in place of 7 to 9, 0.7 to 0.85 times as
    # long; plain ones as many as without, or one less, and 1.0 to 1.15 times as long. More classes
    # do not start so: with a Hessian that they share plain ones took up to three iterations more.
    cheap_hessian_passes: float = 2.5
    # A Hessian that is added up over blocks takes this many times as long as one large product:
    # 1,000 x 700 in float64 50 ms for 33, 2,000 x 500 in float32 21 for 16.
    block_hessian_ratio: float = 1.5
    # Iterations that a fit takes once it has its Hessian, and how many times as many as were made
    # may be foreseen: a violation that stands still for a few iterations often falls again.
    dear_iterations: float = 4
    max_foresight: float = 4

    # Entries of a float64 X, times the models that share it, from which on a float32 copy pays:
    # permutation tests of 300 to 5,000 rows and 20 to 500 models take 0.6 to 1.0 times as long,
    # 30 labels 0.7 to 1.0 times. And entries up to which there may be a copy: it takes 1 GB.
    min_rounded_entries: int = 2**17
    max_rounded_entries: int = 2**28
    # Models times classes from which on a sparse X is read in float32 and by columns as well. Of 8
    # columns a product takes half of the time of float64, of 64 a tenth; fewer were not measured.
    min_sparse_columns: int = 8
    # And the entries up to which it is: the two copies of an integer X take 256 MB.
    max_sparse_copied: int = 2**24

    # Entries that a sparse X of more features than rows stores for each feature, up to which L2
    # fits of several models or classes go by Newton-CG. Of more rows logits take longer than
    # weights: three classes of 200,000 x 5,000 take twice as long. With 28 of them 100 labels take
    # less than half of the time of L-BFGS in float32, with 18 a grid of 50 and with 14 20 classes
    # half; with 200 8 labels a fifth more.
    max_entries_per_feature: int = 100
    # Weights of the models that a worker fits at a time by Newton-CG. 200 labels of 50,000
    # features take 4.3 s by 16 and 3.8 s by 32 labels, 256 take 4.5 s by 32 and 6 s by 64.
    max_part_weights: int = 1_600_000
    # Models from which on there are two parts at least: on two cores 12 take 1.1 times as long as
    # in one part, 20 0.8 times, 32 0.7 times.
    min_divided_models: int = 20

    # A fit with more features than rows that has not converged by then goes to the row space
    # whatever that costs: 2,000 x 5,000 of mixed scales is 20 % above the optimum after 100
    # iterations by its features.
    max_cheap_iterations: float = 60
    # Iterations between two Hessians in the row space, at least: of 1, 2, 3 and 5, 3 takes the
    # least time for 500 x 2,000 of mixed scales (17 iterations after it is entered; 13 with 1, 20
    # with 5). And at most, of a small table, however dear they are: with 20 fits of 1,000 x 3,000
    # of mixed scales take 86 and 99 iterations, with 12 85 and 93 in 1.4 times the time,
    # and without Hessians more than 100.
    row_space_interval: int = 3
    max_row_space_interval: int = 20
    # Hessians that a fit of two classes takes there by Newton's method, and sets of class Hessians
    # that others count with: 4 to 10 are made, in iterations that would have been made as well.
    row_space_hessians: int = 5
    row_space_class_hessians: int = 2
    # To enter the row space and to leave it, beside its products.
    row_space_entry_seconds: float = 7e-4
    # Iterations that a plain fit takes, by its features and in the row space alike.
    plain_iterations: int = 10
    # What an iteration takes for a weight beside its products: in a small table, and elsewhere,
    # where there are more iterations as well.
    seconds_per_weight: float = 3e-8
    seconds_per_batched_weight: float = 1.5e-7
    # The share of the time by features that the row space may take from the start. Of 19 shapes of
    # 40 to 300 rows and 200 to 20,000 features those that start there take 0.1 to 0.9 times as
    # long; of the others only those of mixed scales would be faster by a fifth.
    max_row_space_ratio: float = 0.75
    # Models whose Hessians are made there, one model after the other: of 1,200 x 4,000 5 take 0.8
    # times as long as by L-BFGS, 20 twice.
    max_row_space_models: int = 5

    # Entries of X, weights and models that `small_table` takes: it goes through the former in a
    # millisecond or so on one core, and several models share their passes elsewhere. Of 24,000 to
    # 40,000 weights most tables take 0.3 to 0.9 times as long as there, some of mixed scales 1.2.
    max_small_entries: int = 2**21
    max_small_weights: int = 50_000
    max_small_models: int = 1
    # A logit takes as long as this many entries of X.
    logit_entries: int = 10

    # Features beyond which an L1 fit goes by working sets.
    max_matrix_features: int = 1500
    # Of a sparse X a pass costs little more than an iteration: few large sets, each fitted once,
    # take the least time. Of a dense X the Hessian of a large set costs more than several passes.
    dense_sets: WorkingSetSizes = WorkingSetSizes(0.0, precision=0.1, max_share=0.25)
    sparse_sets: WorkingSetSizes = WorkingSetSizes(0.5, precision=0.5, max_share=0.6)
    # A proximal step needs about 60 Hessian-vector products. A multiplication with an entry of a
    # sparse X takes as long as 60 with entries of a dense one.
    n_products: int = 60
    entry_cost: int = 60
    # The rest of an iteration takes as long as 10**8 multiplications. Products that take ten times
    # as long still pay: they save two iterations of three, half of the time on 20,000 x 50,000
    # with 13,000 coefficients left.
    max_products: int = 10**8
    max_product_ratio: float = 10.0

    def are_few_entries(self, n_stored: int, n_rows: int, n_features: int) -> bool:
        """Return whether a sparse X stores so little that weights take longer than passes."""
        return n_rows < n_features and n_stored <= self.max_entries_per_feature * n_features
