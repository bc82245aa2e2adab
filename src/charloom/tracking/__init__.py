"""The MLflow record: the only package that imports MLflow. Runs and models in MLflow are created from files.

No result depends on this package, and no MLflow store can delay a training or make it fail. A *store* is MLflow's
database on this machine, or a server. A training writes its *record* (its start, points and end) and its files to an
*entry*, a folder in the *spool* (.charloom/spool). The *sender*, a process of its own, delivers entries to the store.

The modules, from the spool to the store:

    collect, study_delivery      add a run's files and missing points, or a study, to an entry
    spool, entries               the format of the spool; read an entry's record, its files and their checksums
    delivery                     start the sender and wait for its outcome; `charloom track`
    sender, rounds               the sender's process and its lock; its rounds, and its retries
    completion                   show, create and complete a run; create or update the run of a study
    models, served               send a run's models and register the better one; the code of a served model
    store, tag                   operations on experiments and runs; tags, and the columns of MLflow's page

The commands query a store in a subprocess (queries, query_process). `charloom ui` is in ui. All modules use address,
limits (time and memory) and reasons (error messages in one line).
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
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds; with the next two settings, a dead server costs seconds, not minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # immediately, and after two seconds: a database may have restarted
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",  # a server could name any address and any size
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # a server could request a delay of an hour
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",  # keep no connection to a file that another file may replace
}.items():
    os.environ.setdefault(_name, _value)
