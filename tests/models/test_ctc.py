"""A net that writes down synthetic speech, without being told when what is said: PyTorch's program, and its port.

After public PyTorch versions of DeepSpeech 2. Graves et al.: Connectionist Temporal Classification (2006).
"""

from itertools import groupby

import numpy as np
from ports import assert_losses_are_pytorchs, begun, losses

import minigrad
import nn
from minigrad import Tensor

SOUNDS = np.random.default_rng(7).standard_normal((5, 6))  # the first of them is silence


def batches(steps, seed=0, count=8, longest=3, frames=20):
    """Spectrograms of utterances, their labels, and the lengths of both."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(steps):
        labels, sizes = rng.integers(1, 5, (count, longest)), rng.integers(2, longest + 1, count)
        spoken, lengths = np.zeros((count, frames), int), np.zeros(count, int)
        for n in range(count):
            said = [0]
            for label in labels[n, : sizes[n]]:
                said += [label] * rng.integers(2, 5) + [0] * rng.integers(1, 3)
            spoken[n, : len(said)], lengths[n] = said, len(said)
        spectrograms = SOUNDS[spoken].swapaxes(1, 2)
        noise = 0.3 * rng.standard_normal(spectrograms.shape)
        made.append((spectrograms + noise, labels, lengths, sizes))
    return made


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    class SpeechModel(nn.Module):
        def __init__(self, n_mels, n_hidden, n_classes):
            super().__init__()
            self.conv = nn.Conv1d(n_mels, n_hidden, kernel_size=3, padding=1)
            self.norm = nn.LayerNorm(n_hidden)
            self.gru = nn.GRU(n_hidden, n_hidden, batch_first=True, bidirectional=True)
            self.fc = nn.Linear(2 * n_hidden, n_classes)

        def forward(self, x):
            x = self.conv(x)  # (N, H, T)
            x = x.permute(0, 2, 1)  # (N, T, H)
            x = F.gelu(self.norm(x))
            x, _ = self.gru(x)
            x = self.fc(x)
            return F.log_softmax(x, dim=2).transpose(0, 1)  # (T, N, C)

        def transcribe(self, x, lengths, blank=0):
            with torch.no_grad():
                best = self(x).argmax(dim=-1).transpose(0, 1)  # (N, T)
            paths = [
                groupby(row[:n]) for row, n in zip(best.tolist(), lengths.tolist(), strict=True)
            ]
            return [[label for label, _ in path if label != blank] for path in paths]

    def training(model):
        criterion = nn.CTCLoss(blank=0, zero_infinity=True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=200)

        def step(spectrograms, labels, input_lengths, label_lengths):
            optimizer.zero_grad()
            log_probs = model(spectrograms)
            loss = criterion(log_probs, labels, input_lengths, label_lengths)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            scheduler.step()
            return loss

        return step

    return training, SpeechModel(6, 12, 5)


def in_minigrad():
    class SpeechModel(nn.Module):
        def __init__(self, n_mels, n_hidden, n_classes):
            super().__init__()
            self.conv = nn.Conv1d(n_mels, n_hidden, kernel_size=3, padding=1)
            self.norm = nn.LayerNorm(n_hidden)
            self.gru = nn.GRU(n_hidden, n_hidden, batch_first=True, bidirectional=True)
            self.fc = nn.Linear(2 * n_hidden, n_classes)

        def forward(self, x):
            x = self.conv(x)  # (N, H, T)
            x = x.transpose(0, 2, 1)  # (N, T, H)
            x = minigrad.gelu(self.norm(x))
            x, _ = self.gru(x)
            x = self.fc(x)
            return minigrad.log_softmax(x, axis=2).swapaxes(0, 1)  # (T, N, C)

        def transcribe(self, x, lengths, blank=0):
            with minigrad.no_grad():
                best = self(x).argmax(axis=-1).swapaxes(0, 1)  # (N, T)
            paths = [
                groupby(row[:n]) for row, n in zip(best.tolist(), lengths.tolist(), strict=True)
            ]
            return [[label for label, _ in path if label != blank] for path in paths]

    def training(model):
        criterion = nn.CTCLoss(blank=0, zero_infinity=True)
        optimizer = nn.optim.AdamW(model.parameters(), lr=0.01)
        scheduler = nn.schedule.OneCycleLR(optimizer, max_lr=0.01, total_steps=200)

        def step(spectrograms, labels, input_lengths, label_lengths):
            optimizer.zero_grad()
            log_probs = model(spectrograms)
            loss = criterion(log_probs, labels, input_lengths, label_lengths)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            scheduler.step()
            return loss

        return step

    return training, SpeechModel(6, 12, 5)


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_it_writes_down_what_it_has_not_heard():
    step, model = begun(in_minigrad)
    ((spectrograms, labels, lengths, sizes),) = batches(1, seed=1, count=100)
    losses(step, batches(100))
    found = model.transcribe(Tensor(spectrograms), Tensor(lengths))
    said = [row[:n].tolist() for row, n in zip(labels, sizes, strict=True)]
    assert sum(a == b for a, b in zip(found, said, strict=True)) > 90
