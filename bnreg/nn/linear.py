"""The linear layer z = W x + b, for a stack of replicas at once."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class StackedLinear(nn.Module):
    """One linear layer for each replica: z = W x + b.

    Replicas are stacked along the first axis. The input may have one row per replica on that axis, or fewer, F, if
    replicas share their inputs: replica r then reads input r mod F. This is how the arms of a seed share each batch
    without copying it.

    Args:
        num_replicas: Number of stacked layers, R.
        num_inputs: Width of the input.
        num_outputs: Width of the output.
        bias: Whether b exists. Before a batch norm it should not: β replaces it, and b would have no true gradient.
    """

    KINDS: ClassVar[dict[str, str]] = {"weight": "weights", "bias": "biases"}

    def __init__(self, num_replicas: int, num_inputs: int, num_outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_replicas, num_outputs, num_inputs))
        self.bias = nn.Parameter(torch.zeros(num_replicas, 1, num_outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (F, batch, inputs) to z of shape (R, batch, outputs), where F divides R."""
        if x.shape[0] == 1:  # in evaluation all replicas read the same images: one product instead of R
            x = x.expand(self.weight.shape[0], -1, -1)
        z: Tensor = _StackedProduct.apply(x, self.weight)
        return z if self.bias is None else z + self.bias


class _StackedProduct(torch.autograd.Function):
    """z = x Wᵀ per replica, where F inputs serve R = A·F replicas.

    Written by hand because autograd can share an input only by copying it A times, or by concatenating A products and
    splitting their gradients again; writing each product directly into its place trains a stack of eight arms 1.4 times
    as fast.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        z = x.new_empty(weight.shape[0], x.shape[1], weight.shape[1])
        for z_arm, weight_arm in zip(torch.split(z, x.shape[0]), torch.split(weight, x.shape[0]), strict=True):
            torch.bmm(x, weight_arm.mT, out=z_arm)
        return z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """∂L/∂W = (∂L/∂z)ᵀ x, and ∂L/∂x = ∂L/∂z W summed over the arms that share x."""
        (grad_z,) = gradients
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.bmm(grad_z, weight).view(-1, *x.shape).sum(0)
        if ctx.needs_input_grad[1]:
            grad_weight = torch.empty_like(weight)
            arms = zip(torch.split(grad_weight, x.shape[0]), torch.split(grad_z, x.shape[0]), strict=True)
            for grad_weight_arm, grad_z_arm in arms:
                torch.bmm(grad_z_arm.mT, x, out=grad_weight_arm)
        return grad_x, grad_weight
