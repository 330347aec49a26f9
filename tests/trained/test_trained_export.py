"""An exported file contains the network, and is compared with it before it is accepted."""

import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load
from torch import nn

from bnreg.errors import RunError, UserError
from bnreg.nn.architecture import Architecture
from bnreg.nn.network import StackedNetwork
from bnreg.trained.export import check_onnx, onnx_bytes, safetensors_bytes
from bnreg.trained.ordinary import as_torch

CNN = Architecture(image_shape=(6, 6), num_classes=4, hidden=(5,), channels=(3,), norm="batch")
SLOPES = replace(CNN, activation="prelu")


@torch.no_grad()
def make_network(architecture):
    torch.manual_seed(0)
    network = StackedNetwork(architecture, 1).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    for _, norm in network.batch_norms:
        norm.set_statistics(torch.randn_like(norm.beta), torch.rand_like(norm.beta) * 4)
    return network


@pytest.fixture(scope="module")
def model():
    return onnx_bytes(make_network(SLOPES), {"arm": "bn"})


def test_an_onnx_model_agrees_with_its_network_for_batches_of_any_size(model, tiny):
    """``tiny`` has 200 test images, and one of them is also classified alone."""
    agreement = check_onnx(model, make_network(SLOPES), tiny)
    assert agreement.num_images == agreement.num_agreeing == 200
    assert 0 <= agreement.largest_difference < 1e-4


@torch.no_grad()
@pytest.mark.parametrize("change", [3e-3, float("nan")])
def test_an_onnx_model_that_does_not_agree_is_refused(model, tiny, change):
    network = make_network(SLOPES)
    largest = float(network(torch.from_numpy(tiny.test_images.copy()).float().view(1, -1, 36) / 255).abs().max())
    network.affine_layers[-1].bias[0, 0, 0] += change * largest
    with pytest.raises(RunError, match="logits differ from the network's"):
        check_onnx(model, network, tiny)


def test_an_onnx_model_names_its_inputs_and_outputs(model):
    onnx = pytest.importorskip("onnx")
    proto = onnx.load_model_from_string(model)
    onnx.checker.check_model(proto)
    (images,), (logits,) = proto.graph.input, proto.graph.output
    assert (images.name, logits.name) == ("images", "logits")
    sizes = [dim.dim_param or dim.dim_value for dim in images.type.tensor_type.shape.dim]
    assert sizes == ["batch", 1, 6, 6]
    assert {entry.key: entry.value for entry in proto.metadata_props}["arm"] == "bn"


@pytest.mark.parametrize("missing", ["onnxruntime", "onnxscript"])
def test_without_the_extra_onnx_is_refused_with_the_remedy(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=r"needs the extra: pip install 'bnreg\[onnx\]'"):
        onnx_bytes(make_network(CNN), {})


def test_a_safetensors_file_is_a_state_that_torch_loads():
    network = make_network(SLOPES)
    state = load(safetensors_bytes(network, {"arm": "bn"}))
    ordinary = nn.Sequential()
    for name, layer in [
        ("conv0", nn.Conv2d(1, 3, 3, padding=1, bias=False)),
        ("norm0", nn.BatchNorm2d(3)),
        ("activation0", nn.PReLU()),
        ("pool0", nn.MaxPool2d(2)),
        ("to_nodes", nn.Flatten()),
        ("linear0", nn.Linear(27, 5, bias=False)),
        ("norm1", nn.BatchNorm1d(5)),
        ("activation1", nn.PReLU()),
        ("linear1", nn.Linear(5, 4)),
    ]:
        ordinary.add_module(name, layer)
    ordinary.load_state_dict(state)
    images = torch.rand(3, 1, 6, 6)
    assert torch.equal(ordinary.eval()(images), as_torch(network, 0)(images))
