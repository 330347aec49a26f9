"""The textbook's loop: a DataLoader, ToTensor, the lecture's two networks and two optimisers."""

import time
from collections.abc import Iterable
from typing import Any

from tools.benchmark.processes import answer, turn

BATCH = 100


def textbook(*, root: str, num_examples: int, device: str = "cpu") -> dict[str, Any]:
    """Seconds of one epoch on one thread, and of evaluating both sets after it.

    Args:
        root: A folder with the extracted files of MNIST, for torchvision.
        num_examples: How many of each set to use.
        device: Where the networks are, and each batch is sent.
    """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    torch.set_num_threads(1)

    def loader(train: bool, **options: Any) -> Iterable[Any]:
        examples = datasets.MNIST(root, train=train, transform=transforms.ToTensor())
        return DataLoader(Subset(examples, range(min(num_examples, len(examples)))), batch_size=BATCH, **options)

    plain = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    bn = nn.Sequential(
        nn.Linear(784, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    networks = [(one, torch.optim.Adam(one.to(device).parameters(), lr=1e-3)) for one in (bn, plain)]
    turn()
    start = time.perf_counter()
    for images, labels in loader(train=True, shuffle=True):
        x, y = images.view(-1, 784).to(device), labels.to(device)
        for network, optimizer in networks:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
    trained = time.perf_counter()
    with torch.no_grad():
        for network, _ in networks:
            network.eval()
        for train in (True, False):
            for images, labels in loader(train=train):
                x, y = images.view(-1, 784).to(device), labels.to(device)
                for network, _ in networks:
                    logits = network(x)
                    nn.functional.cross_entropy(logits, y, reduction="sum").item()
                    (logits.argmax(1) == y).sum().item()
    return {"seconds": [trained - start], "evaluation": time.perf_counter() - trained}


if __name__ == "__main__":
    answer(textbook)
