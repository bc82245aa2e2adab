"""The names of the tags that charloom writes in MLflow."""

# of experiments
TEXT = "charloom.text_sha256"  # SHA-256 of the text, or `studies`; runs have this tag, too
STUDIES = "charloom.studies"  # the experiment for studies, whose runs are not runs of the pipeline
SENDING = "charloom.sending"  # begins the tags of experiment_lock.py

# of the pipeline's runs
KEY = "charloom.experiment"  # the experiment key; earlier versions added a suffix :1, :2, … for runs with other results
RESULTS = "charloom.results"  # the hash of the results; only a complete run has it
DIFFERS = "charloom.differs_from"  # the earlier run of the same experiment, which has other results
RECORD = "charloom.record"  # the record (see results/spool.py) with the run's points
TRAININGS = "charloom.trainings"  # the list of trainings in JSON
REPRODUCTIONS = "charloom.reproductions"  # the number of trainings after the first with the same results
SETTING = "charloom.setting"  # the run's setting, which is its name without the seed
UNCOMMITTED = "charloom.uncommitted_changes"  # `true`, `false`, or why that is unknown

# of a study's run
STUDY = "charloom.study"  # the study's file
QUESTION = "charloom.study_question"  # the digest of the question
VERDICT = "charloom.verdict"  # the answer in one line
COUNTS = ("better", "worse", "no difference", "cannot tell")  # numbers of effects or settings, as narrow columns
TRIALS = "charloom.trials"  # the number of trials that the answer is from

# of a version of a registered model
MEASURED, COMPARABLE = "charloom.measure", "charloom.comparable"  # the measure, and the key of comparable versions

# MLflow's own
USER = "mlflow.user"  # the senders, as MLflow's pages show them
NOTE = "mlflow.note.content"
COMMIT = "mlflow.source.git.commit"
