"""A checker of LaTeX's syntax: what is opened is closed, scripts stand in mathematics, and every command is known."""

import re

KNOWN = {
    "frac", "left", "right", "text", "mathrm", "sqrt", "sum", "odot", "cdot", "le", "ge", "ne", "lor", "land",
    "lnot", "to", "in", "mapsto", "partial", "dots", "approx", "mathrel", "bmod", "infty", "sim", "alpha", "beta",
    "gamma", "delta", "varepsilon", "theta", "lambda", "mu", "nu", "pi", "rho", "sigma", "tau", "phi", "chi", "psi",
    "omega", "eta", "zeta", "kappa", "Gamma", "Delta", "Phi", "Theta", "Lambda", "Sigma", "Omega", "Psi", "exp",
    "log", "tanh", "sin", "cos", "tan", "det", "max", "min", "textbackslash", "textasciitilde", "textasciicircum",
    "textless", "textgreater", "textbar", "ensuremath", "begin", "end", "times",
}  # fmt: skip
_TOKEN = re.compile(r"\\(begin|end)\{([a-z*]+)\}|\\([A-Za-z]+)(\{?)|\\(.)|([{}$^_&#%~])", re.DOTALL)
TABLES = {"cases", "align*", "aligned", "tabular", "pmatrix", "array"}
DISPLAYS = {"align*", "gather*", "multline*", "equation*"}


def check(source, known=()):
    """Raise AssertionError for what LaTeX would not compile; `known` are further commands."""
    opened = []

    def close(kind):
        assert opened[-1:] == [kind], f"{kind} closes {opened[-1:]} in {source}"
        opened.pop()

    for found in _TOKEN.finditer(source):
        ends, environment, command, brace, escaped, sign = found.groups()
        if environment:
            opened.append(environment) if ends == "begin" else close(environment)
        elif command == "left":
            opened.append("left")
        elif command == "right":
            close("left")
        elif command:
            assert command in KNOWN or command in known, f"\\{command} in {source}"
            opened += [command if command in ("text", "ensuremath") else "{"] * bool(brace)
        elif escaped:
            assert escaped in "\\ ,;!:#$%&_{}|", f"\\{escaped} in {source}"
        elif sign == "{":
            opened.append("{")
        elif sign == "}":
            close(opened[-1] if opened[-1:] in (["text"], ["ensuremath"]) else "{")
        elif sign == "$":
            close("$") if opened[-1:] == ["$"] else opened.append("$")
        elif sign in "^_":
            around = [kind for kind in opened if kind in {"$", "text", "ensuremath", *DISPLAYS}]
            assert around[-1:] not in ([], ["text"]), f"{sign} outside of mathematics in {source}"
        elif sign == "&":
            assert TABLES & set(opened), f"& outside of a table in {source}"
        else:
            raise AssertionError(f"{sign} in {source}")
    assert not opened, f"{opened} is left open in {source}"
    assert source.isascii(), [letter for letter in source if not letter.isascii()]
