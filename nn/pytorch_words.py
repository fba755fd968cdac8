"""PyTorch's words that mean nothing here: the error says the line that takes their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


class Word:
    """An attribute that is not there, with a remedy. A `__getattr__` would cost every attribute that is."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        message = f"{owner.__name__} has no attribute {self.name!r}; {self.remedy}"
        raise AttributeError(message, name=self.name, obj=module)


def no_zeros(owner: str) -> ValueError:
    """The error for `zero_grad(set_to_none=False)`."""
    return ValueError(
        f"{owner}.zero_grad: set_to_none=False is not offered: a gradient here is None or the sum of what backward "
        "gave, and zeros would let an optimiser move what got none"
    )


_DELETE = "delete the call: arrays are in the memory of the CPU, or with .to(cupy) on a GPU"


def no_device(owner: str, met: Any) -> TypeError:
    """The error for `.to("cuda")` and `.to(torch.float64)`."""
    return TypeError(
        f"{owner}.to: {met!r} is no array library and no function that makes arrays; write .to(cupy) to compute on a "
        "GPU, .to(np) for the memory of the CPU, and for a dtype .astype(np.float64)"
    )


_HOOKS = "gradients pass through Tensors: call register_hook of the output in a .register_forward_hook(f)"


class PyTorchWords:
    """The words that a Module has not; a subclass or an instance may have its own of the same name."""

    if not TYPE_CHECKING:
        double = Word("write .astype(np.float64)")
        float = Word("write .astype(np.float32)")
        half = Word("write .astype(np.float16)")
        bfloat16 = Word("NumPy has no such dtype; write .astype(np.float16)")
        type = Word("write .astype(np.float64)")
        cpu = Word("write .to(np)")
        cuda = Word("write .to(cupy)")
        share_memory = Word(_DELETE)
        device = Word(
            "type(p.data) says where a parameter is, and .to(cupy) or .to(np) moves the model"
        )
        register_module = Word("write .add_module(name, module)")
        set_submodule = Word("set the attribute `name` of .get_submodule(path)")
        register_full_backward_hook = Word(_HOOKS)
        register_backward_hook = Word(_HOOKS)
        compile = Word("write minigrad.compile(f), f being a function that calls the model")
