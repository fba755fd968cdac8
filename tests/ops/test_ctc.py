"""CTC: the sum over all paths, PyTorch's values and gradients, padding, impossible targets, and what is refused."""

import itertools
import math

import numpy as np
import pytest
from derivatives import leaf
from losses import as_torch, compare_with_pytorch, every_reduction, gradient

import minigrad as mg
from minigrad import check_grads, grad

RNG = np.random.default_rng(0)
T, N, C = 8, 4, 5
LOGITS = RNG.standard_normal((T, N, C))
TARGETS = np.array([[1, 1, 3, 2], [4, 2, 0, 0], [1, 0, 0, 0], [2, 3, 2, 3]])
SIZES = np.array([4, 2, 0, 4])
STEPS = np.array([8, 7, 3, 5])


def loss_of(x, *args, **options):
    return mg.ctc_loss(mg.log_softmax(x, -1), *args, **options)


def collapsed(path, blank):
    return [label for label, _ in itertools.groupby(path) if label != blank]


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 3], [3, 1, 3]])
def test_the_loss_is_the_sum_over_all_paths_that_collapse_to_the_target(target, blank):
    logp = mg.log_softmax(RNG.standard_normal((5, 1, 4)), -1)
    total = sum(
        math.exp(sum(logp[t, 0, c] for t, c in enumerate(path)))
        for path in itertools.product(range(4), repeat=5)
        if collapsed(path, blank) == target
    )
    found = mg.ctc_loss(logp, np.array([target], int), [5], [len(target)], blank, "sum")
    np.testing.assert_allclose(found.item(), -math.log(total), rtol=1e-12)


@every_reduction
@pytest.mark.parametrize("blank", [0, 4])
@pytest.mark.parametrize("form", ["padded", "in a row"])
def test_value_and_gradient_by_the_logits_are_pytorchs(form, blank, reduction):
    targets = np.where(blank == TARGETS, 3, TARGETS)
    if form == "in a row":
        targets = np.concatenate([t[:n] for t, n in zip(targets, SIZES, strict=True)])
    compare_with_pytorch(
        lambda m, x: loss_of(x, targets, STEPS, SIZES, blank, reduction),
        lambda m, x: m.ctc_loss(
            x.log_softmax(-1), *map(as_torch, (targets, STEPS, SIZES)), blank, reduction
        ),
        LOGITS,
        order=1,
    )


def test_the_derivatives_by_the_probabilities_are_those_of_finite_differences():
    check_grads(
        lambda x: mg.ctc_loss(x, TARGETS, STEPS, SIZES, reduction="none"),
        [mg.log_softmax(LOGITS, -1)],
        rng=np.random.default_rng(0),
    )


def test_one_sequence_needs_no_batch():
    x = leaf(LOGITS[:, 0])
    found = loss_of(x, TARGETS[0], 8, 4)
    batch = leaf(LOGITS[:, :1])
    assert found.shape == ()
    assert found.item() == loss_of(batch, TARGETS[:1], [8], [4]).item()
    np.testing.assert_array_equal(
        gradient(found, x), gradient(loss_of(batch, TARGETS[:1], [8], [4]), batch)[:, 0]
    )
    assert loss_of(x, TARGETS[0], 8, 4, reduction="none").shape == ()


def test_steps_and_labels_that_do_not_count_may_hold_anything():
    logp = mg.log_softmax(LOGITS, -1)
    spoilt, targets = logp.copy(), TARGETS.copy()
    for n in range(N):
        spoilt[STEPS[n] :, n] = [np.nan, np.inf, -np.inf, 0, 1]
        targets[n, SIZES[n] :] = -7
    x, y = leaf(logp), leaf(spoilt)
    found = mg.ctc_loss(y, targets, STEPS, SIZES)
    assert found.item() == mg.ctc_loss(x, TARGETS, STEPS, SIZES).item()
    g = gradient(found, y)
    np.testing.assert_array_equal(g, gradient(mg.ctc_loss(x, TARGETS, STEPS, SIZES), x))
    assert not any(g[STEPS[n] :, n].any() for n in range(N))


@every_reduction
def test_a_target_that_no_path_gives_has_loss_inf_or_on_demand_0_and_gradient_0(reduction):
    steps = np.array([4, 7, 3, 5])  # of 1, 1, 3, 2, which needs five
    x = leaf(LOGITS)
    found = loss_of(x, TARGETS, steps, SIZES, reduction=reduction)
    assert np.isinf(found.data).any()
    g = gradient(found, x)
    assert np.isfinite(g).all()
    assert not g[:, 0].any()
    compare_with_pytorch(
        lambda m, x: loss_of(x, TARGETS, steps, SIZES, 0, reduction, True),
        lambda m, x: m.ctc_loss(
            x.log_softmax(-1), *map(as_torch, (TARGETS, steps, SIZES)), 0, reduction, True
        ),
        LOGITS,
        order=1,
    )


def test_a_label_of_probability_0_is_on_no_path_and_leaves_finite_gradients():
    logp = mg.log_softmax(LOGITS, -1).copy()
    logp[:, :, 3] = -np.inf
    x = leaf(logp)
    found = mg.ctc_loss(x, TARGETS, STEPS, SIZES, reduction="none")
    assert np.isinf(found.data).tolist() == [True, False, False, True]
    g = grad(found, x, np.ones(N), create_graph=True)
    assert np.isfinite(g.data).all()
    assert np.isfinite(grad((g * g).sum(), x).data).all()


def test_long_sequences_of_small_probabilities_do_not_underflow():
    x = leaf(np.full((2000, 1, 50), -1000.0, "float32"))
    found = mg.ctc_loss(x, np.arange(1, 31)[None], [2000], [30], reduction="sum")
    np.testing.assert_allclose(found.item(), 2e6, rtol=1e-3)
    np.testing.assert_allclose(gradient(found, x).sum((1, 2)), -1, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_loss_and_its_gradient_have_the_dtype_of_the_probabilities(dtype):
    x = leaf(mg.log_softmax(LOGITS, -1), dtype)
    found = mg.ctc_loss(x, TARGETS, STEPS, SIZES)
    assert found.dtype == gradient(found, x).dtype == dtype
    expected = mg.ctc_loss(x.data.astype("float64"), TARGETS, STEPS, SIZES).item()
    np.testing.assert_allclose(found.item(), expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"log_probs": LOGITS[0, 0]}, ValueError, r"log_probs has shape \(5,\); \(T, N, C\)"),
        ({"log_probs": LOGITS[:0]}, ValueError, r"log_probs has shape \(0, 4, 5\)"),
        ({"targets": TARGETS * 1.0}, ValueError, "targets are float64"),
        ({"targets": TARGETS[:3]}, ValueError, r".*\(3, 4\) do not fit 4 sequences"),
        ({"targets": TARGETS[0]}, ValueError, r".*\(4,\) do not fit 4 .*\[4, 2, 0, 4\]"),
        ({"targets": TARGETS + 2}, IndexError, "label 5 in sequence 0"),
        ({"blank": 1}, IndexError, "label 1 in sequence 0 is the blank"),
        ({"blank": 5}, ValueError, "blank is 5, which is none of the 5 classes"),
        ({"blank": -1}, ValueError, "blank is -1"),
        ({"blank": 0.0}, ValueError, "blank is 0.0, which is none"),
        ({"blank": "0"}, ValueError, "blank is '0', which is none"),
        ({"input_lengths": STEPS + 1}, ValueError, r"input_lengths has numbers outside \[1, 8\]"),
        ({"input_lengths": STEPS * 0}, ValueError, r"input_lengths has numbers outside \[1, 8\]"),
        ({"input_lengths": STEPS[:2]}, ValueError, r"input_lengths is int64 of shape \(2,\)"),
        ({"target_lengths": SIZES + 1}, ValueError, r"target_lengths has numbers outside \[0, 4\]"),
        ({"target_lengths": SIZES - 1}, ValueError, r"target_lengths has numbers outside"),
        ({"target_lengths": SIZES / 1}, ValueError, "target_lengths is float64"),
        ({"reduction": "batchmean"}, ValueError, "reduction must be"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, words):
    given = {
        "log_probs": LOGITS,
        "targets": TARGETS,
        "input_lengths": STEPS,
        "target_lengths": SIZES,
    }
    with pytest.raises(error, match=f"^ctc_loss: {words}"):
        mg.ctc_loss(**given | change)
