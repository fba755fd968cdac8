"""Q-learning with a replay memory and a target net, on a walk along a chain: PyTorch's program, and its port.

After PyTorch's tutorial. Mnih et al.: Human-level control through deep reinforcement learning (2015).
"""

from collections import deque, namedtuple

import numpy as np
from ports import assert_losses_are_pytorchs, begun, losses

import minigrad
import nn
from minigrad import Tensor


class Chain:
    """Eight cells in a row: at the right end is a reward of 1, at the left one of 0.1; both end the walk."""

    def __init__(self, rng, size=8):
        self.rng, self.size, self.place = rng, size, 3

    def state(self):
        return np.eye(self.size)[self.place]

    def step(self, action):
        before = self.state()
        self.place += 1 if action else -1
        done = self.place in (0, self.size - 1)
        reward = 0.0 if not done else 1.0 if self.place else 0.1
        transition = before, int(action), self.state(), reward, done
        if done:
            self.place = int(self.rng.integers(1, self.size - 1))
        return transition


def batches(steps):
    return [()] * steps


# The program ---------------------------------------------------------------------------------------------


def in_pytorch(torch):
    nn, F = torch.nn, torch.nn.functional

    Transition = namedtuple("Transition", ("state", "action", "next_state", "reward", "done"))

    class ReplayMemory:
        def __init__(self, capacity):
            self.memory = deque(maxlen=capacity)

        def push(self, *args):
            self.memory.append(Transition(*args))

        def sample(self, batch_size, rng):
            picked = rng.choice(len(self.memory), batch_size, replace=False)
            return [self.memory[i] for i in picked]

        def __len__(self):
            return len(self.memory)

    class DQN(nn.Module):
        def __init__(self, n_observations, n_actions):
            super().__init__()
            self.layer1 = nn.Linear(n_observations, 24)
            self.layer2 = nn.Linear(24, 24)
            self.layer3 = nn.Linear(24, n_actions)

        def forward(self, x):
            x = F.relu(self.layer1(x))
            x = F.relu(self.layer2(x))
            return self.layer3(x)

    def training(policy_net, target_net, batch_size=16, gamma=0.9):
        rng = np.random.default_rng(0)
        env = Chain(rng)
        target_net.load_state_dict(policy_net.state_dict())
        optimizer = torch.optim.AdamW(policy_net.parameters(), lr=3e-3, amsgrad=True)
        steps_done = 0
        memory = ReplayMemory(500)
        for _ in range(40):
            memory.push(*env.step(rng.integers(2)))

        def select_action(state, eps=0.3):
            if rng.random() < eps:
                return rng.integers(2)
            with torch.no_grad():
                return policy_net(torch.from_numpy(state).unsqueeze(0)).max(1)[1].item()

        def optimize_model():
            batch = Transition(*zip(*memory.sample(batch_size, rng), strict=True))
            state_batch = torch.from_numpy(np.stack(batch.state))
            action_batch = torch.tensor(batch.action).unsqueeze(1)
            reward_batch = torch.from_numpy(np.stack(batch.reward))
            not_done = ~torch.tensor(batch.done)
            state_action_values = policy_net(state_batch).gather(1, action_batch)
            with torch.no_grad():
                next_states = torch.from_numpy(np.stack(batch.next_state))
                next_state_values = target_net(next_states).max(1)[0] * not_done
            expected_state_action_values = next_state_values * gamma + reward_batch
            criterion = nn.SmoothL1Loss()
            loss = criterion(state_action_values, expected_state_action_values.unsqueeze(1))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
            optimizer.step()
            return loss

        def step():
            nonlocal steps_done
            memory.push(*env.step(select_action(env.state())))
            loss = optimize_model()
            steps_done += 1
            if steps_done % 5 == 0:
                target_net.load_state_dict(policy_net.state_dict())
            return loss

        return step

    return training, DQN(8, 2), DQN(8, 2)


def in_minigrad():
    Transition = namedtuple("Transition", ("state", "action", "next_state", "reward", "done"))

    class ReplayMemory:
        def __init__(self, capacity):
            self.memory = deque(maxlen=capacity)

        def push(self, *args):
            self.memory.append(Transition(*args))

        def sample(self, batch_size, rng):
            picked = rng.choice(len(self.memory), batch_size, replace=False)
            return [self.memory[i] for i in picked]

        def __len__(self):
            return len(self.memory)

    class DQN(nn.Module):
        def __init__(self, n_observations, n_actions):
            super().__init__()
            self.layer1 = nn.Linear(n_observations, 24)
            self.layer2 = nn.Linear(24, 24)
            self.layer3 = nn.Linear(24, n_actions)

        def forward(self, x):
            x = minigrad.relu(self.layer1(x))
            x = minigrad.relu(self.layer2(x))
            return self.layer3(x)

    def training(policy_net, target_net, batch_size=16, gamma=0.9):
        rng = np.random.default_rng(0)
        env = Chain(rng)
        target_net.load_state_dict(policy_net.state_dict())
        optimizer = nn.optim.AdamW(policy_net.parameters(), lr=3e-3, amsgrad=True)
        steps_done = 0
        memory = ReplayMemory(500)
        for _ in range(40):
            memory.push(*env.step(rng.integers(2)))

        def select_action(state, eps=0.3):
            if rng.random() < eps:
                return rng.integers(2)
            with minigrad.no_grad():
                return policy_net(Tensor(state).expand_dims(0)).argmax(1).item()

        def optimize_model():
            batch = Transition(*zip(*memory.sample(batch_size, rng), strict=True))
            state_batch = Tensor(np.stack(batch.state))
            action_batch = Tensor(batch.action).expand_dims(1)
            reward_batch = Tensor(np.stack(batch.reward))
            not_done = ~Tensor(batch.done)
            state_action_values = minigrad.take_along_axis(policy_net(state_batch), action_batch, 1)
            with minigrad.no_grad():
                next_states = Tensor(np.stack(batch.next_state))
                next_state_values = target_net(next_states).max(1) * not_done
            expected_state_action_values = next_state_values * gamma + reward_batch
            criterion = nn.SmoothL1Loss()
            loss = criterion(state_action_values, expected_state_action_values.expand_dims(1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(policy_net.parameters(), 100)
            optimizer.step()
            return loss

        def step():
            nonlocal steps_done
            memory.push(*env.step(select_action(env.state())))
            loss = optimize_model()
            steps_done += 1
            if steps_done % 5 == 0:
                target_net.load_state_dict(policy_net.state_dict())
            return loss

        return step

    return training, DQN(8, 2), DQN(8, 2)


# What is promised ----------------------------------------------------------------------------------------


def test_ten_steps_are_pytorchs(torch_in_float64):
    assert_losses_are_pytorchs(torch_in_float64, in_pytorch, in_minigrad, batches(10))


def test_the_policy_walks_to_the_larger_reward_and_knows_what_each_cell_is_worth():
    step, policy, _ = begun(in_minigrad)
    losses(step, batches(600))
    worth = policy(np.eye(8)).data[1:-1]  # in the cells between the ends
    assert worth.argmax(axis=1).tolist() == [1] * 6
    np.testing.assert_allclose(worth[:, 1], 0.9 ** np.arange(5, -1, -1), atol=0.1)
