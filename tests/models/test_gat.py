"""Attention along the edges of a graph, which sorts its nodes: PyTorch's program, and its port.

After public PyTorch versions of Velickovic et al.: Graph Attention Networks (2017).
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn


def graph(seed=0, n=40):
    """x of each node, edges (from, to) mostly within three groups, the groups, and the nodes whose group is told."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    edges = rng.random((n, n)) < np.where(labels[:, None] == labels, 0.25, 0.02)
    source, target = np.nonzero(edges | edges.T | np.eye(n, dtype=bool))
    x = rng.standard_normal((n, 8))
    x[:, :3] += np.eye(3)[labels]
    return x, source, target, labels, np.arange(15)


def batches(steps):
    return [graph()] * steps


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    class GATLayer(nn.Module):
        def __init__(self, in_features, out_features, n_heads, concat):
            super().__init__()
            self.n_heads, self.out_features, self.concat = n_heads, out_features, concat
            self.linear = nn.Linear(in_features, n_heads * out_features, bias=False)
            self.a_source = nn.Parameter(torch.empty(1, n_heads, out_features))
            self.a_target = nn.Parameter(torch.empty(1, n_heads, out_features))
            self.leaky_relu = nn.LeakyReLU(0.2)
            nn.init.xavier_uniform_(self.linear.weight)
            nn.init.xavier_uniform_(self.a_source)
            nn.init.xavier_uniform_(self.a_target)

        def forward(self, x, source, target):
            n = x.size(0)
            h = self.linear(x).view(n, self.n_heads, self.out_features)  # (N, H, F)
            scores_source = (h * self.a_source).sum(dim=-1)  # (N, H)
            scores_target = (h * self.a_target).sum(dim=-1)
            e = self.leaky_relu(scores_source[source] + scores_target[target])  # (E, H)
            # softmax over the edges that end in one node
            index = target.unsqueeze(-1).expand(-1, self.n_heads)
            top = e.new_full((n, self.n_heads), -torch.inf).scatter_reduce(
                0, index, e.detach(), "amax"
            )
            e = torch.exp(e - top[target])
            total = e.new_zeros(n, self.n_heads).index_add(0, target, e)
            alpha = e / total[target]
            messages = alpha.unsqueeze(-1) * h[source]  # (E, H, F)
            out = h.new_zeros(n, self.n_heads, self.out_features).index_add(0, target, messages)
            return out.flatten(1) if self.concat else out.mean(dim=1)

    class GAT(nn.Module):
        def __init__(self, n_features, n_hidden, n_classes, n_heads):
            super().__init__()
            self.dropout = nn.Dropout(0.0)
            self.layer1 = GATLayer(n_features, n_hidden, n_heads, concat=True)
            self.layer2 = GATLayer(n_heads * n_hidden, n_classes, 1, concat=False)

        def forward(self, x, source, target):
            x = F.elu(self.layer1(self.dropout(x), source, target))
            x = self.layer2(self.dropout(x), source, target)
            return F.log_softmax(x, dim=1)

    def training(model):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)

        def step(x, source, target, labels, idx_train):
            model.train()
            optimizer.zero_grad()
            output = model(x, source, target)
            loss = F.nll_loss(output[idx_train], labels[idx_train])
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, GAT(8, 8, 3, 2)


def in_minigrad():
    class GATLayer(nn.Module):
        def __init__(self, in_features, out_features, n_heads, concat):
            super().__init__()
            self.n_heads, self.out_features, self.concat = n_heads, out_features, concat
            self.linear = nn.Linear(in_features, n_heads * out_features, bias=False)
            self.a_source = nn.Parameter(nn.init.zeros((1, n_heads, out_features)))
            self.a_target = nn.Parameter(nn.init.zeros((1, n_heads, out_features)))
            self.leaky_relu = nn.LeakyReLU(0.2)
            self.linear.weight.assign(nn.init.xavier_uniform(self.linear.weight.shape))
            self.a_source.assign(nn.init.xavier_uniform(self.a_source.shape))
            self.a_target.assign(nn.init.xavier_uniform(self.a_target.shape))

        def forward(self, x, source, target):
            n = x.shape[0]
            h = self.linear(x).reshape(n, self.n_heads, self.out_features)  # (N, H, F)
            scores_source = (h * self.a_source).sum(axis=-1)  # (N, H)
            scores_target = (h * self.a_target).sum(axis=-1)
            e = self.leaky_relu(scores_source[source] + scores_target[target])  # (E, H)
            # softmax over the edges that end in one node
            top = minigrad.scatter_max(
                np.full_like(e, -np.inf, shape=(n, self.n_heads)), target, e.detach()
            )
            e = minigrad.exp(e - top[target])
            total = minigrad.scatter_add(np.zeros_like(e, shape=(n, self.n_heads)), target, e)
            alpha = e / total[target]
            messages = alpha.expand_dims(-1) * h[source]  # (E, H, F)
            out = minigrad.scatter_add(np.zeros_like(h), target, messages)
            return out.flatten(1) if self.concat else out.mean(axis=1)

    class GAT(nn.Module):
        def __init__(self, n_features, n_hidden, n_classes, n_heads):
            super().__init__()
            self.dropout = nn.Dropout(0.0)
            self.layer1 = GATLayer(n_features, n_hidden, n_heads, concat=True)
            self.layer2 = GATLayer(n_heads * n_hidden, n_classes, 1, concat=False)

        def forward(self, x, source, target):
            x = minigrad.elu(self.layer1(self.dropout(x), source, target))
            x = self.layer2(self.dropout(x), source, target)
            return minigrad.log_softmax(x, axis=1)

    def training(model):
        optimizer = nn.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)

        def step(x, source, target, labels, idx_train):
            model.train()
            optimizer.zero_grad()
            output = model(x, source, target)
            loss = minigrad.nll_loss(output[idx_train], labels[idx_train])
            loss.backward()
            optimizer.step()
            return loss

        return step

    return training, GAT(8, 8, 3, 2)


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_it_sorts_the_nodes_whose_group_it_was_not_told():
    step, model = begun(in_minigrad)
    x, source, target, labels, _ = graph()
    losses(step, batches(60))
    with minigrad.no_grad():
        found = model(x, source, target).data.argmax(axis=1)
    assert np.mean(found[15:] == labels[15:]) > 0.8
