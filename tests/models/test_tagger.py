"""A tagger of words by a bidirectional LSTM over sentences of unequal lengths, in PyTorch and ported from it."""

import numpy as np
import pytest
from beside_torch import doubled

import minigrad
import nn

torch = pytest.importorskip("torch", reason="the port is compared with PyTorch, not installed here")
rnn = torch.nn.utils.rnn

# In PyTorch ----------------------------------------------------------------------------------------------


class TaggerInPyTorch(torch.nn.Module):
    def __init__(self, words, tags, width, hidden):
        super().__init__()
        self.embedding = torch.nn.Embedding(words, width, padding_idx=0)
        self.lstm = torch.nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.readout = torch.nn.Linear(2 * hidden, tags)

    def forward(self, x, lengths):
        e = self.embedding(x)
        packed = rnn.pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False)
        packed, _ = self.lstm(packed)
        h, _ = rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return self.readout(torch.relu(h))


def train_in_pytorch(model, batches):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for x, tags, lengths in batches:
        x = torch.tensor(x)
        tags = torch.tensor(tags)
        lengths = torch.tensor(lengths)
        logits = model(x, lengths)
        logits = logits.view(-1, logits.shape[-1])
        loss = torch.nn.functional.cross_entropy(logits, tags.view(-1), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy_in_pytorch(model, x, tags, lengths):
    model.eval()
    with torch.no_grad():
        guesses = model(torch.tensor(x), torch.tensor(lengths)).argmax(dim=-1)
    tags = torch.tensor(tags)
    known = tags != -1
    return (guesses[known] == tags[known]).double().mean().item()


# Ported --------------------------------------------------------------------------------------------------


class Tagger(nn.Module):
    def __init__(self, words, tags, width, hidden):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(2 * hidden, tags)

    def forward(self, x, lengths):
        e = self.embedding(x)
        h, _ = self.lstm(e, lengths=lengths)
        return self.readout(minigrad.relu(h))


def train(model, batches):
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for x, tags, lengths in batches:
        x = minigrad.Tensor(x)
        tags = minigrad.Tensor(tags)
        lengths = minigrad.Tensor(lengths)
        logits = model(x, lengths)
        logits = logits.reshape(-1, logits.shape[-1])
        loss = minigrad.cross_entropy(logits, tags.reshape(-1), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model, x, tags, lengths):
    model.eval()
    with minigrad.no_grad():
        guesses = model(minigrad.Tensor(x), minigrad.Tensor(lengths)).argmax(axis=-1)
    tags = minigrad.Tensor(tags)
    known = tags != -1
    return (guesses[known] == tags[known]).astype(float).mean().item()


# What is promised ----------------------------------------------------------------------------------------


def sentences(rng, count, longest=7):
    """Words 1 to 5, padded by 0; the tag of a word is 0 if a larger one follows it, 1 if not, 2 at the end."""
    lengths = rng.integers(2, longest + 1, count)
    x, tags = np.zeros((count, longest), int), np.full((count, longest), -1)
    for row, of_row, n in zip(x, tags, lengths, strict=True):
        row[:n] = rng.integers(1, 6, n)
        of_row[: n - 1] = row[: n - 1] >= row[1:n]
        of_row[n - 1] = 2
    return x, tags, lengths


def both():
    torch.manual_seed(0)
    theirs = TaggerInPyTorch(6, 3, 5, 8).double()
    ours = doubled(Tagger(6, 3, 5, 8))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_the_losses_of_ten_steps_and_the_accuracy_are_pytorchs():
    rng = np.random.default_rng(0)
    batches = [sentences(rng, 6) for _ in range(10)]
    ours, theirs = both()
    expected = train_in_pytorch(theirs, batches)
    assert train(ours, batches) == pytest.approx(expected, rel=1e-10, abs=0)
    seen = sentences(rng, 20)
    assert accuracy(ours, *seen) == accuracy_in_pytorch(theirs, *seen)


def test_the_tagger_learns_the_language():
    rng = np.random.default_rng(1)
    ours, _ = both()
    losses = train(ours, [sentences(rng, 16) for _ in range(100)])
    assert losses[-1] < 0.2 * losses[0]
    assert accuracy(ours, *sentences(rng, 50)) > 0.95
