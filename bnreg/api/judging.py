"""The verdicts on results of other tools, from Python: ``bnreg.judge``."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from bnreg.api.kinds import told_in_python
from bnreg.foreign.judging import Request, judge_table
from bnreg.foreign.table import read_table, table_of, text_of
from bnreg.report.judgement import Verdicts
from bnreg.wording import unknown

_NAMES = ("arm", "seed", "metric", "baseline", "point", "where")


@told_in_python
def judge(results: Any, **request: Any) -> Verdicts:
    """Judge results that any tool wrote, as ``bnreg judge`` does.

    Args:
        results: A data frame, a mapping of columns, or the path of a CSV file.
        request: The options of ``bnreg judge``, with underscores, such as ``smallest_effect="0.2pp"``.

    Raises:
        UserError: If anything about the results or the request is not clear, a line for each mistake.

    Example:
        >>> frame = run.summary[["arm", "seed", "final_test_accuracy"]]
        >>> found = bnreg.judge(frame, metric="final_test_accuracy", baseline="plain")
        >>> found.record["comparisons"][0]["verdict"]
        'helped'
    """
    known = [one.name for one in fields(Request)]
    for name in request:
        if name not in known:
            raise TypeError(f"judge: {unknown('keyword', name, known)}")
    is_file = isinstance(results, (str, os.PathLike))
    table = read_table(Path(results)) if is_file else table_of(results)
    # Arms and columns may be called by numbers in a frame; a table has texts.
    if isinstance(request.get("arm"), list):  # of a wide table
        request["arm"] = ",".join(map(text_of, request["arm"]))
    named = {key: text_of(request[key]) for key in _NAMES if request.get(key) is not None}
    return Verdicts(judge_table(table, Request(**request | named)))
