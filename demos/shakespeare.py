"""Train a transformer to write, one character after the other, and let it write.

    python demos/shakespeare.py                      learns from Shakespeare's As You Like It, which lies beside it
    python demos/shakespeare.py --text FILE          learns from any other text, the longer the better (UTF-8)
    python demos/shakespeare.py --steps 300          a first look
    python demos/shakespeare.py --watch              and a judgement on the training, with a page of plots

The model reads up to 64 characters and says how probable each character is as the next one. What it learns is to
make the next character of the text probable: the loss is -log of the probability it gave, the mean over all places.
A place attends to those before it alone ("causal"), so that one pass predicts all 64 places at once, and none has
seen its answer.

The last tenth of the text is held out: it is never learned from. The loss on it to beat is the bigram model's, which
knows of each pair of characters how often it stands in the text, and no more. While the loss on the rest falls and this
one does not, the model learns the text by heart; dropout and weight decay put that off.
"""

from __future__ import annotations

import math
import textwrap
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from support import (
    COLORS,
    Loss,
    add_watch,
    judge,
    parser_for,
    positive,
    progress_bar,
    run,
    save_figure,
    step_of,
    watch_of,
)

import minigrad
import nn
from minigrad import picture
from nn.data import Characters, DataLoader, Subset

TEXT = Path(__file__).with_name("as_you_like_it.txt")
HELD_OUT = 0.1
CONTEXT = 64  # characters
WIDTH = 128  # numbers by which a place of the context is known
HEADS = 4
LAYERS = 3
DROPOUT = 0.1
BATCH_SIZE = 32
STEPS = 2000
LEARNING_RATE = 2e-3  # of AdamW, at its highest
WARM_UP = 100  # steps
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.1
MEASURED = 20  # times during training
LENGTH = 500  # characters that it writes at the start, in the middle and at the end
TEMPERATURE = 0.8  # of the writing: below 1 the probable characters are preferred even more


class Writer(nn.Module):
    """Logits of the next character (N, L, characters) at each place of x (N, L), of integers, L <= CONTEXT."""

    def __init__(self, characters: int) -> None:
        self.characters = nn.Embedding(characters, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 4 * WIDTH, DROPOUT, batch_first=True, norm_first=True
            )
            for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters)

    def forward(self, x: np.ndarray) -> minigrad.Tensor:
        y = self.dropout(self.characters(x) + self.places(np.arange(x.shape[1])))
        for layer in self.layers:
            y = layer(y, is_causal=True)
        return self.head(self.norm(y))


def read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: its byte {error.start} is no character; convert it first"
        ) from None
    least = math.ceil((CONTEXT + 1) / HELD_OUT)
    if len(text) < least:
        raise ValueError(f"{path} has {len(text)} characters; at least {least} are needed to learn")
    return text


def loss_of(model: Writer, x: np.ndarray, y: np.ndarray) -> minigrad.Tensor:
    """The mean of -log p(next character) over the CONTEXT places of each block; y are the next ones."""
    logits = model(x)
    return minigrad.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))


def held_out_loss(model: Writer, text: Characters) -> float:
    """The loss on all of the text, cut into blocks that lie side by side."""
    blocks = Subset(text, range(0, len(text), CONTEXT))
    model.eval()
    with minigrad.no_grad():
        total = sum(loss_of(model, x, y).item() * len(y) for x, y in DataLoader(blocks, 64))
    model.train()
    return total / len(blocks)


def bigram_loss(text: np.ndarray, held_out: np.ndarray, characters: int) -> float:
    """The held-out loss of p(b after a) = (1 + how often b follows a) / (characters + how often any does)."""
    counts = np.ones((characters, characters))
    np.add.at(counts, (text[:-1], text[1:]), 1)
    log_p = np.log(counts / counts.sum(axis=1, keepdims=True))
    last = (len(held_out) - 1) // CONTEXT * CONTEXT  # the model predicts no more than these
    return float(-log_p[held_out[:last], held_out[1 : last + 1]].mean())


def write(model: Writer, text: Characters, length: int) -> str:
    """Characters drawn one by one by the probabilities that the model gives after those before them."""
    written = [max(text.vocabulary.find("\n"), 0)]
    rng = np.random.default_rng(0)
    model.eval()
    with minigrad.no_grad():
        for _ in range(length):
            logits = model(np.array([written[-CONTEXT:]]))[0, -1].astype("float64")
            p = minigrad.softmax(logits / TEMPERATURE).numpy()
            written.append(int(rng.choice(len(p), p=p)))
    model.train()
    return text.decode(written[1:])


def schedule_of(optimizer: nn.optim.Optimizer, steps: int) -> nn.schedule.SequentialLR:
    """The learning rate rises linearly for a while, then falls along half a cosine to 0."""
    warm_up = min(WARM_UP, steps // 4 + 1)
    rise = nn.schedule.LinearLR(optimizer, 1 / warm_up, total_iters=warm_up)
    fall = nn.schedule.CosineAnnealingLR(optimizer, max(1, steps - warm_up))
    return nn.schedule.SequentialLR(optimizer, [rise, fall], milestones=[warm_up])


def training(
    model: Writer, steps: int
) -> tuple[nn.optim.Optimizer, nn.schedule.SequentialLR, Loss]:
    """The model's optimiser, the schedule of its rate, and the loss of a batch of blocks."""
    optimizer = nn.optim.AdamW(
        model.parameters(), LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY
    )
    return optimizer, schedule_of(optimizer, steps), partial(loss_of, model)


@dataclass
class History:
    """The loss of each step; the held-out loss, and what was written, with the steps that were done before."""

    losses: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    written: list[tuple[int, str]] = field(default_factory=list)


def train(
    model: Writer,
    text: Characters,
    held_out: Characters,
    steps: int,
    length: int,
    watch: picture.Watch | None = None,
) -> History:
    history, began, every = History(), time.perf_counter(), max(1, steps // MEASURED)
    optimizer, schedule, loss_here = training(model, steps)
    update = step_of(optimizer, loss_here, watch=watch)
    with progress_bar(total=steps, unit=" steps") as bar:

        def look(step: int) -> None:
            if step % every == 0 or step == steps:
                history.held_out.append((step, held_out_loss(model, held_out)))
                if watch is not None:
                    watch.note(validation_loss=history.held_out[-1][1])
                learned = f"loss {np.mean(history.losses[-every:]):.4f}  " if step else ""
                bar.clear()
                print(
                    f"step {step:5}  {learned}held out {history.held_out[-1][1]:.4f}  "
                    f"{time.perf_counter() - began:.0f} s",
                    flush=True,
                )
            if step in (0, steps // 2, steps):
                history.written.append((step, write(model, text, length)))
                bar.clear()
                print(textwrap.indent(history.written[-1][1], "    | ", lambda _: True), flush=True)

        for step in range(steps):
            look(step)
            loss = update(*text.batch(minigrad.generator().integers(0, len(text), BATCH_SIZE)))
            schedule.step()
            history.losses.append(loss.item())
            bar.set_postfix(loss=f"{np.mean(history.losses[-50:]):.3f}", refresh=False)
            bar.update()
        look(steps)
    return history


def draw(history: History, bigram: float, path: Path) -> None:
    """The loss of every step, the held-out loss with the bigram model's, and what the model wrote."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    curves, *pages = figure.subplots(1, 1 + len(history.written), width_ratios=[2, 1, 1, 1])
    curves.plot(history.losses, color=COLORS[0], linewidth=0.4, alpha=0.5, label="each step")
    curves.plot(*zip(*history.held_out, strict=True), "o-", color=COLORS[1], ms=3, label="held out")
    curves.axhline(bigram, color=COLORS[2], linestyle="--", label=f"bigram model, {bigram:.2f}")
    curves.set(title=f"held-out loss {history.held_out[-1][1]:.2f} at the end", xlabel="step")
    curves.set(ylabel="-log p(next character)")
    curves.legend(frameon=False)
    curves.grid(alpha=0.2)
    curves.spines[["top", "right"]].set_visible(False)
    for axes, (step, text) in zip(pages, history.written, strict=True):
        axes.axis("off")
        axes.set_title(f"written after {step} steps", fontsize=10, loc="left")
        lines = [part for line in text.splitlines() for part in textwrap.wrap(line, 34) or [""]]
        shown = "\n".join(lines[:26]).replace("$", r"\$")  # which would begin a formula
        axes.text(0, 1, shown, va="top", family="monospace", fontsize=7.5)
    save_figure(figure, path)


def main() -> None:
    parser = parser_for(__doc__, seeded="weights and order")
    parser.add_argument("--text", type=Path, default=TEXT, help="a file of text in UTF-8")
    parser.add_argument("--steps", type=positive, default=STEPS, help="default: %(default)s")
    parser.add_argument(
        "--length", type=positive, default=LENGTH, help="characters to write; default: %(default)s"
    )
    add_watch(parser)
    arguments = parser.parse_args()

    letters = read(arguments.text)
    alphabet, cut = "".join(sorted(set(letters))), round(len(letters) * (1 - HELD_OUT))
    text, held_out = (
        Characters(part, CONTEXT, alphabet) for part in (letters[:cut], letters[cut:])
    )
    bigram = bigram_loss(text.codes, held_out.codes, len(alphabet))
    minigrad.seed(arguments.seed)
    model = Writer(len(alphabet))
    print(
        f"{cut:,} characters to learn from, {len(letters) - cut:,} held out, {len(alphabet)} different"
    )
    print(f"{sum(p.size for p in model.parameters()):,} parameters")
    print(
        f"held-out loss of a guess {math.log(len(alphabet)):.4f}, of the bigram model {bigram:.4f}"
    )

    start = time.perf_counter()
    watch = watch_of(arguments, model)
    history = train(model, text, held_out, arguments.steps, arguments.length, watch)
    print(f"{time.perf_counter() - start:.1f} s in all")
    draw(history, bigram, arguments.out / "shakespeare.png")
    judge(watch, arguments.out / "shakespeare_training.html")


if __name__ == "__main__":
    run(main)
