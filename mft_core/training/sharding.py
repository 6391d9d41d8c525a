"""Parameters, gradients and optimizer states spread over ranks (FSDP2), and whole tensors out of and into them.

Accelerate shards on accelerators only; `fully_shard` itself works on every device that has collectives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(model: nn.Module, accelerator: Accelerator, copies: int = 1) -> nn.Module:
    """Spread `model` over ranks: each decoder layer is gathered when it runs, the rest stays for the whole forward.

    Args:
        model: TokenLossModel on the CPU or its device; changed in place. Layers are the modules that transformers
            says must not be split (`_no_split_modules`).
        accelerator: gives the ranks and the device, and autocasts if it is to.
        copies: of the model, each over as many ranks in a row; they add up their gradients. It divides the ranks.
    """
    ranks = accelerator.num_processes
    shape = (copies, ranks // copies) if copies > 1 else (ranks,)
    mesh = init_device_mesh(accelerator.device.type, shape, mesh_dim_names=("copy", "shard")[-len(shape) :])
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    # "Evaluation" to accelerate means: nothing around the model; it only adds autocast.
    return accelerator.prepare_model(model, evaluation_mode=True)


def decoder_layers(model: nn.Module) -> list[nn.Module]:
    """The modules that transformers' own sharding would keep whole, in the order of the forward."""
    names: set[str] = set()
    for module in model.modules():
        names.update(getattr(module, "_no_split_modules", None) or ())
    return [module for module in model.modules() if type(module).__name__ in names]


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` was applied to it."""
    return isinstance(model, FSDPModule)


def own_copy(model: nn.Module, accelerator: Accelerator) -> tuple[int, int]:
    """Which copy of the model this rank has, or has a part of, and how many copies there are.

    What ranks sum up of their parts of parameters or gradients, each copy would add again.
    """
    if not isinstance(model, FSDPModule):
        return accelerator.process_index, accelerator.num_processes
    mesh = next(parameter.device_mesh for _, parameter in own_parameters(model) if isinstance(parameter, DTensor))
    return (mesh.get_local_rank(0), mesh.size(0)) if mesh.ndim > 1 else (0, 1)


def gradients_kept(model: nn.Module, accelerator: Accelerator, last: bool) -> AbstractContextManager[object]:
    """Around a micro-batch: copies add up their gradients over ranks after the last one of a step or a measurement.

    The shards of a copy do after each: whole gradients have no room.
    """
    if isinstance(model, FSDPModule):
        model.set_requires_all_reduce(last)
        return contextlib.nullcontext()
    return contextlib.nullcontext() if last else accelerator.no_sync(model)


def own_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters the optimizer has, by name: a forward without backward leaves gathered ones in their place."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
    yield from model.named_parameters()


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Those that the optimizer has; gathered ones are given up: what is written into a shard shows in the forward."""
    return [parameter for _, parameter in own_parameters(model) if parameter.requires_grad]


def local_gradient(parameter: nn.Parameter) -> torch.Tensor:
    """This rank's part of a parameter's gradient; 0 where it has none."""
    return local(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).detach()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, gathered from all ranks if it is sharded: then to be called on every rank."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def placed_like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor on the device of `like`, and sharded as `like` is; the same on every rank."""
    tensor = tensor.to(like.device)
    if isinstance(like, DTensor):
        return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)
    return tensor


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This rank's part of a sharded tensor; any other one itself."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
