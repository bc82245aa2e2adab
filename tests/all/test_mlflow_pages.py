"""MLflow's own pages in a browser, as `charloom ui` opens them."""

import re

from mlflow_project import tracked
from stores import ui


def test_the_shared_view_begins_with_held_out_bars_and_the_smooth_loss_curve(project, opened):
    tracked(project)
    with ui(project):
        (address,) = re.findall(r"open (http\S+)", project.log())
        page, _ = opened(f"{address}&compareRunsMode=CHART")
        page.get_by_text("smooth_loss", exact=True).first.wait_for(timeout=90_000)
        text = page.locator("body").inner_text()
    names = ("held_out_bits_per_character", "held_out_part_bits_per_character", "smooth_loss")
    places = [re.search(rf"^{name}$", text, re.MULTILINE).start() for name in names]
    assert places == sorted(places)


def test_the_page_of_compared_runs_opens_with_the_held_out_cost(project, opened):
    tracked(project)
    (run,) = project.runs()
    with ui(project):
        (pages,) = re.findall(r"open (http\S+/#)", project.log())
        page, _ = opened(f'{pages}/compare-runs?runs=["{run.info.run_id}"]&experiments=["{run.info.experiment_id}"]')
        page.get_by_text("Metrics:").first.wait_for(timeout=90_000)
        text = page.locator("body").inner_text()
    assert re.search(r"Metrics:\s+held_out_\w*bits_per_character\s", text)
