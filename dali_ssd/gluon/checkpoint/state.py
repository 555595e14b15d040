"""The contents of a checkpoint: taking them from a training run, and restoring them.

Parameters and momentum are stored by the names that GluonCV's parameter files use, so they do not depend on how many
networks a process has built. MXNet does not expose the state of its random generators, so they are seeded from the
step whenever a checkpoint is written or read: the run that continues and the one that is resumed draw the same numbers
after it. (GluonCV's SSDs draw none while they train.)
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.shapes import difference

__all__ = [
    "optimizer_arrays",
    "parameter_arrays",
    "random_state",
    "restore_arrays",
    "restore_parameters",
    "restore_random_state",
    "restore_running_copies",
    "running_copies",
]

_PARAMETER = "parameters/"
_MOMENTUM = "momentum/"
_COPY = "copy/"


def parameter_arrays(net: Any) -> dict[str, NDArray[Any]]:
    """Copy the parameters of a network, as its first device has them."""
    # MXNet's batch normalization writes running means in its backward pass without the engine's knowledge, so
    # reading them would not wait for it.
    mx.nd.waitall()
    return {_PARAMETER + name: parameter.list_data()[0].asnumpy() for name, parameter in _named(net)}


def running_copies(net: Any, first: int = 0) -> dict[str, NDArray[Any]]:
    """Copy the running means of each device, which differ; `first` is the number of this process's first device.

    Device 0 of all processes is left out: its copies are the parameters.
    """
    mx.nd.waitall()
    return {
        f"{_COPY}{number}/{name}": data.asnumpy()
        for name, parameter in _named(net)
        if parameter.grad_req == "null"
        for number, data in enumerate(parameter.list_data(), start=first)
        if number
    }


def optimizer_arrays(net: Any, trainer: Any) -> dict[str, NDArray[Any]]:
    """Copy the SGD states of a trainer: the momentum, and the float32 copy of a float16 weight."""
    states = trainer._updaters[0].states
    arrays = {}
    for name, parameter in _named(net):
        state = states.get(trainer._param2idx.get(parameter.name))
        for slot, array in enumerate(_slots(state)):
            arrays[f"{_MOMENTUM}{slot}/{name}"] = array.asnumpy()
    return arrays


def restore_arrays(net: Any, trainer: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Restore parameters and SGD states on every device.

    Raises CheckpointError, before anything is changed, if names or shapes are not those of this network.
    """
    restore_parameters(net, arrays)
    for updater, device in zip(trainer._updaters, trainer._contexts, strict=True):
        for name, parameter in _named(net):
            index = trainer._param2idx.get(parameter.name)
            state = _state_on(arrays, name, device)
            if index is not None and state is not None:
                updater.states[index] = state
                updater.states_synced[index] = True


def restore_parameters(net: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Restore the parameters on every device. Raises CheckpointError if they belong to another network."""
    _check_names(net, arrays)
    for name, parameter in _named(net):
        parameter.set_data(mx.nd.array(arrays[_PARAMETER + name], dtype=parameter.dtype))


def restore_running_copies(net: Any, arrays: Mapping[str, NDArray[Any]], first: int = 0) -> None:
    """Restore what `running_copies` returned; other devices keep what `restore_parameters` gave them."""
    for name, parameter in _named(net):
        for number, data in enumerate(parameter.list_data(), start=first):
            copy = arrays.get(f"{_COPY}{number}/{name}")
            if copy is not None:
                data[:] = copy


def random_state(seed: int, step: int) -> dict[str, Any]:
    """Return the states of Python's and NumPy's generators, and seed MXNet's from `seed` and `step`."""
    _seed_mxnet(seed, step)
    return {"python": random.getstate(), "numpy": np.random.get_state()}


def restore_random_state(state: Mapping[str, Any], seed: int, step: int) -> None:
    """Restore what `random_state` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    _seed_mxnet(seed, step)


def _seed_mxnet(seed: int, step: int) -> None:
    mx.random.seed((seed * 1_000_003 + step) % (1 << 31))


def _named(net: Any) -> Iterator[tuple[str, Any]]:
    # Anchors are constants, which the network computes itself.
    for name, parameter in net._collect_params_with_prefix().items():
        if not isinstance(parameter, mx.gluon.Constant):
            yield name, parameter


def _slots(state: Any) -> list[Any]:
    if state is None:
        return []
    return list(state) if isinstance(state, list | tuple) else [state]


def _state_on(arrays: Mapping[str, NDArray[Any]], name: str, device: Any) -> Any:
    slots: list[Any] = []
    while (key := f"{_MOMENTUM}{len(slots)}/{name}") in arrays:
        slots.append(mx.nd.array(arrays[key], ctx=device, dtype=arrays[key].dtype))
    if not slots:
        return None
    return slots[0] if len(slots) == 1 else tuple(slots)


def _check_names(net: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    expected = {name: tuple(parameter.shape) for name, parameter in _named(net)}
    stored = {
        name.removeprefix(_PARAMETER): array.shape for name, array in arrays.items() if name.startswith(_PARAMETER)
    }
    if differ := difference(stored, expected):
        raise CheckpointError(
            f"the checkpoint belongs to another network: {differ}; "
            "are --network, --data-shape and --classes those of the training run?"
        )
