"""The norm of the input gradient equals torch's, example by example, and measuring changes nothing."""

import pytest
import torch
from torch import nn

from bnreg.diagnostics import input_gradient
from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.examples import Examples
from bnreg.nn.linear import StackedLinear

REPLICAS, PIXELS, CLASSES, EXAMPLES = 4, 6, 3, 23


@pytest.fixture(autouse=True)
def _in_float64_and_in_chunks(float64, monkeypatch):  # noqa: ARG001 # the fixture float64 is needed for its effect
    monkeypatch.setattr(input_gradient, "CHUNK", 10)
    torch.manual_seed(0)


def stacked(*layers):
    """A stack with random parameters and running statistics."""
    network = nn.Sequential(*layers)
    for tensor in network.state_dict().values():
        nn.init.uniform_(tensor, 0.3, 2) if tensor.shape[1] == 1 else nn.init.normal_(tensor)
    return network


def deep(norm):
    norms = [StackedBatchNorm(REPLICAS, 5)] if norm else []
    return stacked(StackedLinear(REPLICAS, PIXELS, 5), *norms, nn.Tanh(), StackedLinear(REPLICAS, 5, CLASSES))


def examples(num_label_rows=1, num_index_rows=1):
    images = torch.randint(0, 256, (50, PIXELS), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (num_label_rows, 50))
    indices = torch.stack([torch.randperm(50)[:EXAMPLES] for _ in range(num_index_rows)])
    return Examples(images, labels, indices)


def as_torch(network, replica):
    """One replica as an ordinary network."""
    layers = []
    for layer in network:
        if isinstance(layer, StackedLinear):
            single = nn.Linear(layer.weight.shape[2], layer.weight.shape[1])
            state = {"weight": layer.weight[replica], "bias": layer.bias[replica, 0]}
        elif isinstance(layer, StackedBatchNorm):
            single = nn.BatchNorm1d(layer.gamma.shape[2], eps=layer.epsilon)
            ours = {"weight": layer.gamma, "bias": layer.beta, "running_mean": layer.running_mean}
            ours["running_var"] = layer.running_variance
            state = {name: tensor[replica, 0] for name, tensor in ours.items()}
            state["num_batches_tracked"] = torch.tensor(0)
        else:
            single, state = nn.Tanh(), {}
        single.load_state_dict(state)
        layers.append(single)
    return nn.Sequential(*layers).eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("num_label_rows", "num_index_rows"), [(1, 1), (1, 2), (2, 1), (2, 2), (4, 4)])
def test_it_is_torchs_for_every_replica_and_example(norm, num_label_rows, num_index_rows, device):
    network = deep(norm)
    images, labels, indices = examples(num_label_rows, num_index_rows)
    there = Examples(*(t.to(device) for t in (images, labels, indices)))
    measured = input_gradient.input_gradient_norm(network.to(device), there)
    network.cpu()
    assert measured.dtype == torch.float64
    expected = torch.zeros(REPLICAS)
    for replica in range(REPLICAS):
        single = as_torch(network, replica)
        for index in indices[replica % num_index_rows]:
            x = (images[index].double() / 255).requires_grad_()
            loss = nn.functional.cross_entropy(single(x[None])[0], labels[replica % num_label_rows, index])
            loss.backward()
            expected[replica] += x.grad.norm() / EXAMPLES
    assert measured.tolist() == pytest.approx(expected.tolist(), rel=1e-10)


def test_the_gradient_of_a_linear_classifier_is_known():
    """∇ₓ loss = Wᵀ (softmax(z) − one-hot label)."""
    network = stacked(StackedLinear(REPLICAS, PIXELS, CLASSES))
    images, labels, indices = examples()
    x, y = images[indices[0]] / 255, labels[0, indices[0]]
    residual = network(x[None]).softmax(2) - nn.functional.one_hot(y, CLASSES)
    expected = (residual @ network[0].weight).norm(dim=2).mean(1)
    measured = input_gradient.input_gradient_norm(network, Examples(images, labels, indices))
    assert measured.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_a_measurement_changes_nothing():
    """Parameters, gradients, buffers, modes and random numbers stay the same; measuring twice gives the same."""
    network = deep(norm=True)
    network[1].eval()  # this layer has its own mode
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    arguments = examples()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    grads = [parameter.grad.clone() for parameter in network.parameters()]
    random = torch.get_rng_state()
    first = input_gradient.input_gradient_norm(network, arguments)
    assert first.shape == (REPLICAS,)
    assert not first.requires_grad
    assert torch.equal(input_gradient.input_gradient_norm(network, arguments), first)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert all(torch.equal(p.grad, grad) for p, grad in zip(network.parameters(), grads, strict=True))
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert network.training


def test_a_measurement_restores_the_mode_even_when_it_fails():
    network = deep(norm=True)
    images, labels, indices = examples()
    with pytest.raises(RuntimeError):
        input_gradient.input_gradient_norm(network, Examples(images[:, 1:], labels, indices))
    assert network.training


def test_gradients_are_measured_even_where_none_are_recorded():
    network, arguments = deep(norm=True), examples()
    outside = input_gradient.input_gradient_norm(network, arguments)
    with torch.no_grad():
        assert torch.equal(input_gradient.input_gradient_norm(network, arguments), outside)
