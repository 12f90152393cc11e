"""How a step brings its table up to date."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from flight_gaps.tables import Table, Window
from flight_gaps.warehouse import Warehouse


@dataclasses.dataclass(frozen=True)
class Output:
    """The statements that own a table. Tables stand in braces; `@start_day` begins the window."""

    create: str
    truncate: str
    insert: str

    def rewrite(
        self,
        warehouse: Warehouse,
        window: Window,
        *,
        tables: Mapping[str, Table],
        **parameters: dt.date | dt.datetime | int,
    ) -> None:
        """Make sure of the table, drop everything from the start of the window on, insert the window."""
        warehouse.run(self.create.format(**tables))
        warehouse.run(self.truncate.format(**tables), start_day=window.start)
        warehouse.run(self.insert.format(**tables), **parameters)
