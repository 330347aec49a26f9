"""The forms of settings that are read as something else than pydantic's own types, for JSON Schema.

The functions that read them, in ``rounds``, ``tuning`` and ``experiment_file``, have the last word.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from bnreg.config.schema import EACH_ONCE, Section
from bnreg.names import SEED_LIMIT
from bnreg.rounds import DECIDED, DEFAULT_FROM, DEFAULT_MOST, DEFAULT_STEP, MAX_SEEDS
from bnreg.tuning import DEFAULT_ON, DEFAULT_SEEDS, MAX_COUNT
from bnreg.tuning import MAX_SEEDS as MAX_TUNING_SEEDS

Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
NumSeeds = Annotated[int, Field(ge=1, le=MAX_SEEDS)]
Seeds = NumSeeds | Annotated[tuple[Seed, ...], Field(min_length=1, max_length=MAX_SEEDS, json_schema_extra=EACH_ONCE)]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class RoundsForm(Section):
    """Seeds that are added in rounds until every comparison is decided."""

    until: Literal["decided"] = Field(examples=[DECIDED], description="until when seeds are added")
    first: Seeds = Field(default=DEFAULT_FROM, alias="from", description="the seeds of the first round")
    step: NumSeeds = Field(default=DEFAULT_STEP, description="number of seeds in each further round")
    at_most: NumSeeds = Field(default=DEFAULT_MOST, description="number of seeds in all")


SeedsForm = Seeds | RoundsForm


class TuneForm(Section):
    """Values among which each arm chooses by itself, besides the dotted keys."""

    on: Annotated[str, Field(json_schema_extra={"enum": [{"table": "tuning_metrics"}]})] = Field(
        default=DEFAULT_ON, description="metric of the validation split that decides"
    )
    seeds: Annotated[int, Field(ge=1, le=MAX_TUNING_SEEDS)] = Field(
        default=DEFAULT_SEEDS, description="number of seeds to choose by"
    )


class TunedForm(Section):
    """How the arms' settings were chosen, as bnreg writes it."""

    run: str = Field(description="the run that trained every combination of values")
    on: str = Field(description="the metric that decided")
    seeds: Count = Field(description="number of its seeds")
    networks: Count = Field(description="number of its networks")
    seconds: Annotated[float, Field(ge=0, le=MAX_COUNT)] = Field(description="how long it took")
    values: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(
        description="dotted key → the values that each arm chose among"
    )
