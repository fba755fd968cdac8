"""Chains of ops, as deep as wanted, with every kind of link."""

import minigrad as mg

LINKS = {  # each keeps 1 at 1, with slope 1
    "add": lambda h, x: h + 0,
    "multiply by a saved value": lambda h, x: h * x,
    "an op with several outputs": lambda h, x: parts(h),
    "a reshape": lambda h, x: mg.reshape(h, (1,)),
    "an op on many arrays": lambda h, x: mg.stack([h, x])[0],
}


def both(x):
    return x * 1, x * 2


two = mg.primitive(both, x=lambda g: g[0] + 2 * g[1])


def parts(h):
    return two(h)[0]


def chain(x, length, link=LINKS["add"]):
    h = x
    for _ in range(length):
        h = link(h, x)
    return h
