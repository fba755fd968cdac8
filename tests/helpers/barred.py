"""Images that a net can learn to read in moments: noise, and a bright bar of two rows whose height is the label."""


def barred(rng, shape, top):
    """Images of that shape, (N, ..., H, W), and their labels; the bar of label 0 begins in row `top`."""
    images, labels = rng.integers(0, 64, shape), rng.integers(0, 10, shape[0])
    for image, label in zip(images, labels, strict=True):
        image[..., top + 2 * label : top + 2 * label + 2, :] = 255
    return images, labels
