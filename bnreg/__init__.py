"""Paired experiments on MNIST: did it help, by how much, and how sure can we be?"""

# No module is imported here, not even typing: with `python -m bnreg` it could be taken from the current folder.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bnreg.report.judgement import Verdicts

__version__ = "0.5.0"


def judge(results: "Any", **request: "Any") -> "Verdicts":
    """Judge results that any tool wrote, as ``bnreg judge`` does: ``print(bnreg.judge(frame, arm="method"))``.

    Args:
        results: A data frame, a mapping of columns, or the path of a CSV file.
        request: The options of ``bnreg judge``, with underscores: see ``bnreg.foreign.judging.Request``.

    Raises:
        UserError: If anything about the results or the request is not clear, a line for each mistake.
    """
    import os
    from pathlib import Path

    from bnreg.foreign.judging import Request, judge_table
    from bnreg.foreign.table import read_table, table_of, text_of
    from bnreg.report.judgement import Verdicts

    is_file = isinstance(results, (str, os.PathLike))
    table = read_table(Path(results)) if is_file else table_of(results)
    # Arms and columns may be called by numbers in a frame; a table has texts.
    if isinstance(request.get("arm"), list):  # of a wide table
        request["arm"] = ",".join(map(text_of, request["arm"]))
    names = ("arm", "seed", "metric", "baseline", "point", "where")
    named = {key: text_of(request[key]) for key in names if request.get(key) is not None}
    return Verdicts(judge_table(table, Request(**request | named)))
