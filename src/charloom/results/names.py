"""The name of a run: what differs from the committed params."""

from contextlib import suppress

from ruamel.yaml.error import YAMLError

from charloom.base.errors import Unavailable
from charloom.base.yaml_text import parsed
from charloom.results.git import committed
from charloom.settings.experiment import naming_params, run_name
from charloom.settings.params import PARAMS, Params, flat


def name_of(params: Params) -> str:
    """Return the run's name, as `run_name` does. Where Git knows no params, nothing counts as different."""
    usual = naming_params(params)  # nothing differs
    with suppress(Unavailable, YAMLError, ValueError, AttributeError):  # no commit, or no mapping in it
        usual = dict(flat(parsed(committed(PARAMS))))
    return run_name(params, usual)
