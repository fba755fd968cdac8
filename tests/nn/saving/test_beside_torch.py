"""Every layer's weights go through a file to PyTorch and back, and both then compute the same, gradients too."""

import numpy as np
import pytest
from layers_in_pytorch import EVERY, PYTORCHS_OWN, assert_steps_agree, inputs_of, made, theirs_of

import nn

pytest.importorskip("safetensors")


@PYTORCHS_OWN
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_a_layer_saved_by_one_is_loaded_by_the_other(tmp_path, torch, name, case):
    from safetensors.torch import load_file, save_file

    path = tmp_path / "layer.safetensors"
    theirs, ours = theirs_of(torch, name, case, "float32"), made(name, case, "float32")
    inputs = list(inputs_of(name, case, "float32"))
    save_file(theirs.state_dict(), path)
    nn.load(path, ours)
    assert_steps_agree(torch, case, ours.eval(), theirs.eval(), inputs, "float32")
    for parameter in ours.parameters():
        parameter.assign(np.random.default_rng(0).uniform(-1, 1, parameter.shape))
    nn.save(path, ours)
    theirs.load_state_dict(load_file(path))
    assert_steps_agree(torch, case, ours, theirs, inputs, "float32")
