"""The cases of nn's losses, as those of its layers; a target is `fixed` where PyTorch has no gradient for it."""

import numpy as np

import minigrad

from .layers import fixed, integers, layer


def probabilities(*shape):
    return lambda rng: rng.uniform(0.05, 0.95, shape)


def distributions(*shape):
    """Numbers >= 0 whose sum over axis 1 is 1."""

    def make(rng):
        p = rng.uniform(0.1, 1, shape)
        return p / p.sum(axis=1, keepdims=True)

    return make


def logarithms(*shape):
    return lambda rng: np.log(distributions(*shape)(rng))


def some_ignored(rng):
    return np.array([1, 0, -100, 2, 2])


def times_classes(torch, *args, **options):
    """PyTorch's multiclass hinge loss is ours divided by the number of classes."""
    theirs = torch.nn.MultiMarginLoss(margin=options.pop("margin", 1.0), **options)

    class HingeLoss(torch.nn.Module):
        def forward(self, x, target):
            return theirs(x, target) * x.shape[1]

    return HingeLoss()


def counts(rng):
    return rng.integers(0, 5, (3, 4)) + 0.0


def signs(*shape):
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def squared_distance(x, y):
    return ((x - y) ** 2).sum(-1)


def label_sets(rng):
    """Some labels of four, then -1, then what does not count."""
    return np.array([[2, 0, -1, 1], [-1, -1, -1, -1], [3, 1, 0, 2]])


SPEECH = [(6, 3, 5), lambda rng: np.array([[1, 1, 3], [3, 0, 0], [1, 3, 1]])]


def transcribed(loss, x, labels):
    """The loss of logits, where both have the same gradient; its lengths are no inputs to differentiate."""
    if isinstance(x, minigrad.Tensor):
        return loss(minigrad.log_softmax(x, -1), labels, *map(np.array, ([6, 4, 5], [3, 1, 2])))
    lengths = (labels.new_tensor(n) for n in ([6, 4, 5], [3, 1, 2]))
    return loss(x.log_softmax(-1), labels, *lengths)


WEIGHTS = np.array([0.5, 2.0, 1.0])
LOGITS, LABELS = (5, 3), integers(3, 5)

LOSSES = {
    "CrossEntropyLoss": [
        layer([LOGITS, LABELS]),
        layer([LOGITS, LABELS], WEIGHTS, label_smoothing=0.1),
        layer([LOGITS, some_ignored], reduction="sum"),
        layer([(2, 3, 4, 2), integers(3, 2, 4, 2)], reduction="none"),
        layer([LOGITS, distributions(5, 3)], label_smoothing=0.2),
    ],
    "NLLLoss": [
        layer([LOGITS, LABELS]),
        layer([LOGITS, some_ignored], WEIGHTS),
        layer([(2, 3, 4), integers(3, 2, 4)], WEIGHTS, ignore_index=1, reduction="none"),
    ],
    "HingeLoss": [
        layer([LOGITS, LABELS], theirs=times_classes),
        layer([LOGITS, LABELS], margin=0.5, reduction="sum", theirs=times_classes),
        layer([LOGITS, LABELS], reduction="none", theirs=times_classes),
    ],
    "MSELoss": [layer([(3, 4), (3, 4)]), layer([(3, 4), (3, 4)], reduction="none")],
    "L1Loss": [layer([(3, 4), (3, 4)]), layer([(3, 4), (3, 4)], reduction="sum")],
    "SmoothL1Loss": [
        layer([(3, 4), (3, 4)]),
        layer([(3, 4), (3, 4)], reduction="sum", beta=0.5),
        layer([(3, 4), (3, 4)], reduction="none", beta=0.0),
    ],
    "HuberLoss": [layer([(3, 4), (3, 4)]), layer([(3, 4), (3, 4)], reduction="sum", delta=0.5)],
    "BCELoss": [
        layer([probabilities(3, 4), fixed(probabilities(3, 4))]),
        layer(
            [probabilities(3, 4), fixed(probabilities(3, 4))],
            np.array([1.0, 2, 0.5, 3]),
            reduction="sum",
        ),
    ],
    "BCEWithLogitsLoss": [
        layer([(3, 4), fixed(probabilities(3, 4))]),
        layer(
            [(3, 4), fixed(probabilities(3, 4))],
            weight=np.array([[1.0], [2], [0.5]]),
            reduction="none",
            pos_weight=np.array([1.0, 2, 0.5, 3]),
        ),
    ],
    "GaussianNLLLoss": [
        layer([(3, 4), fixed((3, 4)), probabilities(3, 4)]),
        layer([(3, 4), fixed((3, 4)), probabilities(3, 1)], full=True, reduction="sum"),
        layer([(3, 4), fixed((3, 4)), probabilities(3)], reduction="none"),
    ],
    "PoissonNLLLoss": [
        layer([(3, 4), fixed(counts)]),
        layer([(3, 4), fixed(counts)], full=True, reduction="none"),
        layer([probabilities(3, 4), fixed(counts)], log_input=False, eps=0.1, reduction="sum"),
    ],
    "CTCLoss": [
        layer(SPEECH, run=transcribed),
        layer(SPEECH, 2, "none", True, run=transcribed),
        layer(SPEECH, blank=4, reduction="sum", run=transcribed),
    ],
    "MarginRankingLoss": [
        layer([(3, 4), (3, 4), fixed(signs(3, 4))]),
        layer([(3, 4), (3, 4), fixed(signs(3, 4))], 0.3, reduction="none"),
        layer([(3, 4), (3, 4), fixed(signs(3, 4))], reduction="sum"),
    ],
    "TripletMarginLoss": [
        layer([(4, 3), (4, 3), (4, 3)]),
        layer([(4, 3), (4, 3), (4, 3)], 0.7, 3.0, 0.1, True, reduction="none"),
        layer([(4, 3), (4, 3), (4, 3)], p=1.0, swap=True, reduction="sum"),
    ],
    "TripletMarginWithDistanceLoss": [
        layer([(4, 3), (4, 3), (4, 3)]),
        layer(
            [(4, 3), (4, 3), (4, 3)],
            distance_function=squared_distance,
            margin=0.7,
            swap=True,
            reduction="none",
        ),
    ],
    "HingeEmbeddingLoss": [
        layer([(3, 4), fixed(signs(3, 4))]),
        layer([(3, 4), fixed(signs(3, 4))], 0.3, reduction="none"),
    ],
    "CosineEmbeddingLoss": [
        layer([(4, 3), (4, 3), fixed(signs(4))]),
        layer([(4, 3), (4, 3), fixed(signs(4))], 0.2, reduction="none"),
        layer([(3,), (3,), fixed(signs())], reduction="sum"),
    ],
    "SoftMarginLoss": [
        layer([(3, 4), fixed(signs(3, 4))]),
        layer([(3, 4), fixed(signs(3, 4))], reduction="none"),
    ],
    "MultiMarginLoss": [
        layer([LOGITS, LABELS]),
        layer([LOGITS, LABELS], 2, 0.5, WEIGHTS, reduction="none"),
        layer([(3,), integers(3)], weight=WEIGHTS, reduction="sum"),
    ],
    "MultiLabelMarginLoss": [
        layer([(3, 4), label_sets]),
        layer([(3, 4), label_sets], reduction="none"),
        layer([(4,), lambda rng: label_sets(rng)[0]], reduction="sum"),
    ],
    "MultiLabelSoftMarginLoss": [
        layer([(3, 4), fixed(lambda rng: rng.integers(0, 2, (3, 4)) + 0.0)]),
        layer(
            [(5, 3), fixed(lambda rng: rng.integers(0, 2, (5, 3)) + 0.0)], WEIGHTS, reduction="none"
        ),
    ],
    "CosineSimilarity": [
        layer([(3, 4, 2), (3, 4, 2)]),
        layer([(3, 4), (1, 4)], dim=-1, eps=1e-3),
    ],
    "PairwiseDistance": [
        layer([(3, 4), (3, 4)]),
        layer([(3, 4), (4,)], 3.0, 0.1, True),
        layer([(3, 4), (3, 4)], p=1.0),
    ],
    "KLDivLoss": [
        layer([logarithms(4, 3), distributions(4, 3)], reduction="batchmean"),
        layer([logarithms(4, 3), logarithms(4, 3)], reduction="sum", log_target=True),
        layer([logarithms(4, 3), distributions(4, 3)], reduction="none"),
    ],
}
