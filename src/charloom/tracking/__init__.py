"""The MLflow record: the only package that imports MLflow. Runs and models in MLflow are created from files.

No result depends on this package, and no MLflow store can make a training fail. A *store* is MLflow's database on this
machine, or a server. The stage `track` collects a run from the result files, adds it to the outbox, and sends the
outbox's entries to the store. What was not sent stays in the outbox until `charloom track`, or the next `track`.

    collect, study_entry     add this folder's run, or a study, to the outbox
    outbox                   the entries that wait
    delivery                 send the outbox, within a time limit: for `track`, `charloom track` and `charloom study`
    sending                  log a run or a study; the only module with the rules for equal and incomplete runs
    models, served           send a run's models and register the better one; the code of a served model
    store, tag               operations on experiments and runs; tags, and the columns of MLflow's page
    queries, ui              questions of the commands to a store; `charloom ui`

All modules use address, limits (time) and reasons (error messages in one line).
"""

import os

# MLflow reads some of these variables when it is imported. A value that the user has set wins.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # send no usage data
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # charloom reports each error itself, in one line
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # charloom alone prints to standard output
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # charloom alone prints to standard error
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # a pickle can execute any code; our models contain no pickle
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry our password to another server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds, so that a dead server costs seconds, not minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # see sending.py
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",  # a server could name any address and any size
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # a server could request a delay of an hour
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",  # keep no connection to a file that another file may replace
}.items():
    os.environ.setdefault(_name, _value)
