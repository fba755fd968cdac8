"""A net that solves the equation of a damped oscillator: PyTorch's program, and its port.

After B. Moseley's tutorial. Raissi et al.: Physics-Informed Neural Networks (2019).
"""

import numpy as np
from ports import assert_compiled_leaves_the_same_bits, assert_losses_are_pytorchs, begun, losses

import minigrad
import nn
from minigrad import Tensor


def batches(steps):
    return [()] * steps


def solution(t, d=0.5, w0=3.0):
    """u'' + 2 d u' + w0^2 u = 0, u(0) = 1, u'(0) = 0."""
    w = np.sqrt(w0**2 - d**2)
    return np.exp(-d * t) * (np.cos(w * t) + d / w * np.sin(w * t))


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn = torch.nn

    class FCN(nn.Module):
        def __init__(self, n_input, n_output, n_hidden, n_layers):
            super().__init__()
            activation = nn.Tanh
            self.fcs = nn.Sequential(nn.Linear(n_input, n_hidden), activation())
            self.fch = nn.Sequential(
                *[
                    nn.Sequential(nn.Linear(n_hidden, n_hidden), activation())
                    for _ in range(n_layers - 1)
                ]
            )
            self.fce = nn.Linear(n_hidden, n_output)

        def forward(self, x):
            x = self.fcs(x)
            x = self.fch(x)
            x = self.fce(x)
            return x

    def training(pinn, d=0.5, w0=3.0):
        t_boundary = torch.tensor(np.zeros((1, 1)), requires_grad=True)
        t_physics = torch.tensor(np.linspace(0, 2, 30)).view(-1, 1).requires_grad_(True)
        mu, k = 2 * d, w0**2
        optimiser = torch.optim.Adam(pinn.parameters(), lr=5e-3)

        def step():
            optimiser.zero_grad()
            # the start: u(0) = 1, u'(0) = 0
            u = pinn(t_boundary)
            loss1 = (torch.squeeze(u) - 1) ** 2
            dudt = torch.autograd.grad(u, t_boundary, torch.ones_like(u), create_graph=True)[0]
            loss2 = (torch.squeeze(dudt) - 0) ** 2
            # the equation: u'' + mu u' + k u = 0
            u = pinn(t_physics)
            dudt = torch.autograd.grad(u, t_physics, torch.ones_like(u), create_graph=True)[0]
            d2udt2 = torch.autograd.grad(dudt, t_physics, torch.ones_like(dudt), create_graph=True)[
                0
            ]
            loss3 = torch.mean((d2udt2 + mu * dudt + k * u) ** 2)
            loss = loss1 + 1e-1 * loss2 + 1e-2 * loss3
            loss.backward()
            optimiser.step()
            return loss

        return step

    return training, FCN(1, 1, 16, 2)


def in_minigrad():
    class FCN(nn.Module):
        def __init__(self, n_input, n_output, n_hidden, n_layers):
            super().__init__()
            activation = nn.Tanh
            self.fcs = nn.Sequential(nn.Linear(n_input, n_hidden), activation())
            self.fch = nn.Sequential(
                *[
                    nn.Sequential(nn.Linear(n_hidden, n_hidden), activation())
                    for _ in range(n_layers - 1)
                ]
            )
            self.fce = nn.Linear(n_hidden, n_output)

        def forward(self, x):
            x = self.fcs(x)
            x = self.fch(x)
            x = self.fce(x)
            return x

    def training(pinn, d=0.5, w0=3.0):
        t_boundary = Tensor(np.zeros((1, 1)), requires_grad=True)
        t_physics = Tensor(np.linspace(0, 2, 30)).reshape(-1, 1).requires_grad_(True)
        mu, k = 2 * d, w0**2
        optimiser = nn.optim.Adam(pinn.parameters(), lr=5e-3)

        def step():
            optimiser.zero_grad()
            # the start: u(0) = 1, u'(0) = 0
            u = pinn(t_boundary)
            loss1 = (minigrad.squeeze(u) - 1) ** 2
            dudt = minigrad.grad(u, t_boundary, np.ones_like(u), create_graph=True)
            loss2 = (minigrad.squeeze(dudt) - 0) ** 2
            # the equation: u'' + mu u' + k u = 0
            u = pinn(t_physics)
            dudt = minigrad.grad(u, t_physics, np.ones_like(u), create_graph=True)
            d2udt2 = minigrad.grad(dudt, t_physics, np.ones_like(dudt), create_graph=True)
            loss3 = minigrad.mean((d2udt2 + mu * dudt + k * u) ** 2)
            loss = loss1 + 1e-1 * loss2 + 1e-2 * loss3
            loss.backward()
            optimiser.step()
            return loss

        return step

    return training, FCN(1, 1, 16, 2)


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_ten_steps_compiled_leave_the_same_bits():
    assert_compiled_leaves_the_same_bits(in_minigrad, batches(10))


def test_the_net_is_the_solution():
    step, pinn = begun(in_minigrad)
    losses(step, batches(500))
    t = np.linspace(0, 2, 101)[:, None]
    np.testing.assert_allclose(pinn(t).data, solution(t), atol=0.1)
