"""Write one training step of six nets as scripts of NumPy's functions, forward and back: the files in demos/scripts.

python demos/six_scripts.py
python demos/six_scripts.py --out /tmp/scripts
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from support import parser_for, run

import minigrad
import nn

HERE = Path(__file__).parent / "scripts"
CLASSES = 10


class Recurrent(nn.Module):
    """An LSTM over a sequence (L, N, 8); its last state is scored."""

    def __init__(self) -> None:
        self.lstm = nn.LSTM(8, 16)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0][-1])


class Block(nn.Module):
    """A block of a GPT: attention to what came before, and a small net, each beside a way past it."""

    def __init__(self, width: int, heads: int) -> None:
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        h = self.ln1(x)
        x = x + self.attention(h, h, h, is_causal=True)[0]
        return x + self.down(minigrad.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    """Scores for the next of 10 letters, after each of 8 letters."""

    def __init__(self) -> None:
        self.letter, self.place = nn.Embedding(CLASSES, 16), nn.Parameter(np.zeros((8, 16), "f"))
        self.block = Block(16, 2)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, letters: Any) -> Any:
        return self.head(self.block(self.letter(letters) + self.place)).reshape(-1, CLASSES)


def nets() -> dict[str, tuple[nn.Module, np.ndarray, np.ndarray]]:
    """(the net, an example x, labels y) by the name of its script."""
    images, labels = np.zeros((32, 1, 8, 8), "f"), np.zeros(32, int)
    points, words = np.zeros((32, 64), "f"), np.zeros((4, 8), int)
    layers = (nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    normed = (nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU())
    return {
        "spiral": (nn.MLP([2, 100, 3]), np.zeros((300, 2), "f"), np.zeros(300, int)),
        "mlp": (nn.MLP([64, 32, 32, CLASSES]), points, labels),
        "cnn": (nn.Sequential(*layers, nn.Linear(128, CLASSES)), images, labels),
        "layer_norm": (nn.Sequential(*normed, nn.Linear(32, CLASSES)), points, labels),
        "lstm": (Recurrent(), np.zeros((12, 32, 8), "f"), labels),
        "gpt": (GPT(), words, np.zeros(32, int)),
    }


def script_of(model: nn.Module, x: np.ndarray, y: np.ndarray) -> Any:
    """The script of one step: the loss, and the gradient of each parameter."""

    def step(x: np.ndarray, y: np.ndarray) -> minigrad.Tensor:
        loss = minigrad.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return minigrad.script(step, x, y)


def main() -> None:
    parser = parser_for(__doc__, seeded="nothing that is written")
    parser.set_defaults(out=HERE)
    arguments = parser.parse_args()
    for name, (model, x, y) in nets().items():
        path = arguments.out / f"{name}.py"
        script_of(model, x, y).save(path)
        print(f"wrote {path}")


if __name__ == "__main__":
    run(main)
