"""The engine that trains multilayer perceptrons on one CPU core, compiled by numba; it never imports torch.

From the outside in: ``program`` (the networks of a shard), ``stack`` (those of one structure), ``kernels`` (what is
called from Python), ``network`` (a step, in the order of the equations), ``layers`` and ``updates``; below them
``products``, ``activations``, ``random_bits`` and ``vectors``. ``layout`` says where each number of a network lies,
``coverage`` what can be trained, ``parts`` how functions become parts of a program, ``cache`` where programs are kept.
"""
