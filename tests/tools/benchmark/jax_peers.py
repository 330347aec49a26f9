"""The lecture's pair of networks trained in JAX, in two ways. Runs in an environment of its own, which lacks bnreg.

``stacked``  jit, lax.scan over an epoch's batches, vmap over the networks of an arm: what a JAX user would write.
``pair``     tuned by hand for one seed: both first layers are one matrix, so the images are read once for both arms and
             no product has a replica axis. More seeds train one after another. That matrix is stored as (outputs,
             inputs), which XLA multiplies a few percent faster than its transpose; a backward pass written by hand,
             unrolled scans, wider vectors, fast math, oneDNN and XNNPACK gained nothing.

Both train what bnreg trains: 784-32-32-10 with ReLU, one network with batch norm and one without, batches of 100, Adam
at 1e-3, from given weights in a given order. The images stay bytes; a batch is gathered and scaled in the step.
"""

import time
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from tools.benchmark.processes import answer, turn

BATCH = 100
LR, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
NORM_EPSILON, NORM_MOMENTUM = 1e-5, 0.1
ARMS = BN, PLAIN = "bn", "plain"

Tree = Any  # of arrays
Networks = dict[str, tuple[Tree, Tree]]  # each arm's parameters and statistics, with a leading axis of seeds


class State(NamedTuple):
    """Networks in training: parameters, running statistics, Adam's two moments and the number of steps."""

    parameters: Tree
    statistics: Tree
    first: Tree
    second: Tree
    num_steps: Array


def begin(parameters: Tree, statistics: Tree) -> State:
    first, second = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    return State(parameters, statistics, first, second, jnp.zeros((), jnp.int32))


def norm(z: Array, layer: Tree) -> tuple[Array, tuple[Array, Array]]:
    """Batch norm of z of shape (batch, width), and the batch's mean and unbiased variance."""
    mean = z.mean(0)
    centred = z - mean
    variance = jnp.square(centred).mean(0)
    y = layer["gamma"] * centred * lax.rsqrt(variance + NORM_EPSILON) + layer["beta"]
    return y, (mean, variance * (len(z) / (len(z) - 1)))


def cross_entropy(logits: Array, labels: Array) -> Array:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def after_first(z: Array, layers: Tree, labels: Array) -> tuple[Array, Tree]:
    """A network's loss given its first pre-activations, and the batch's statistics, which only norms have."""
    statistics = []
    for layer, following in pairwise(layers):
        if "gamma" in layer:
            z, found = norm(z, layer)
            statistics.append(found)
        else:
            z = z + layer["bias"]
        z = jax.nn.relu(z) @ following["weight"]
    return cross_entropy(z + layers[-1]["bias"], labels), statistics


def adam(state: State, gradients: Tree, found: Tree) -> State:
    """The state after a step, as torch computes it."""
    t = state.num_steps + 1
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state.first, gradients)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state.second, gradients)
    root = jnp.sqrt(1 - BETA2**t)
    rate, epsilon = LR * root / (1 - BETA1**t), EPSILON * root
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + epsilon), state.parameters, first, second)
    statistics = jax.tree.map(lambda old, new: old + NORM_MOMENTUM * (new - old), state.statistics, found)
    return State(parameters, statistics, first, second, t)


def batch_of(images: Array, labels: Array, indices: Array) -> tuple[Array, Array]:
    return images[indices].astype(jnp.float32) * np.float32(1 / 255), labels[indices]


def stacked_epoch(state: dict[str, State], images: Array, labels: Array, order: Array) -> dict[str, State]:
    """An epoch of all networks: the state has a leading axis of seeds, the order is (steps, seeds, batch)."""

    def loss(layers: Tree, x: Array, y: Array) -> tuple[Array, Tree]:
        return after_first(x @ layers[0]["weight"], layers, y)

    def step_of_one(state: State, x: Array, y: Array) -> State:
        return adam(state, *jax.grad(loss, has_aux=True)(state.parameters, x, y))

    def step(state: dict[str, State], indices: Array) -> tuple[dict[str, State], None]:
        x, y = batch_of(images, labels, indices)
        return {arm: jax.vmap(step_of_one)(networks, x, y) for arm, networks in state.items()}, None

    return lax.scan(step, state, order)[0]


def pair_epoch(state: State, images: Array, labels: Array, order: Array) -> State:
    """An epoch of one seed's networks: the parameters are ``as_pair``'s, the order is (steps, batch)."""

    def loss(parameters: Tree, x: Array, y: Array) -> tuple[Array, Tree]:
        z = x @ parameters["first"].T
        width = z.shape[1] // 2
        bn, statistics = after_first(z[:, :width], parameters[BN], y)
        plain, _ = after_first(z[:, width:], parameters[PLAIN], y)
        return bn + plain, statistics

    def step(state: State, indices: Array) -> tuple[State, None]:
        x, y = batch_of(images, labels, indices)
        return adam(state, *jax.grad(loss, has_aux=True)(state.parameters, x, y)), None

    return lax.scan(step, state, order)[0]


def as_pair(networks: dict[str, Tree]) -> Tree:
    """Both arms' parameters with their first layers side by side."""
    first = jnp.concatenate([networks[arm][0]["weight"].T for arm in ARMS])
    rest = {
        arm: [{name: values for name, values in layers[0].items() if name != "weight"}, *layers[1:]]
        for arm, layers in networks.items()
    }
    return {"first": first, **rest}


def as_networks(pair: Tree) -> dict[str, Tree]:
    """The reverse of ``as_pair``."""
    halves = jnp.split(pair["first"], 2)
    return {arm: [{"weight": half.T, **pair[arm][0]}, *pair[arm][1:]] for arm, half in zip(ARMS, halves, strict=True)}


def final_loss(layers: Tree, statistics: Tree, images: Array, labels: Array) -> Array:
    """A trained network's loss in eval mode."""
    z = (images.astype(jnp.float32) * np.float32(1 / 255)) @ layers[0]["weight"]
    for number, (layer, following) in enumerate(pairwise(layers)):
        if "gamma" in layer:
            mean, variance = statistics[number]
            z = (z - mean) * lax.rsqrt(variance + NORM_EPSILON) * layer["gamma"] + layer["beta"]
        else:
            z = z + layer["bias"]
        z = jax.nn.relu(z) @ following["weight"]
    return cross_entropy(z + layers[-1]["bias"], labels)


def read(file: Any, arm: str) -> tuple[Tree, Tree]:
    """An arm's parameters and statistics of all seeds from bnreg's names; weights are transposed."""

    def layer(number: int) -> Tree:
        names = {"bias": f"linear{number}.bias", "gamma": f"norm{number}.gamma", "beta": f"norm{number}.beta"}
        found = {name: file[f"{arm}/{key}"][:, 0] for name, key in names.items() if f"{arm}/{key}" in file}
        return {"weight": file[f"{arm}/linear{number}.weight"].transpose(0, 2, 1)} | found

    layers = [layer(number) for number in range(3)]
    norms = [number for number, one in enumerate(layers) if "gamma" in one]
    statistics = [tuple(file[f"{arm}/norm{n}.running_{what}"][:, 0] for what in ("mean", "variance")) for n in norms]
    return jax.tree.map(jnp.asarray, (layers, statistics))


def measure(*, peer: str, path: str) -> dict[str, Any]:
    """Train from the weights and in the orders of a file.

    Args:
        peer: A name in ``PEERS``.
        path: An .npz with ``images`` (bytes), ``labels``, ``order`` of shape (epochs, seeds, examples), and all arms'
            parameters and statistics under bnreg's names.

    Returns:
        Seconds of each epoch, without compilation, and each arm's final loss on the examples of its last epoch by seed.
    """
    with np.load(path) as file:
        images, labels = jnp.asarray(file["images"]), jnp.asarray(file["labels"].astype(np.int32))
        order = jnp.asarray(file["order"].astype(np.int32))
        networks = {arm: read(file, arm) for arm in ARMS}
    batches = order.reshape(*order.shape[:2], -1, BATCH)
    seconds, trained = PEERS[peer](networks, images, labels, batches)
    loss = jax.jit(final_loss)
    losses = {
        arm: [float(loss(*of_seed(one, s), images[ids], labels[ids])) for s, ids in enumerate(order[-1])]
        for arm, one in trained.items()
    }
    return {"seconds": seconds, "losses": losses, "version": jax.__version__}


def train_stacked(networks: Networks, images: Array, labels: Array, batches: Array) -> tuple[list[float], Networks]:
    """Train all seeds at once; the batches have the shape (epochs, seeds, steps, batch)."""
    state = {arm: jax.vmap(begin)(*one) for arm, one in networks.items()}
    orders = [jnp.asarray(of_epoch.swapaxes(0, 1)) for of_epoch in batches]
    epoch = jax.jit(stacked_epoch, donate_argnums=0).lower(state, images, labels, orders[0]).compile()
    seconds = []
    for of_epoch in orders:
        turn()
        start = time.perf_counter()
        state = jax.block_until_ready(epoch(state, images, labels, of_epoch))
        seconds.append(time.perf_counter() - start)
    return seconds, {arm: (one.parameters, one.statistics) for arm, one in state.items()}


def train_pairs(networks: Networks, images: Array, labels: Array, batches: Array) -> tuple[list[float], Networks]:
    """Train one seed after another; the batches have the shape (epochs, seeds, steps, batch)."""
    seeds = range(batches.shape[1])
    states = []
    for seed in seeds:
        pair, statistics = as_pair({arm: of_seed(p, seed) for arm, (p, _) in networks.items()}), networks[BN][1]
        states.append(begin(pair, of_seed(statistics, seed)))
    epoch = jax.jit(pair_epoch, donate_argnums=0).lower(states[0], images, labels, batches[0, 0]).compile()
    seconds = []
    for of_epoch in batches:
        of_seeds = list(of_epoch)
        turn()
        start = time.perf_counter()
        for seed in seeds:
            states[seed] = jax.block_until_ready(epoch(states[seed], images, labels, of_seeds[seed]))
        seconds.append(time.perf_counter() - start)
    trained = [as_networks(state.parameters) for state in states]
    statistics = {BN: together([state.statistics for state in states]), PLAIN: []}
    return seconds, {arm: (together([one[arm] for one in trained]), statistics[arm]) for arm in ARMS}


def of_seed(tree: Tree, seed: int) -> Tree:
    return jax.tree.map(lambda values: values[seed], tree)


def together(trees: list[Tree]) -> Tree:
    """The reverse of ``of_seed``."""
    return jax.tree.map(lambda *values: jnp.stack(values), *trees)


PEERS = {"stacked": train_stacked, "pair": train_pairs}

if __name__ == "__main__":
    answer(measure)
