"""A comparison as a fragment of HTML, for a notebook or within a page.

It stands on a background of its own, because a notebook's theme need not be the system's.
"""

from collections.abc import Sequence

from jinja2 import Environment
from markupsafe import Markup

from bnreg.analysis.comparison import Block
from bnreg.metrics import label_of
from bnreg.report.comparison.notes import notes_on
from bnreg.report.comparison.summary import newest_last, summary_grids
from bnreg.report.comparison.tables import caption_of, facts_of, name_of, tables_of
from bnreg.report.grid import html

STYLE = """\
.bnreg-summary {
  color-scheme: light dark;
  --bnreg-ink: light-dark(#1f2328, #e6edf3);
  --bnreg-faint: light-dark(#59636e, #9da7b3);
  --bnreg-paper: light-dark(#ffffff, #12161c);
  --bnreg-rule: light-dark(#d1d9e0, #3d444d);
  --bnreg-good: light-dark(#116329, #7ee2a0);
  --bnreg-bad: light-dark(#a40e26, #ff9a92);
  --bnreg-same: light-dark(#0550ae, #79c0ff);
  font: 14px/1.5 system-ui, sans-serif;
  color: var(--bnreg-ink);
  background: var(--bnreg-paper);
  padding: 0.75em 1em;
  overflow-x: auto;
}
/* The theme that JupyterLab or VS Code was set to. */
[data-jp-theme-light="true"] .bnreg-summary, .vscode-light .bnreg-summary { color-scheme: light; }
[data-jp-theme-light="false"] .bnreg-summary, .vscode-dark .bnreg-summary { color-scheme: dark; }
.bnreg-summary .bnreg-note { margin: 0; color: var(--bnreg-faint); }
.bnreg-summary details { margin-bottom: 0.4em; }
.bnreg-summary .bnreg-table { border-collapse: collapse; margin: 0.4em 0 0.9em; font-size: inherit; }
.bnreg-summary caption { text-align: left; color: var(--bnreg-faint); padding-bottom: 0.2em; }
.bnreg-summary .bnreg-table :is(th, td) {
  text-align: left; font-weight: normal; padding: 0.2em 0.9em 0.2em 0; color: inherit; background: none; border: 0;
}
.bnreg-summary .bnreg-table .bnreg-head { font-weight: 600; border-bottom: 1px solid var(--bnreg-rule); }
.bnreg-summary .bnreg-table .bnreg-number {
  text-align: right; white-space: pre; font-variant-numeric: tabular-nums;
}
.bnreg-chip { border: 1px solid; border-radius: 1em; padding: 0 0.6em; white-space: nowrap; }
.bnreg-helped { color: var(--bnreg-good); }
.bnreg-hurt { color: var(--bnreg-bad); }
.bnreg-equivalent { color: var(--bnreg-same); }
.bnreg-inconclusive { color: var(--bnreg-faint); border-style: dashed; }
"""

_FRAGMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<div class="bnreg-summary">
<style>
{{ style }}</style>
{% for table in overview %}
{{ table }}
{% endfor %}
{% for block in blocks %}
<details{{ " open" if blocks | length == 1 }}>
<summary><strong>{{ block.name }}</strong>: {{ block.facts }}</summary>
{% for table in block.tables %}
{{ table }}
{% endfor %}
{% for note in block.notes %}
<p class="bnreg-note">{{ note }}</p>
{% endfor %}
</details>
{% endfor %}
</div>
""")


def summary_table(blocks: Sequence[Block]) -> str:
    """The tables of a comparison as HTML, with their style: several runs begin with a table that has them all.

    Args:
        blocks: The comparison.
    """
    ordered = newest_last(blocks)
    overview = summary_grids(ordered) if len(ordered) > 1 else {}
    return _FRAGMENT.render(
        style=Markup(STYLE),
        overview=[html(grid, f"verdicts on {label_of(metric)}") for metric, grid in overview.items()],
        blocks=[
            {
                "name": block.views[0].id if len(block.views) == 1 else name_of(block),
                "facts": ", ".join(facts_of(block)),
                "tables": [html(table.grid, caption_of(block, table)) for table in tables_of(block)],
                "notes": notes_on(block),
            }
            for block in ordered
        ],
    )
