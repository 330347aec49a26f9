"""``bnreg schema``: the JSON Schema of a config."""

import typer

EXAMPLES = ("bnreg schema", "bnreg schema > bnreg.schema.json")


def schema() -> None:
    """Print the JSON Schema of a config: every setting with its type, bounds, choices, default and meaning.

    An editor with YAML support checks and completes a config whose first line is
    `# yaml-language-server: $schema=bnreg.schema.json`, the file beside it; `bnreg init` writes both.
    """
    from bnreg.config.json_schema.experiment import schema_text
    from bnreg.experiment.choices import all_choices

    typer.echo(schema_text(all_choices()), nl=False)
