"""The published figures with which pages compare a run: data/dd2424_report.yaml."""

from pathlib import Path
from typing import Any

from yaml import YAMLError

from charloom.core.base.errors import Damaged
from charloom.core.settings.records import Matrices, Record
from groundwork.yaml12 import parsed


class Published(Record):
    """A point of a published curve; smooth_loss is in nats per sequence."""

    update: int
    smooth_loss: float


class ReportFigures(Published):
    """The result of a public report of the assignment: smooth loss, in nats per sequence, after `update` updates.

    year        the edition of the assignment
    repository  where the report is published
    """

    year: int
    repository: str


class EditionFigures(Record):
    """An edition of the assignment.

    params    its recipe: params by dotted names
    lecturer  the lecturer's smooth losses, in nats per sequence, by updates
    reports   results of public reports
    """

    params: dict[str, Any]
    lecturer: dict[int, float]
    reports: list[ReportFigures]


class PublishedFigures(Record, extra="ignore"):
    """data/dd2424_report.yaml: the published figures that a picture or a table shows.

    text            name of the text of the published report, with a remark in parentheses
    drawn_beside    SHA-256 of the texts whose curve may be drawn together with the published curve
    settings        params of the published training
    gradient_check  relative errors of the published gradient check
    smooth_loss     the published curve, by updates, in nats per sequence; `best` is its lowest point
    samples         lengths of the published samples in characters, and updates between two samples
    novel           characters and K of the text on which all published networks were trained
    editions        editions of the assignment, by year
    """

    text: str
    drawn_beside: list[str]
    settings: dict[str, float]
    gradient_check: Matrices[float]
    smooth_loss: dict[int, float]
    best: Published
    samples: dict[str, int]
    novel: dict[str, int]
    editions: dict[int, EditionFigures]

    @property
    def title(self) -> str:
        """Return the name of the text, without the remark in parentheses."""
        return self.text.partition(" (")[0]


def read_published(path: Path) -> PublishedFigures:
    """Return the published figures. Raises Damaged, with the file's name, if the file is missing or invalid."""
    try:
        return PublishedFigures.model_validate(parsed(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as error:
        raise Damaged(f"{path}: {' '.join(str(error).split())}; `git checkout {path}` restores it") from None
