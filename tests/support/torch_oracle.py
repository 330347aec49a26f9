"""One replica of a stack as an ordinary torch network, trained by torch's own layers and autograd."""

import torch
from torch import nn


def as_torch(network, replica):
    """Build it layer by layer with copies of the replica's values; images are (batch, pixels), without dropout."""
    layers = []
    places = None
    for name, layer in network.layers.named_children():
        kind = name.rstrip("0123456789")
        if kind == "to_map":
            height, width = network.architecture.image_shape
            layers.append(nn.Unflatten(1, (1, height, width)))
            places = 2
        elif kind == "to_nodes":
            layers.append(nn.Flatten())
            places = None
        elif kind == "linear":
            layers.append(nn.Linear(*reversed(layer.weight.shape[1:]), bias=layer.bias is not None))
        elif kind == "conv":
            num_maps, num_inputs, kernel, _ = layer.weight.shape[1:]
            convolution = nn.Conv2d(
                num_inputs, num_maps, kernel, layer.stride, kernel // 2, bias=layer.bias is not None
            )
            layers.append(convolution)
        elif kind == "norm":
            norm = nn.BatchNorm1d if places is None else nn.BatchNorm2d
            layers.append(norm(layer.gamma.shape[2], layer.epsilon, layer.momentum))
            layers[-1].weight.data = layer.gamma[replica, 0].detach().clone()
            layers[-1].bias.data = layer.beta[replica, 0].detach().clone()
            layers[-1].running_mean = layer.running_mean[replica, 0].clone()
            layers[-1].running_var = layer.running_variance[replica, 0].clone()
        elif kind == "activation":
            layers.append({"relu": nn.ReLU, "tanh": nn.Tanh}[network.architecture.activation]())
        elif kind == "pool":
            layers.append(nn.MaxPool2d(layer.side))
        if kind in {"linear", "conv"}:
            layers[-1].weight.data = layer.weight[replica].detach().clone()
            if layer.bias is not None:
                layers[-1].bias.data = layer.bias[replica, 0].detach().clone()
    return nn.Sequential(*layers).to(network.layers[-1].weight.device)


def assert_same_state(network, replica, single):
    """Assert that the replica's parameters and statistics equal those of the ordinary network."""
    ours = as_torch(network, replica).state_dict()
    for name, value in single.state_dict().items():
        if "num_batches" not in name:
            torch.testing.assert_close(ours[name], value, rtol=1e-9, atol=1e-11, msg=name)
