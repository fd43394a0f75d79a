"""Find the blocks of a transformer, whatever its code calls them."""

from collections.abc import Iterator

import torch
from torch.nn import Module, ModuleList
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from stages.common.errors import UserError
from stages.common.probe import note, probe_batch, probe_logits

PRODUCTS = (torch.nn.Linear, Conv1D)  # modules that multiply states by a matrix


class Blocks:
    """The blocks of a model, lowest first; each is one module, or several that take turns with those of the others.

    Attributes:
        names: of each block, the names of its modules in the model.
    """

    def __init__(self, model: Module, names: list[list[str]]) -> None:
        self.model = model
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Module]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Module:
        modules = [self.model.get_submodule(name) for name in self.names[place]]
        return modules[0] if len(modules) == 1 else ModuleList(modules)

    def __setitem__(self, place: int, block: Module) -> None:
        (name,) = self.names[place]
        self.model.set_submodule(name, block)

    @property
    def whole(self) -> bool:
        """Whether each block is one module, so that another can stand in its place."""
        return all(len(names) == 1 for names in self.names)

    def inner_name(self, name: str) -> str:
        """Return the name that a module, or a parameter, has in its block."""
        return next(
            name.removeprefix(f"{block}.") for names in self.names for block in names if name.startswith(f"{block}.")
        )

    def contain(self, name: str) -> bool:
        """Tell whether a module or parameter is inside a block."""
        return any(name.startswith(f"{block}.") for names in self.names for block in names)


def find_blocks(model: PreTrainedModel) -> Blocks:
    """Return the model's blocks: what its outermost lists of modules hold, where those multiply by matrices.

    Lists of one parent and one length take turns (FlauBERT's attentions and its feed-forward layers); others follow one
    another (an encoder's and a decoder's). Where there are several, those that a text never reaches are left out.

    Raises:
        UserError: when the model has none.
    """
    lists = list(outermost_lists(model))
    parents: dict[tuple[str, int], list[list[str]]] = {}
    for name, items in lists:
        parents.setdefault((name.rpartition(".")[0], len(items)), []).append(items)
    groups = [[list(block) for block in zip(*alike, strict=True)] for alike in parents.values()]
    if len(groups) > 1:
        reached = reached_modules(model)
        groups = [group for group in groups if reached is None or group[0][0] in reached]
    if not groups:
        raise UserError(f"model.base: {type(model).__name__} keeps no blocks in a list, which adapters could go into")
    return Blocks(model, [block for group in groups for block in group])


def outermost_lists(model: Module) -> Iterator[tuple[str, list[str]]]:
    """Give each list of modules that multiply by matrices and stands in no other such list, and its items' names."""
    found: list[str] = []
    for name, module in model.named_modules():
        if not isinstance(module, ModuleList) or any(name.startswith(f"{outer}.") for outer in found):
            continue
        items = {f"{name}.{place}": item for place, item in enumerate(module)}
        if all(isinstance(item, ModuleList) for item in module):  # Funnel's: a list for each length of its states
            items = {f"{outer}.{inner}": part for outer, item in items.items() for inner, part in item.named_children()}
        if items and all(any(map(multiplies, item.modules())) for item in items.values()):
            found.append(name)
            yield name, list(items)


def multiplies(module: Module) -> bool:
    """Tell whether a module multiplies states by a matrix and gives nothing else: a router, for one, gives more."""
    if isinstance(module, torch.nn.Conv1d):
        return module.kernel_size == (1,) and module.groups == 1  # in groups, PEFT can't merge an adapter into it
    if not isinstance(module, PRODUCTS):
        return False
    if not type(module).__module__.startswith("transformers.models"):
        return True
    try:
        return isinstance(module(module.weight.new_zeros(1, 1, module.weight.shape[1])), torch.Tensor)
    except Exception:
        return False


def product_names(blocks: Blocks, place: int) -> list[str]:
    """Return the names in the model of the modules of a block that multiply by matrices, in order.

    Those whose weights another block shares, as in Zamba, are left out: an adapter merged into one would be in both.
    """
    others = {id(weight) for other, block in enumerate(blocks) if other != place for weight in block.parameters()}
    found = {
        f"{block}.{inner}": id(module.weight) in others
        for block in blocks.names[place]
        for inner, module in blocks.model.get_submodule(block).named_modules()
        if multiplies(module)
    }
    if shared := [name for name, also_in_others in found.items() if also_in_others]:
        note(
            f"{len(shared)} modules of block {place} share their weights with other blocks: no adapters, as {shared[0]}"
        )
    return [name for name in found if name not in shared]


def reached_modules(model: PreTrainedModel) -> set[str] | None:
    """Return the names of the modules that run for a text; None when the model can't be asked."""
    reached: set[str] = set()
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: reached.add(name))
        for name, module in model.named_modules()
    ]
    try:
        probe_logits(model, probe_batch(model))
    except Exception:  # on the meta device, say; what can't run at all is refused before it is trained
        return None
    finally:
        for hook in hooks:
            hook.remove()
    return reached
