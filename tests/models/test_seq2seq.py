"""A sequence to a sequence, with attention: digits are written backwards; in PyTorch, and ported from it."""

import numpy as np
import pytest
from beside_torch import doubled

import minigrad
import nn

torch = pytest.importorskip("torch", reason="the port is compared with PyTorch, not installed here")

# In PyTorch ----------------------------------------------------------------------------------------------


class Seq2SeqInPyTorch(torch.nn.Module):
    def __init__(self, tokens, width, hidden):
        super().__init__()
        self.embedding = torch.nn.Embedding(tokens, width)
        self.encoder = torch.nn.GRU(width, hidden, batch_first=True)
        self.cell = torch.nn.GRUCell(width + hidden, hidden)
        self.query = torch.nn.Linear(hidden, hidden, bias=False)
        self.readout = torch.nn.Linear(2 * hidden, tokens)

    def forward(self, source, target):
        memory, h = self.encoder(self.embedding(source))
        h = h.squeeze(0)
        context = torch.zeros_like(h)
        logits = []
        for t in range(target.shape[1]):
            e = self.embedding(target[:, t])
            h = self.cell(torch.cat([e, context], dim=-1), h)
            scores = torch.bmm(memory, self.query(h).unsqueeze(-1)).squeeze(-1)
            weights = torch.softmax(scores, dim=-1)
            context = torch.bmm(weights.unsqueeze(1), memory).squeeze(1)
            logits.append(self.readout(torch.cat([h, context], dim=-1)))
        return torch.stack(logits, dim=1)


def train_in_pytorch(model, batches):
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for source, start, target in batches:
        source = torch.tensor(source)
        target = torch.tensor(target)
        given = torch.cat([torch.tensor(start), target[:, :-1]], dim=1)
        logits = model(source, given)
        loss = criterion(logits.permute(0, 2, 1), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


# Ported --------------------------------------------------------------------------------------------------


class Seq2Seq(nn.Module):
    def __init__(self, tokens, width, hidden):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.encoder = nn.GRU(width, hidden, batch_first=True)
        self.cell = nn.GRUCell(width + hidden, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.readout = nn.Linear(2 * hidden, tokens)

    def forward(self, source, target):
        memory, h = self.encoder(self.embedding(source))
        h = h.squeeze(0)
        context = np.zeros_like(h)
        logits = []
        for t in range(target.shape[1]):
            e = self.embedding(target[:, t])
            h = self.cell(np.concatenate([e, context], axis=-1), h)
            scores = np.matmul(memory, self.query(h)[..., None]).squeeze(-1)
            weights = minigrad.softmax(scores, axis=-1)
            context = np.matmul(weights[:, None], memory).squeeze(1)
            logits.append(self.readout(np.concatenate([h, context], axis=-1)))
        return np.stack(logits, axis=1)


def train(model, batches):
    criterion = nn.CrossEntropyLoss()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for source, start, target in batches:
        source = minigrad.Tensor(source)
        target = minigrad.Tensor(target)
        given = np.concatenate([minigrad.Tensor(start), target[:, :-1]], axis=1)
        logits = model(source, given)
        loss = criterion(logits.transpose(0, 2, 1), target)
        optimizer.zero_grad()
        loss.backward()
        nn.optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


# What is promised ----------------------------------------------------------------------------------------


def digits(rng, count, length):
    """Digits, the sign to begin with, and the digits backwards."""
    source = rng.integers(0, 10, (count, length))
    return source, np.full((count, 1), 10), source[:, ::-1].copy()


def both():
    torch.manual_seed(0)
    theirs = Seq2SeqInPyTorch(11, 8, 24).double()
    ours = doubled(Seq2Seq(11, 8, 24))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_the_losses_of_ten_steps_are_pytorchs():
    rng = np.random.default_rng(0)
    batches = [digits(rng, 4, length) for length in (3, 4, 5, 6, 7, 3, 4, 5, 6, 7)]
    ours, theirs = both()
    expected = train_in_pytorch(theirs, batches)
    assert train(ours, batches) == pytest.approx(expected, rel=1e-10, abs=0)


def test_digits_are_learned_backwards():
    rng = np.random.default_rng(1)
    ours, _ = both()
    losses = train(ours, [digits(rng, 32, 4) for _ in range(250)])
    assert losses[-1] < 0.2 * losses[0]
    source, start, target = digits(rng, 50, 4)
    written = start
    for _ in range(4):  # its own digits are what it goes on from
        following = ours(source, written).data.argmax(-1)[:, -1:]
        written = np.concatenate([written, following], axis=1)
    assert (written[:, 1:] == target).mean() > 0.9
