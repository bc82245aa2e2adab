"""MLflow: the only room that imports it. Runs, models and the pages that show them are made from files.

No number of a result comes from here, and no store can hold a training up or fail it.
"""

import os

# MLflow reads some of these as it is imported. What a user has set wins.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nobody is told what runs here
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what goes wrong is said once, in a line of ours
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is ours too
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # … and standard error
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # a pickle could run anything; our models have none
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry our password to another server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds; with the next two, a server that is gone costs seconds, not minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # at once, and after two seconds: a database may have been restarted
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",  # a server could send us to any address, for any size
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",  # likewise
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # a server could ask for an hour
}.items():
    os.environ.setdefault(_name, _value)
