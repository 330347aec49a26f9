"""The output of ``bnreg train --dry-run``."""

from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bnreg.wording import as_written, counted, short_names


def plan_table(plan: dict[str, Any]) -> Group:
    """The plan as text and a table: points × arms × seeds, networks, parameters, and the memory they may take.

    Args:
        plan: The return value of ``Plan.describe``.
    """
    counts = [
        counted(plan["num_points"], "point"),
        counted(len(plan["arms"]), "arm"),
        counted(len(plan["seeds"]), "seed"),
    ]
    title = Text.assemble(
        (plan["name"], "bold"), f": {' × '.join(counts)} = {counted(plan['num_replicas'], 'replica')}"
    )

    point_keys = list(plan["cells"][0]["point"])
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for header in (*short_names(point_keys), "arm", "data", "network"):
        table.add_column(Text(header), overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    for cell in plan["cells"]:
        values = [as_written(cell["point"][key]) for key in point_keys]
        arm = f"{cell['arm']} (baseline)" if cell["arm"] == plan["baseline"] else cell["arm"]
        sizes = "-".join(cell["layers"])
        table.add_row(*map(Text, (*values, arm, cell["data"], sizes, f"{cell['num_parameters']:,}")))

    shards = plan["shards"]
    num_steps = sum(shard["steps"] for shard in shards)
    work = (
        f"{counted(len(shards), 'shard')} of up to {counted(max(shard['replicas'] for shard in shards), 'replica')}, "
        f"{num_steps:,} steps in all"
    )
    memory = f"about {plan['memory_bytes'] / 1e9:.1f} GB of memory"
    where = f"{counted(plan['num_workers'], 'worker')} on {plan['device']}, {memory}"
    return Group(title, "", table, "", Text(work), Text(where))
