"""The cases of nn's losses, as those of its layers; a target is `fixed` where PyTorch has no gradient for it."""

import numpy as np

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
    "KLDivLoss": [
        layer([logarithms(4, 3), distributions(4, 3)], reduction="batchmean"),
        layer([logarithms(4, 3), logarithms(4, 3)], reduction="sum", log_target=True),
        layer([logarithms(4, 3), distributions(4, 3)], reduction="none"),
    ],
}
