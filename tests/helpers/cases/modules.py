"""A module as a function of its parameters, and what it gives as a flat list."""

import nn


def places_of(module):
    """(owner, name) of every Parameter in the tree."""
    return [
        (owner, name)
        for owner in module.modules()
        for name, value in vars(owner).items()
        if isinstance(value, nn.Parameter)
    ]


def as_function(module, run):
    """run(module, *inputs) as a function of (*parameters, *inputs), and the arrays that the parameters hold."""
    places = places_of(module)
    arrays = [getattr(owner, name).data for owner, name in places]

    def f(*values):
        parameters, inputs = values[: len(places)], values[len(places) :]
        for (owner, name), value in zip(places, parameters, strict=True):
            vars(owner)[name] = value
        return run(module, *inputs)

    return f, arrays


def flat(outputs):
    """The arrays in tuples of any depth, in order; None is left out."""
    if isinstance(outputs, (tuple, list)):
        return [array for output in outputs for array in flat(output)]
    return [] if outputs is None else [outputs]
